"""`guichet outbox`: outgoing mails, one by one, by a list of ids, or by a filter; lists and counts are `outbox_lists.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from gateway.cli.handing import hand_out, output_option
from gateway.cli.house import acting, as_option, json_option, moment_of, opened, zone_of
from gateway.cli.letter_options import uploads
from gateway.cli.outbox_lists import FILTERS, counts, filters_of, list_, sent, view
from gateway.cli.outbox_mail import say_mail
from gateway.cli.shown import in_zone, say, say_json

DEEDS: dict[str, tuple[str, str]] = {
    "send-now": ("Send mails that wait for an undo, their time or their next try.", "to be sent now"),
    "retry": ("Try failed, returned or uncertain mails once more; also those that wait for a try or a disabled connector.", "to be tried again"),
    "cancel": ("Undo or cancel mails that have not left.", "cancelled"),
    "hold": ("Keep mails back until they are released.", "held"),
    "release": ("Let held mails go. Many at once leave as fast as the rate of their connector allows.", "released"),
    "mark-sent": ("Mails of unknown outcome are known to have arrived.", "marked as sent"),
}
"""Command → (help, what is said when it is done); what they do is `gateway.desk_outbox.DEEDS`."""
ASKING = frozenset({"send-now", "retry", "release"})
"""Those that refuse once where the customer wrote or a colleague answered since."""


@click.group()
def command() -> None:
    """Outgoing mails: what waits, what failed, and what is done with it.

    \b
    guichet outbox list --view team --sort -last_attempt
    guichet outbox list --state failed
    guichet outbox counts
    guichet outbox retry 0abc… 0def…
    guichet outbox retry --view team --state failed --all --dry-run
    guichet outbox edit 0abc… --at 2026-03-29T09:30
    guichet outbox release --state held --all
    guichet outbox sent --team --customer Acme
    guichet outbox eml 0abc… --output mail.eml
    """


for _one in (list_, counts, view, sent):
    command.add_command(_one)


@command.command()
@click.argument("id")
@as_option
@json_option
@click.pass_context
def show(ctx: click.Context, id: str, by: str | None, as_json: bool) -> None:
    """One mail with its recipients, attempts and history."""
    with opened(ctx) as house:
        person = acting(house, by)
        message, zone = house.desk.show_outbox(id, person), zone_of(house, person)
    if as_json:
        say_json(message)
    else:
        say_mail(in_zone(message, zone))


@command.command()
@click.argument("id")
@output_option
@as_option
@click.pass_context
def eml(ctx: click.Context, id: str, output: Path | None, by: str | None) -> None:
    """The mail as it left or would leave, with its signatures and without blind copies.

    \b
    guichet outbox eml 0abc… > mail.eml
    """
    with opened(ctx) as house:
        content = house.mail_bytes.eml(id, acting(house, by))
    hand_out(content, output, still="the mail is still in the outbox")


@command.command()
@click.argument("id")
@click.option("--subject", help="A new subject.")
@click.option("--text", help="A new text; “-” reads it from standard input.")
@click.option("--html", help="A new HTML text; “-” reads it from standard input.")
@click.option("--to", multiple=True, metavar="ADDRESS", help="New recipients in To, several times; “none” for nobody. The same for --cc and --bcc.")
@click.option("--cc", multiple=True, metavar="ADDRESS")
@click.option("--bcc", multiple=True, metavar="ADDRESS")
@click.option("--attach", multiple=True, metavar="PATH", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A further file to go with it.")
@click.option("--file", "files", multiple=True, metavar="ID", help="A further file of the item (`guichet file list`).")
@click.option("--without", multiple=True, metavar="ID", help="A file that it carries no more.")
@click.option("--anyway", is_flag=True, default=None, help="Also files that are kept back as dangerous.")
@click.option("--at", "send_at", metavar="TIME", help="Another time: 2026-03-29T09:30 (in your zone), with a zone, or PT2H from now.")
@as_option
@json_option
@click.pass_context
def edit(ctx: click.Context, /, id: str, send_at: str | None, by: str | None, as_json: bool, **given: Any) -> None:
    """Change a mail that has not been tried; it keeps its Message-ID, and its attachments but for those taken away."""
    changes = {name: _given(value) for name, value in given.items() if value not in (None, ()) and name != "attach"}
    changes |= {"attach": uploads(given["attach"])} if given["attach"] else {}
    if not changes and send_at is None:
        raise click.UsageError("Say what to change: --subject, --text, --html, --to, --cc, --bcc, --attach, --file, --without or --at.")
    with opened(ctx) as house:
        person = acting(house, by)
        moment, zone = moment_of(house, person, send_at), zone_of(house, person)
        message = house.desk.edit_mail(id, person, send_at=moment, **changes)
    if as_json:
        say_json(message)
        return
    say(f"{message['id']} {message['state']}, to be sent {in_zone(message, zone)['due_at']}")
    for warning in message["warnings"]:
        click.echo(warning, err=True)


def _given(value: Any) -> Any:
    if isinstance(value, tuple):
        return () if value == ("none",) else value
    return sys.stdin.read() if value == "-" else value


def _bulk(name: str, text: str, done: str) -> click.Command:
    """A command that does one deed with each of several mails; exit 2 if any was refused."""

    def deed(ctx: click.Context, ids: tuple[str, ...], everything: bool, dry_run: bool, by: str | None, as_json: bool, **given: Any) -> int:
        filters, more = filters_of(given), {key: given[key] for key in ("reason", "anyway") if key in given}
        if bool(ids) == bool(everything) or (everything and not filters) or (ids and filters):
            raise click.UsageError("Say which mails: ids, or a filter with --all.")
        with opened(ctx) as house:
            person = acting(house, by)
            found = house.desk.do_with_mails(name, person, ids=ids, dry_run=dry_run, **more, **filters_of(given, house, person))
            return say_results(found, done, as_json)

    deed.__doc__ = text
    options: list[Callable[..., Any]] = [
        click.pass_context,
        json_option,
        as_option,
        click.option("--dry-run", is_flag=True, help="Do nothing; say what would be done."),
        *([click.option("--anyway", is_flag=True, help="Also if the customer wrote or a colleague answered since.")] if name in ASKING else []),
        *([click.option("--reason", default="", help="Why; it stands in the history.")] if name in ("cancel", "hold", "mark-sent") else []),
        click.option("--all", "everything", is_flag=True, help="Needed with a filter instead of ids."),
        *FILTERS,
        click.argument("ids", nargs=-1),
    ]
    function: Any = deed
    for option in options:
        function = option(function)
    return click.command(name, help=text)(function)


def each(ids: Sequence[str], deed: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """The deed with each id; a refusal of one is its result and does not keep the others from being done."""
    from core.refusal import Refused
    from core.transitions import IllegalTransition

    results: list[dict[str, Any]] = []
    for id in ids:
        try:
            results.append({**deed(id), "done": True})
        except (Refused, IllegalTransition) as refused:
            results.append({"id": id, "done": False, "because": str(refused)})
    return results


def say_results(results: Iterable[dict[str, Any]], done: str, as_json: bool) -> int:
    """What became of each, as it comes; exit code 2 if any was refused."""
    told: list[dict[str, Any]] = []
    refused = False
    for result in results:
        refused |= "because" in result
        if as_json:
            told.append(result)
        if "because" in result:
            click.echo(f"{result['id']}: {result['because']}", err=True)
        elif not as_json:
            say(f"{result['id']} {done}" if result["done"] else f"{result['id']} would be {done.removeprefix('to be ')} ({result['state']} → {result['would_be']})")
    if as_json:
        say_json(told)
    return 2 if refused else 0


for _name, (_text, _done) in DEEDS.items():
    command.add_command(_bulk(_name, _text, _done))
