"""`guichet outbox`: outgoing mails, one by one, by a list of ids, or by a filter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from core.outbox import OutboxState
from gateway.cli.house import acting, as_option, json_option, moment_of, opened, zone_of
from gateway.cli.shown import in_zone, say, say_fields, say_json, say_table

COLUMNS = ("id", "state", "due_at", "item", "from", "to", "subject", "attempts", "last_error", "warnings")

STATE = click.Choice([state.value for state in OutboxState])

DEEDS: dict[str, tuple[str, str, str]] = {
    "send-now": ("send_mail_now", "Send a mail that waits for an undo, its time or its next try.", "to be sent now"),
    "retry": ("retry_mail", "Try failed, returned or uncertain mails once more.", "to be tried again"),
    "cancel": ("cancel_mail", "Undo or cancel mails that have not left.", "cancelled"),
    "hold": ("hold_mail", "Keep mails back until they are released.", "held"),
    "release": ("release_mail", "Let held mails go.", "released"),
}
"""Command → (method of the desk, help, what is said when it is done)."""


@click.group()
def command() -> None:
    """Outgoing mails: what waits, what failed, and what is done with it.

    \b
    guichet outbox list --state failed
    guichet outbox retry 0abc… 0def…
    guichet outbox edit 0abc… --at 2026-03-29T09:30
    guichet outbox release --state held --all
    """


@command.command("list")
@click.option("--state", "states", type=STATE, metavar="STATE", multiple=True, help=f"{' '.join(OutboxState)}; several times.")
@click.option("--item", "ref", default="", metavar="REF", help="Only mails of this item.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many.")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, states: tuple[str, ...], ref: str, limit: int, by: str | None, as_json: bool) -> None:
    """Mails within sight, those due last first."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.list_outbox(person, states=states, ref=ref, limit=limit), zone_of(house, person)
    say_table(found if as_json else in_zone(found, zone), COLUMNS, as_json=as_json)


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
        say_fields(in_zone(message, zone))


@command.command()
@click.argument("id")
@click.option("--subject", help="A new subject.")
@click.option("--text", help="A new text; “-” reads it from standard input.")
@click.option("--at", "send_at", metavar="TIME", help="Another time: 2026-03-29T09:30 (in your zone), with a zone, or PT2H from now.")
@as_option
@json_option
@click.pass_context
def edit(ctx: click.Context, id: str, subject: str | None, text: str | None, send_at: str | None, by: str | None, as_json: bool) -> None:
    """Change a mail that has not been tried; it keeps its Message-ID."""
    if subject is None and text is None and send_at is None:
        raise click.UsageError("Say what to change: --subject, --text or --at.")
    with opened(ctx) as house:
        person = acting(house, by)
        moment, zone = moment_of(house, person, send_at), zone_of(house, person)
        message = house.desk.edit_mail(id, person, subject=subject, text=sys.stdin.read() if text == "-" else text, send_at=moment)
    if as_json:
        say_json(message)
    else:
        say(f"{message['id']} {message['state']}, to be sent {in_zone(message, zone)['due_at']}")


def _bulk(name: str, method: str, text: str, done: str) -> click.Command:
    """A command that does one deed with each of several mails; exit 2 if any was refused."""

    @click.command(name, help=text)
    @click.argument("ids", nargs=-1)
    @click.option("--state", "states", type=STATE, metavar="STATE", multiple=True, help="Instead of ids: all mails in this state.")
    @click.option("--item", "ref", default="", metavar="REF", help="Instead of ids: all mails of this item.")
    @click.option("--all", "everything", is_flag=True, help="Needed with a filter instead of ids.")
    @as_option
    @json_option
    @click.pass_context
    def deed(ctx: click.Context, ids: tuple[str, ...], states: tuple[str, ...], ref: str, everything: bool, by: str | None, as_json: bool) -> int:
        if not ids and not (everything and (states or ref)):
            raise click.UsageError("Say which mails: ids, or a filter with --all.")
        with opened(ctx) as house:
            person = acting(house, by)
            chosen = ids or tuple(mail["id"] for mail in house.desk.list_outbox(person, states=states, ref=ref, limit=10_000))
            results = each(chosen, lambda id: getattr(house.desk, method)(id, person))
        return say_results(results, done, as_json)

    return deed


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


def say_results(results: Sequence[dict[str, Any]], done: str, as_json: bool) -> int:
    """What became of each; exit code 2 if any was refused."""
    if as_json:
        say_json(list(results))
    for result in results:
        if not result["done"]:
            click.echo(f"{result['id']}: {result['because']}", err=True)
        elif not as_json:
            say(f"{result['id']} {done}")
    return 0 if all(result["done"] for result in results) else 2


for _name, (_method, _text, _done) in DEEDS.items():
    command.add_command(_bulk(_name, _method, _text, _done))
