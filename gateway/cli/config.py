"""`guichet config`: the desk as a file, and the settings as they are in force."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.house import acting, as_option, current_setup, json_option, opened, settings_of, zone_of
from gateway.cli.shown import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from core.setup import Setup
    from core.setup_parts import Change
    from gateway.bootstrap import House


@click.group()
def command() -> None:
    """The desk as a file (apply, export), who changed it (history), and the settings in force (show).

    \b
    guichet config export > desk.toml
    guichet config apply desk.toml --dry-run
    guichet config apply desk.toml
    """


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only print what would change.")
@click.option("--remove-routes", is_flag=True, help="Also remove routes that people made from mails (inbound route) and FILE does not have.")
@click.option("--as", "by", metavar="EMAIL", help="Whom the history names; without it the first administrator.")
@json_option
@click.pass_context
def apply(ctx: click.Context, file: Path, dry_run: bool, remove_routes: bool, by: str | None, as_json: bool) -> None:
    """Make the desk what FILE says, all or nothing; what is not in the file is removed. Applying twice changes nothing.

    Routes made from mails since FILE was exported are named, and removed only with --remove-routes. What people chose for themselves (signature,
    absence, deputy, by_mail) and FILE does not name stays as it is. Exit 2: nothing was changed.
    """
    from core.refusal import Refused
    from core.setup_parts import diff
    from gateway.deskfile import read_desk

    desk = read_desk(file)
    for warning in desk.warnings:
        click.echo(f"Warning: {warning}", err=True)
    with opened(ctx) as house:
        if dry_run:
            with house.database.read() as connection:
                current = house.setups.current(connection)
                changes = diff(current, desk.over(current))
                said = _would_lose(connection, changes, file)
            if said:
                click.echo(f"Warning: {said}", err=True)
        else:
            author = _author(house, by)
            with house.database.durable() as connection:
                becomes = desk.over(house.setups.locked(connection))
                changes = house.setups.save(connection, becomes, author, house.clock.now())
                said = "" if remove_routes else _would_lose(connection, changes, file)
                if said:
                    raise Refused(said)  # nothing of it was committed
        _warn_of_missing_files(house, desk.setup)
    if as_json:
        say_json([asdict(change) for change in changes])
        return
    for change in changes:
        say(str(change))
    if not changes:
        say("Nothing to change: the desk is already as the file says.")
    elif dry_run:
        say(f"{len(changes)} changes would be made; nothing was written. What they would do to the last mails: guichet route rehearse {file}")


def _would_lose(connection: Connection, changes: Sequence[Change], file: Path) -> str:
    """The sentence about routes that people made from mails and the file does not have; '' if there are none."""
    from gateway.store.routes_by_hand import made_by_hand

    made = made_by_hand(connection, [change.name for change in changes if change.kind == "route" and change.change == "removed"])
    if not made:
        return ""
    return (
        f"These routes were made from mails and are not in {file}, so applying it removes them: {', '.join(map(str, made))}. "
        "To keep them, take them into the file (guichet config export shows them); to remove them, apply it with --remove-routes."
    )


def _warn_of_missing_files(house: House, setup: Setup) -> None:
    """Files that templates and canned texts name and the desk does not have: the mails go without them."""
    from gateway.deskfile.word_checks import files_named
    from gateway.outbound.sealing import from_shelf

    named = files_named(setup)
    with house.database.read() as connection:
        _, missing = from_shelf(connection, list(named))
    for name in missing:
        click.echo(f"Warning: there is no file “{name}” on the desk, which {named[name]} brings; guichet file add --desk PATH puts one there.", err=True)


def _author(house: House, by: str | None) -> str:
    """The user named; else the first administrator, and before there is one the command line itself. Raises Refused for who is no user."""
    from core.mail import address_key
    from core.refusal import Refused

    if by:
        user = current_setup(house).user_of.get(address_key(by))
        if user is None:
            raise Refused(f"There is no active user “{by}”.")
        return user.email
    try:
        return acting(house, None)
    except Refused:
        return "command line"


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.pass_context
def export(ctx: click.Context, file: Path | None) -> None:
    """Write the desk as TOML to FILE or standard output; passwords are never in it."""
    from core.refusal import Refused
    from gateway.deskfile import write_desk

    with opened(ctx) as house:
        text = write_desk(current_setup(house))
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except OSError as fault:
        raise Refused(f"{file} was not written: {fault.strerror}.") from None


@command.command()
@json_option
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """The settings in force and where each comes from, secrets dotted."""
    from gateway.settings_source import shown

    rows = [{"key": key, "value": value, "from": origin} for key, value, origin in shown(settings_of(ctx))]
    say_table(rows, ("key", "value", "from"), as_json=as_json)


@command.command()
@click.option("--kind", default="", metavar="KIND", help="Only of this kind: desk, connector, route, user, mail_template, …")
@click.option("--name", default="", metavar="NAME", help="Only of this name.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many.")
@as_option
@json_option
@click.pass_context
def history(ctx: click.Context, kind: str, name: str, limit: int, by: str | None, as_json: bool) -> None:
    """Who changed what in the desk and when, the newest first.

    \b
    guichet config history --kind route
    guichet config history --kind user --name ann@demo.example
    """
    from gateway.cli.connector_switch import say_history

    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.desk_history(person, kind=kind, name=name, limit=limit), zone_of(house, person)
    say_history(found, zone, ("at", "by", "kind", "name", "change", "what", "because"), as_json=as_json)
