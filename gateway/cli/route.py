"""`guichet route`: the routes of the desk, and what another desk file would do to the mails that came last."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.house import acting, current_setup, json_option, opened, zone_of
from gateway.cli.inbound_filters import MOMENT, past_moment
from gateway.cli.shown import in_zone, say, say_json, say_table

if TYPE_CHECKING:
    from core.setup import Route
    from gateway.bootstrap import House
    from gateway.inbound.rehearse import Rehearsal, Which

COLUMNS = ("connector", "name", "kind", "address", "process", "category", "effect", "test", "enabled", "when", "unless")
CONDITIONS = ("when", "unless")
CHANGES = ("mail", "received_at", "from", "subject", "recipient", "before", "after", "because")


@click.group()
def command() -> None:
    """The routes of the desk, in the order in which they are tried.

    \b
    guichet route list
    guichet route rehearse desk.toml
    guichet route rehearse desk.toml --since P7D --connector support
    """


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Every route."""
    with opened(ctx) as house:
        found: list[dict[str, Any]] = [_listed(route) for route in house.setup().routes]
    say_table(found, COLUMNS, as_json=as_json)


def _listed(route: Route) -> dict[str, Any]:
    from core.plain import to_plain

    return {name: to_plain(value, full=False) if name in CONDITIONS else value for name, value in ((name, getattr(route, name)) for name in COLUMNS)}


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--last", type=click.IntRange(1, 20_000), default=500, show_default=True, help="At most so many mails, the newest.")
@click.option("--since", metavar="TIME", help=f"Only mails received then or later: {MOMENT}.")
@click.option("--connector", default="", metavar="NAME", help="Only mails of this mailbox.")
@json_option
@click.pass_context
def rehearse(ctx: click.Context, file: Path, last: int, since: str | None, connector: str, as_json: bool) -> None:
    """Which of the last mails would be decided differently if the desk were as FILE says, and how. Nothing is written.

    Both desks are asked about the same mails and the items as they are now; how long ago a mail came is not looked at.
    """
    from core.refusal import Refused
    from gateway.deskfile import read_desk
    from gateway.inbound.rehearse import Which

    desk = read_desk(file)
    with opened(ctx) as house:
        setup = current_setup(house)
        if connector and connector not in {**setup.connector_named, **desk.setup.connector_named}:
            raise Refused(f"There is no connector “{connector}”.")
        person = acting(house, None)
        found = _rehearsed(house, desk.over(setup), Which(last, past_moment(house, person, since), connector))
        zone = zone_of(house, person)
    if as_json:
        say_json(found.as_json())
    else:
        _say(found, zone)


def _rehearsed(house: House, new: Any, which: Which) -> Rehearsal:
    """With a bar on a terminal."""
    from gateway.inbound.isolate import read_mail
    from gateway.inbound.rehearse import Stage, rehearse

    stage = Stage(house.database, house.keys, house.clock, read_mail)
    old = current_setup(house)
    if not sys.stderr.isatty():
        return rehearse(stage, old, new, which)
    with click.progressbar(length=which.last, label="Rehearsing", file=sys.stderr) as bar:

        def seen(done: int, of: int) -> None:
            bar.length = of
            bar.update(1)

        return rehearse(stage, old, new, which, seen=seen)


def _say(found: Rehearsal, zone: str) -> None:
    said = found.as_json()
    if said["changes"]:
        say_table(in_zone(said["changes"], zone), CHANGES)
        say()
        say_table(said["counts"], ("mails", "before", "after"))
        say()
    say(f"{found.mails} mails: {found.changed_mails} would change, unchanged {found.unchanged}.{_not_read(found)}")


def _not_read(found: Rehearsal) -> str:
    return f" {found.not_read} could not be rehearsed now." if found.not_read else ""
