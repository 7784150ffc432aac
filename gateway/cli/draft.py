"""`guichet draft`: mails that are begun on items, and sent later; their options are those of `guichet item mail`."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.house import acting, as_option, json_option, moment_of, opened, zone_of
from gateway.cli.item_mail import ask_before_send, say_sent
from gateway.cli.letter_options import as_letter, letter_options
from gateway.cli.shown import in_zone, say, say_fields, say_json, say_table

COLUMNS = ("id", "version", "updated_at", "updated_by", "editor", "kind", "to", "subject", "files")


@click.group()
def command() -> None:
    """Mails that are begun: kept for 90 days after the last change, open for one person at a time.

    \b
    guichet draft save 101203-T --text "Dear Carl,"
    guichet draft list 101203-T
    guichet draft save 101203-T --draft 0abc… --subject "Your lamp" --attach invoice.pdf
    guichet draft send 0abc…
    """


@command.command("list")
@click.argument("ref")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, /, ref: str, by: str | None, as_json: bool) -> None:
    """The drafts of the item REF, the oldest first."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.list_drafts(ref, person), zone_of(house, person)
    say_table(found if as_json else [_row(in_zone(one, zone)) for one in found], COLUMNS, as_json=as_json)


def _row(draft: dict[str, Any]) -> dict[str, Any]:
    return {**draft, "to": ", ".join(draft["to"]), "files": len(draft["files"])}


@command.command()
@click.argument("ref")
@click.option("--draft", default="", metavar="ID", help="The draft that is changed; what is not given stays. Without it a new one is begun.")
@click.option("--version", type=int, help="The version you began from: refused if somebody changed it since.")
@click.option("--without", multiple=True, metavar="ID", help="A file that it carries no more.")
@letter_options
@as_option
@json_option
@click.pass_context
def save(ctx: click.Context, /, ref: str, by: str | None, as_json: bool, send_at: str | None, **given: Any) -> None:
    """Keep a mail that is begun on the item REF."""
    asked = as_letter(given)
    with opened(ctx) as house:
        person = acting(house, by)
        kept = house.desk.save_draft(ref, person, send_at=moment_of(house, person, send_at), **asked)
        zone = zone_of(house, person)
    if as_json:
        say_json(kept)
    else:
        say(f"{kept['id']} version {kept['version']}, yours until {in_zone(kept, zone)['editor_until']}")


@command.command()
@click.argument("id")
@as_option
@json_option
@click.pass_context
def show(ctx: click.Context, /, id: str, by: str | None, as_json: bool) -> None:
    """One draft, without opening it."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.show_draft(id, person), zone_of(house, person)
    _say(found, zone, as_json)


@command.command("open")
@click.argument("id")
@click.option("--take-over", is_flag=True, help="Also if somebody of your team has it open.")
@as_option
@json_option
@click.pass_context
def open_(ctx: click.Context, /, id: str, take_over: bool, by: str | None, as_json: bool) -> None:
    """Have a draft for yourself for ten minutes."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.open_draft(id, person, take_over=take_over), zone_of(house, person)
    _say(found, zone, as_json)


@command.command()
@click.argument("id")
@as_option
@json_option
@click.pass_context
def close(ctx: click.Context, /, id: str, by: str | None, as_json: bool) -> None:
    """Let others have a draft."""
    with opened(ctx) as house:
        found = house.desk.close_draft(id, acting(house, by))
    if as_json:
        say_json(found)
    else:
        say(f"{found['id']} is free.")


@command.command()
@click.argument("id")
@as_option
@json_option
@click.pass_context
def delete(ctx: click.Context, /, id: str, by: str | None, as_json: bool) -> None:
    """Throw a draft away; its files stay on the item."""
    with opened(ctx) as house:
        gone = house.desk.delete_draft(id, acting(house, by))
    if as_json:
        say_json(gone)
    else:
        say(f"{gone['id']} is deleted.")


@command.command()
@click.argument("id")
@click.option("--anyway", is_flag=True, help="Also files that are kept back as dangerous.")
@click.option("--yes", is_flag=True, help="Send without being asked, whatever there is to be warned of.")
@as_option
@json_option
@click.pass_context
def send(ctx: click.Context, /, id: str, anyway: bool, yes: bool, by: str | None, as_json: bool) -> None:
    """Send a draft: it becomes a mail in the outbox."""
    with opened(ctx) as house:
        person = acting(house, by)
        said = house.desk.draft_warnings(id, person)
        ask_before_send(said, yes=yes)
        message, zone = house.desk.send_draft(id, person, anyway=anyway), zone_of(house, person)
    say_sent(message, zone, as_json, told=said, by=by)


def _say(draft: dict[str, Any], zone: str, as_json: bool) -> None:
    if as_json:
        say_json(draft)
    else:
        say_fields(in_zone(draft, zone))
