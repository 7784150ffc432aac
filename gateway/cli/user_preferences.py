"""`guichet user absent`, `notify`, `signing-key`: what a person chooses for themselves; the people of the desk are `user.py`."""

from __future__ import annotations

from typing import Any, BinaryIO

import click

from gateway.cli.house import acting, as_option, json_option, moment_of, opened, zone_of
from gateway.cli.shown import in_zone, say, say_json, say_table

_OCCASIONS = "assigned new_information failed at_risk overdue in_queue"


@click.command()
@click.argument("email")
@click.option("--until", metavar="TIME", help="Away until then: 2026-12-01T09:00 (in your zone), with a zone, or P14D from now.")
@click.option("--deputy", metavar="EMAIL", help="Who gets what wakes meanwhile; without a deputy it goes back to its queue.")
@click.option("--no-deputy", is_flag=True, help="Nobody: the queue.")
@click.option("--back", is_flag=True, help="There again.")
@as_option
@json_option
@click.pass_context
def absent(ctx: click.Context, email: str, until: str | None, deputy: str | None, no_deputy: bool, back: bool, by: str | None, as_json: bool) -> None:
    """Be away: no mail about items, and what wakes goes to the deputy or its queue. Without options only shown.

    \b
    guichet user absent ann@your.example --until 2026-12-01T09:00 --deputy bob@your.example
    guichet user absent ann@your.example --back
    """
    if (back and until) or (deputy and no_deputy):
        raise click.UsageError("--back goes without --until, --no-deputy without --deputy.")
    named = "" if no_deputy else deputy
    with opened(ctx) as house:
        person = acting(house, by)
        if until is None and named is None and not back:
            found = house.desk.absence(email, person)
        else:
            found = house.desk.set_absence(email, person, until=moment_of(house, person, until), back=back, deputy=named)
        zone = zone_of(house, person)
    if as_json:
        say_json(found)
        return
    shown = in_zone(found, zone)
    if not found["absent"]:
        say(f"{email} is there. Deputy: {found['deputy'] or 'nobody'}.")
    else:
        say(f"{email} is absent until {shown['absent_until']}. What wakes goes to {found['stands_in'] or 'its queue'}.")


@click.command()
@click.argument("email")
@click.option("--at-once", metavar="OCCASIONS", help=f"Told with a mail of its own: of {_OCCASIONS}, with commas; '' for none.")
@click.option("--digest", metavar="OCCASIONS", help="Collected, and told once a day.")
@click.option("--digest-at", metavar="HH:MM", help="When, in the person's zone.")
@click.option("--confirm/--no-confirm", default=None, help="Whether a mail of theirs that did something is confirmed.")
@click.option("--undo", metavar="DURATION", help="How long their answers by mail wait and can be taken back: PT0S to PT1H.")
@click.option("--show", is_flag=True, help="Only show it; so does naming nothing.")
@as_option
@json_option
@click.pass_context
def notify(
    ctx: click.Context,
    email: str,
    at_once: str | None,
    digest: str | None,
    digest_at: str | None,
    confirm: bool | None,
    undo: str | None,
    show: bool,
    by: str | None,
    as_json: bool,
) -> None:
    """What a user is told by mail. An occasion that is named in one list goes out of the other.

    \b
    guichet user notify ann@your.example --digest in_queue --digest-at 08:30
    guichet user notify ann@your.example --at-once assigned,new_information,failed
    """
    asked: dict[str, Any] = {"at_once": _listed(at_once), "digest": _listed(digest), "digest_at": digest_at, "confirm": confirm, "undo": _duration(undo)}
    with opened(ctx) as house:
        person = acting(house, by)
        nothing = show or all(one is None for one in asked.values())
        found = house.desk.told_by_mail(email, person) if nothing else house.desk.set_told_by_mail(email, person, **asked)
    if as_json:
        say_json(found)
        return
    say(f"at once: {', '.join(found['at_once']) or 'nothing'}")
    say(f"digest at {found['digest_at']}: {', '.join(found['digest']) or 'nothing'}")
    say(f"confirmations: {'yes' if found['confirm'] else 'no'}; answers by mail wait {found['undo']}")


@click.command("signing-key")
@click.argument("email")
@click.option("--add", "file", type=click.File("rb"), metavar="FILE", help="A certificate (X.509) or an OpenPGP public key; “-” reads standard input.")
@click.option("--list", "listed", is_flag=True, help="Only list them; so does naming nothing.")
@click.option("--remove", "number", type=int, metavar="N", help="Forget the one of this number.")
@as_option
@json_option
@click.pass_context
def signing_key(ctx: click.Context, email: str, file: BinaryIO | None, listed: bool, number: int | None, by: str | None, as_json: bool) -> None:
    """The keys by whose signature a user's mails are known as theirs (S/MIME, OpenPGP).

    \b
    guichet user signing-key ann@your.example --add ann.crt
    guichet user signing-key ann@your.example --list
    """
    if file is not None and number is not None:
        raise click.UsageError("--add and --remove go one by one.")
    with opened(ctx) as house:
        person = acting(house, by)
        if file is not None and not listed:
            found = house.desk.add_signing_key(email, person, _content(file))
        elif number is not None and not listed:
            found = house.desk.remove_signing_key(email, person, number)
        else:
            found = house.desk.signing_keys(email, person)
        zone = zone_of(house, person)
    for one in found:
        for warning in one["warnings"]:
            click.echo(f"Warning: key {one['number']}: {warning}", err=True)
    columns = ("number", "kind", "names", "valid_from", "valid_until", "fingerprint")
    say_table(found if as_json else in_zone(found, zone), columns, as_json=as_json)


def _content(file: BinaryIO) -> bytes:
    from gateway.inbound.signing_key import LARGEST

    return file.read(LARGEST + 1)


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _duration(text: str | None) -> Any:
    from core.durations import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as fault:
        raise click.UsageError(f"--undo: {fault}.") from None
