"""`guichet inbound`: what came in, in lists and in full, and deeds on many messages at once; deeds on one are `inbound_deeds.py`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from gateway.cli import inbound_deeds, inbound_files
from gateway.cli.house import acting, as_option, json_option, opened, zone_of
from gateway.cli.inbound_filters import filter_options, wanted
from gateway.cli.outbox import each, say_results
from gateway.cli.shown import in_zone, say, say_fields, say_json, say_table

COLUMNS = ("id", "state", "received_at", "from", "subject", "items", "decided_by", "decided_at", "reason")

INNER = frozenset({"offset", "length", "encoding", "sha256", "charset"})
"""What of attachments is for programs: JSON has it, people are not shown it."""
MOST_AT_ONCE = 1_000
"""Messages that one call with a filter does something with."""

DEEDS: dict[str, tuple[str, str, str]] = {
    "replay": ("replay_inbound", "Process messages anew, as if they had just come; what was done with them stands.", "to be processed again"),
    "discard": ("discard_inbound", "Put messages aside; they are kept and can be taken back.", "discarded"),
    "take-back": ("take_back_inbound", "Let discarded messages wait for a decision again.", "waits for a decision again"),
    "undo": ("undo_inbound", "Undo what was decided about messages: joined, opened or discarded, they wait again as they did.", "waits for a decision again"),
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
    guichet inbound undo 0abc…
    guichet inbound move 0abc… --to 101203-T
    guichet inbound route 0abc… --from-sender --process "General support" --count
    guichet inbound edit 0abc… repaired.eml
    guichet inbound replay --state quarantined --reason Timeout --all
    guichet inbound list --state discarded
    """


@command.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many.")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, /, limit: int, by: str | None, as_json: bool, **filters: Any) -> None:
    """Messages within sight that fit every filter, the newest first; who decided about them, and when."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.list_inbound(person, limit=limit, **wanted(house, person, filters)), zone_of(house, person)
    say_table(found if as_json else in_zone(found, zone), _columns(found), as_json=as_json)


def _columns(found: list[dict[str, Any]]) -> list[str]:
    """Those that say something in this list; the first ones always."""
    return [column for column in COLUMNS if not column.startswith("decided") or any(message[column] for message in found)]


@command.command()
@filter_options
@as_option
@json_option
@click.pass_context
def count(ctx: click.Context, /, by: str | None, as_json: bool, **filters: Any) -> None:
    """How many messages there are in each state, in all and of the last 24 hours."""
    with opened(ctx) as house:
        person = acting(house, by)
        found = house.desk.count_inbound(person, **wanted(house, person, filters))
    if as_json:
        say_json(found)
        return
    say_table([{"state": state, **numbers} for state, numbers in found.items()], ("state", "total", "recent"))


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
        say_table(rows, [column for column in rows[0] if column not in INNER and any(row.get(column) for row in rows)])


@command.command()
@click.argument("id")
@click.option("--original", is_flag=True, help="As it came, also where a person has replaced the content since.")
@as_option
@click.pass_context
def raw(ctx: click.Context, id: str, original: bool, by: str | None) -> None:
    """The mail as it is processed, byte by byte, on standard output."""
    with opened(ctx) as house:
        content = house.desk.raw_inbound(id, acting(house, by), original=original)
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _bulk(name: str, method: str, text: str, done: str) -> click.Command:
    """A command that does one deed with each of several messages; exit 2 if any was refused."""

    @click.command(name, help=text)
    @click.argument("ids", nargs=-1)
    @filter_options
    @click.option("--all", "everything", is_flag=True, help="Needed with filters instead of ids.")
    @click.option("--limit", type=click.IntRange(1, MOST_AT_ONCE), default=MOST_AT_ONCE, show_default=True, help="With filters: at most so many, the newest.")
    @as_option
    @json_option
    @click.pass_context
    def deed(ctx: click.Context, /, ids: tuple[str, ...], everything: bool, limit: int, by: str | None, as_json: bool, **filters: Any) -> int:
        filtered = any(filters.values())
        if bool(ids) == filtered or (filtered and not everything):
            raise click.UsageError("Say which messages: ids, or filters with --all.")
        with opened(ctx) as house:
            person = acting(house, by)
            chosen = ids or tuple(one["id"] for one in house.desk.list_inbound(person, limit=limit, **wanted(house, person, filters)))
            results = each(chosen, lambda id: getattr(house.desk, method)(id, person))
        if not ids:
            click.echo(f"{sum(result['done'] for result in results)} of {len(results)} messages: {done}.", err=True)
        return say_results(results, done, as_json)

    return deed


for _name, (_method, _text, _done) in DEEDS.items():
    command.add_command(_bulk(_name, _method, _text, _done))
for _command in (*inbound_deeds.COMMANDS, *inbound_files.COMMANDS):
    command.add_command(_command)
