"""Deeds of `guichet inbound` on one message: join, open, move, edit, and a route made from it; lists and bulk are `inbound.py`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.house import acting, as_option, json_option, opened
from gateway.cli.inbound_filters import SINCE, UNTIL, past_moment
from gateway.cli.shown import cell, say, say_json


@click.command()
@click.argument("id")
@click.argument("ref")
@as_option
@json_option
@click.pass_context
def join(ctx: click.Context, id: str, ref: str, by: str | None, as_json: bool) -> None:
    """The message belongs to the item REF; the sender's address is remembered on its contact."""
    with opened(ctx) as house:
        message = house.desk.join_inbound(id, ref, acting(house, by))
    _done(message, as_json)


@click.command("open")
@click.argument("id")
@click.option("--process", default="", help="Name of a process; without it the one that the mailbox leads to.")
@as_option
@json_option
@click.pass_context
def open_(ctx: click.Context, id: str, process: str, by: str | None, as_json: bool) -> None:
    """A new item with the message, linked to the item it was held on."""
    with opened(ctx) as house:
        message = house.desk.open_inbound(id, acting(house, by), process=process)
    _done(message, as_json)


@click.command()
@click.argument("id")
@click.option("--to", "to", default="", metavar="REF", help="The item it goes to.")
@click.option("--new", is_flag=True, help="It becomes an item of its own, by the routes as if it belonged nowhere.")
@click.option("--process", default="", help="With --new: the process of the item, instead of what the routes say.")
@click.option("--from", "from_", default="", metavar="REF", help="The item it leaves, where it stands on several.")
@as_option
@json_option
@click.pass_context
def move(ctx: click.Context, id: str, to: str, new: bool, process: str, from_: str, by: str | None, as_json: bool) -> None:
    """A message that was appended to an item goes to another one or becomes its own; never the one that opened its item."""
    if bool(to) == new or (process and not new):
        raise click.UsageError("Say where it goes: --to REF, or --new with or without --process NAME.")
    with opened(ctx) as house:
        message = house.desk.move_inbound(id, acting(house, by), to=to, process=process, from_=from_)
    _done(message, as_json)


@click.command()
@click.argument("id")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@as_option
@json_option
@click.pass_context
def edit(ctx: click.Context, id: str, file: Path, by: str | None, as_json: bool) -> None:
    """A quarantined message is processed anew with the content of FILE (“-” is standard input); what came is kept: inbound raw --original."""
    from core.refusal import Refused

    with opened(ctx) as house:
        most = house.settings.smtp.max_size
        try:
            content = sys.stdin.buffer.read(most + 1) if str(file) == "-" else _read(file, most + 1)
        except OSError as fault:
            raise Refused(f"{file}: {fault.strerror}.") from None
        message = house.desk.edit_inbound(id, acting(house, by), content, most=most)
    _done(message, as_json)


def _read(file: Path, most: int) -> bytes:
    with file.open("rb") as stream:
        return stream.read(most)


@click.command()
@click.argument("id")
@click.option("--from-sender", is_flag=True, help="A route for the sender of this message, whatever address it writes to.")
@click.option("--to-recipient", is_flag=True, help="A route for the address this message was for.")
@click.option("--process", required=True, help="Name of the process that the route leads to.")
@click.option("--category", default="", help="Of the items it opens.")
@click.option("--name", default="", help="Of the route; without it one that says what it takes.")
@click.option("--connector", default="", metavar="NAME", help="The mailbox, where the message does not say it.")
@click.option("--automated", is_flag=True, help="Its items may be acknowledged automatically.")
@click.option("--count", "only_count", is_flag=True, help="Only say what it would take of the unhandled messages; nothing is written.")
@click.option("--apply", "applied", is_flag=True, help="Process anew what it takes of the unhandled messages.")
@SINCE
@UNTIL
@as_option
@json_option
@click.pass_context
def route(ctx: click.Context, /, id: str, only_count: bool, applied: bool, by: str | None, as_json: bool, **more: Any) -> None:
    """A route made from an unhandled message, live at once; --since and --until bound what it is counted against and applied to."""
    from_sender, to_recipient = more.pop("from_sender"), more.pop("to_recipient")
    if from_sender == to_recipient or (only_count and applied):
        raise click.UsageError("Say what the route looks at, either --from-sender or --to-recipient; and at most one of --count and --apply.")
    with opened(ctx) as house:
        person = acting(house, by)
        since, until = (past_moment(house, person, more[name]) for name in ("since", "until"))
        asked = {**more, "kind": "sender" if from_sender else "recipient", "since": since, "until": until}
        made = house.desk.count_route(id, person, **asked) if only_count else house.desk.route_from(id, person, apply=applied, **asked)
    if as_json:
        say_json(made)
        return
    say(f"{'Would be made' if only_count else 'Made'}: {cell(made['route'])}")
    say(f"Unhandled messages that it {'would take' if only_count else 'takes'}: {made['matching']}.{_replayed(made['replayed'], applied)}")


def _replayed(number: int, applied: bool) -> str:
    return f" {number} are processed again now." if applied else ""


def _done(message: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(message)
    else:
        items = ", ".join(message["items"])
        said = "is processed again now" if message["state"] == "new" else message["state"]
        say(f"{message['id']} {said}{f': {items}' if items else ''}")


COMMANDS: tuple[click.Command, ...] = (join, open_, move, edit, route)
