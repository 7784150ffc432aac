"""`guichet connector disable`, `enable`, `history` and `copy-again`: a connector switched off and on by hand, who changed what of it, copies given up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from gateway.cli.house import acting, as_option, json_option, opened, zone_of
from gateway.cli.shown import cell, in_zone, say, say_json, say_table

COLUMNS = ("at", "by", "change", "what", "because")


@click.command()
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="Why; it stands in the history.")
@as_option
@json_option
@click.pass_context
def disable(ctx: click.Context, name: str, reason: str, by: str | None, as_json: bool) -> None:
    """Switch a connector off: it takes no mail in and sends none. Its mails wait and show “connector disabled”; no try is used up.

    The desk file is not touched: applying one without enabled = false for this connector switches it on again.

    \b
    guichet connector disable support --reason "the provider moves our mailbox"
    """
    _switch(ctx, name, by, enabled=False, reason=reason, as_json=as_json)


@click.command()
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="Why; it stands in the history.")
@as_option
@json_option
@click.pass_context
def enable(ctx: click.Context, name: str, reason: str, by: str | None, as_json: bool) -> None:
    """Switch a connector on again: its mails go on in their order, scheduled times kept."""
    _switch(ctx, name, by, enabled=True, reason=reason, as_json=as_json)


@click.command()
@click.argument("name")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many.")
@as_option
@json_option
@click.pass_context
def history(ctx: click.Context, name: str, limit: int, by: str | None, as_json: bool) -> None:
    """Who changed what of a connector, the newest first; also of one that is gone.

    \b
    guichet connector history support
    """
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.connector_history(name, person, limit=limit), zone_of(house, person)
    say_history(found, zone, COLUMNS, as_json=as_json)


@click.command("copy-again")
@click.argument("name")
@as_option
@json_option
@click.pass_context
def copy_again(ctx: click.Context, name: str, by: str | None, as_json: bool) -> None:
    """Try the copies for the folder Sent once more that were given up after a week. The mails themselves have left and are not sent again.

    \b
    guichet connector copy-again support
    """
    with opened(ctx) as house:
        done = house.desk.copy_again(name, acting(house, by))
    if as_json:
        say_json(done)
        return
    say(f"{done['copies']} copies of mail of {name} are put into the folder Sent once more." if done["copies"] else f"No copy of mail of {name} was given up.")


def say_history(found: Iterable[Mapping[str, Any]], zone: str, columns: tuple[str, ...], *, as_json: bool) -> None:
    """Changes of the desk: as they are in JSON, in words for people."""
    rows = list(found)
    if as_json:
        say_json(rows)
        return
    say_table([{**in_zone(row, zone), "what": _what(row["keys"])} for row in rows], columns)


def _what(keys: Mapping[str, Any]) -> str:
    return "; ".join(f"{key} {cell(was) or '(none)'} → {cell(becomes) or '(none)'}" for key, (was, becomes) in keys.items())


def _switch(ctx: click.Context, name: str, by: str | None, *, enabled: bool, reason: str, as_json: bool) -> None:
    with opened(ctx) as house:
        done = house.desk.switch_connector(name, acting(house, by), enabled=enabled, reason=reason)
    if as_json:
        say_json(done)
        return
    state = "enabled" if enabled else "disabled"
    waits = f"; {done['waiting']} mails wait in its Outbox" if done["waiting"] else ""
    say(f"{name} is {state}{waits}." if done["changed"] else f"{name} was {state} already{waits}.")
    for warning in done["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
