"""`guichet inbound`: what came in, and the decisions about what was held, unhandled or quarantined."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from core.verdict import InboundState
from gateway.cli.house import acting, as_option, json_option, opened, zone_of
from gateway.cli.outbox import each, say_results
from gateway.cli.shown import in_zone, say, say_fields, say_json, say_table

COLUMNS = ("id", "state", "received_at", "from", "subject", "items", "reason")

STATE = click.Choice([state.value for state in InboundState])

DEEDS: dict[str, tuple[str, str, str]] = {
    "replay": ("replay_inbound", "Process messages anew, as if they had just come; what was done with them stands.", "to be processed again"),
    "discard": ("discard_inbound", "Put messages aside; they are kept and can be taken back.", "discarded"),
    "take-back": ("take_back_inbound", "Let discarded messages wait for a decision again.", "waits for a decision again"),
}
"""Command → (method of the desk, help, what is said when it is done)."""


@click.group()
def command() -> None:
    """Inbound messages, and what is decided about those that were held, unhandled or quarantined.

    \b
    guichet inbound list --state held --state unhandled
    guichet inbound show 0abc…
    guichet inbound join 0abc… 101203-T
    guichet inbound open 0abc… --process "General support"
    """


@command.command("list")
@click.option("--state", "states", type=STATE, metavar="STATE", multiple=True, help=f"{' '.join(InboundState)}; several times.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many.")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, states: tuple[str, ...], limit: int, by: str | None, as_json: bool) -> None:
    """Messages within sight, the newest first."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.list_inbound(person, states=states, limit=limit), zone_of(house, person)
    say_table(found if as_json else in_zone(found, zone), COLUMNS, as_json=as_json)


@command.command()
@click.argument("id")
@as_option
@json_option
@click.pass_context
def show(ctx: click.Context, id: str, by: str | None, as_json: bool) -> None:
    """One message with its text, verdicts, trace and history."""
    with opened(ctx) as house:
        person = acting(house, by)
        message, zone = house.desk.show_inbound(id, person), zone_of(house, person)
    if as_json:
        say_json(message)
    else:
        say_message(in_zone(message, zone))


def say_message(message: Mapping[str, Any]) -> None:
    """The fields of one message, then its texts, then what was found out and decided, as tables."""
    lists = {name: value for name, value in message.items() if isinstance(value, list) and value and isinstance(value[0], dict)}
    texts = {name: value for name, value in message.items() if isinstance(value, str) and "\n" in value}
    say_fields(message, leave_out=(*lists, *texts))
    for name, text in texts.items():
        say(f"\n{name.replace('_', ' ')}:")
        for line in text.splitlines():
            say(f"    {line}")
    for name, rows in lists.items():
        say(f"\n{name.replace('_', ' ')}:")
        say_table(rows, [column for column in rows[0] if any(row.get(column) for row in rows)])


@command.command()
@click.argument("id")
@as_option
@click.pass_context
def raw(ctx: click.Context, id: str, by: str | None) -> None:
    """The mail as it came, byte by byte, on standard output."""
    with opened(ctx) as house:
        content = house.desk.raw_inbound(id, acting(house, by))
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


@command.command()
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


@command.command("open")
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


def _done(message: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(message)
    else:
        say(f"{message['id']} {message['state']}: {', '.join(message['items'])}")


def _bulk(name: str, method: str, text: str, done: str) -> click.Command:
    """A command that does one deed with each of several messages; exit 2 if any was refused."""

    @click.command(name, help=text)
    @click.argument("ids", nargs=-1, required=True)
    @as_option
    @json_option
    @click.pass_context
    def deed(ctx: click.Context, ids: tuple[str, ...], by: str | None, as_json: bool) -> int:
        with opened(ctx) as house:
            person = acting(house, by)
            results = each(ids, lambda id: getattr(house.desk, method)(id, person))
        return say_results(results, done, as_json)

    return deed


for _name, (_method, _text, _done_words) in DEEDS.items():
    command.add_command(_bulk(_name, _method, _text, _done_words))
