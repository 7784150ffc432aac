"""`guichet connector list`, `show` and `begin`: how the mailboxes fare, and from where on one is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connector_owed import owed
from gateway.cli.connector_sending import iso, sending_of
from gateway.cli.house import acting, current_setup, json_option, opened, zone_of
from gateway.cli.shown import in_zone, say, say_fields, say_json, say_table

if TYPE_CHECKING:
    from core.setup import Connector
    from gateway.store.mailbox_figures import MailboxFigures

COLUMNS = (
    "name",
    "address",
    "direction",
    "incoming",
    "outgoing",
    "enabled",
    "state",
    "on_server",
    "taken_in",
    "waiting",
    "oldest_waiting_at",
    "looked_at",
    "last_success_at",
)
ONE_FOLDER = {"pop3": ("POP3",), "maildir": ("Maildir",)}
"""Kinds without folders, and what stands for them."""
CHOICES = ("now", "unseen", "since", "archive")


@click.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Every connector, how it takes mail in and sends it, and how fetching fares.

    on_server, taken_in and waiting are as of looked_at: a mailbox that is suspended or in trouble keeps the figures of the last look.
    """
    with opened(ctx) as house:
        connectors = current_setup(house).connectors
        figures = _figures(house, connectors)
        found = [_line(one, figures.get(one.name)) for one in connectors]
        zone = "" if as_json else zone_of(house, acting(house, None))
    say_table(found if as_json else in_zone(found, zone), COLUMNS, as_json=as_json)


@click.command("show")
@click.argument("name")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """One connector: its last success and error, what waits and since when, each folder (what was chosen, on the server, taken in), and how sending fares.

    \b
    guichet connector show support
    """
    with opened(ctx) as house:
        connector = _named(house, name)
        figures = _figures(house, [connector]).get(name)
        with house.database.read() as connection:
            waiting_for = owed(connection, connector) if figures else []
        zone = zone_of(house, acting(house, None))
        sending = sending_of(house, connector)
    line = _line(connector, figures) | _more(figures) | ({"owed": waiting_for} if waiting_for else {}) | ({"sending": sending} if sending else {})
    if as_json:
        say_json(line)
        return
    shown = in_zone(line, zone)
    say_fields(shown, leave_out=("folders", "owed", "sending"))
    for folder in shown.get("folders", ()):
        say()
        say_fields(folder)
    if sending:
        say("\nSending")
        say_fields(shown["sending"])
    if waiting_for:
        say(f"\nOwed by the mailbox; guichet connector give-up {name} SOURCE leaves one there:")
        say_table(shown["owed"], ("source", "since"), as_json=False)


@click.command("begin")
@click.argument("name")
@click.option(
    "--from", "choice", type=click.Choice(CHOICES), required=True, help="Old mail: left alone (now), the unread, since a date, or all as archive."
)
@click.option("--since", "since", metavar="DATE", help="With --from since: a date such as 2026-11-01.")
@click.option("--folder", metavar="FOLDER", help="Only this folder.")
@json_option
@click.pass_context
def begin(ctx: click.Context, name: str, choice: str, since: str | None, folder: str | None, as_json: bool) -> None:
    """Decide anew which old mail of a mailbox is taken in. New mail is not touched by it, and nothing is taken in twice.

    It is carried out at the next look into the mailbox, by the role poll. Mail taken in as archive can be seen and searched; nothing automatic leaves for it.

    \b
    guichet connector begin support --from since --since 2026-11-01
    guichet connector begin support --from archive
    """
    from core.refusal import Refused
    from gateway.store.mailboxes import choose

    if (choice == "since") != (since is not None):
        raise Refused("--since DATE belongs to --from since, and only to that.")
    chosen = f"since {_date(since)}" if since is not None else choice
    with opened(ctx) as house:
        connector = _named(house, name)
        if not _is_polled(connector):
            raise Refused(f"Connector {name} fetches no mail: it has no incoming of the kind imap, pop3 or maildir.")
        if choice == "unseen" and connector.incoming.get("kind") == "pop3":
            raise Refused(f"Connector {name} is fetched from by POP3, which does not know what was read: choose now, since or archive.")
        with house.database.durable() as connection:
            changed = choose(connection, name, chosen, folder or "", _folders(connector))
    if folder and not changed:
        raise Refused(f"Connector {name} reads no folder {folder}.")
    found = [{"folder": one.folder, "on_server": one.seen, "taken_in": one.stored, "choice": chosen} for one in changed]
    if as_json:
        say_json(found)
        return
    for one in found:
        say(
            f"{name}, {one['folder']}: {one['on_server']} messages on the server when last looked, {one['taken_in']} taken in; from the next look on: {chosen}."
        )


def _named(house: Any, name: str) -> Connector:
    from core.refusal import Refused

    connector = current_setup(house).connector_named.get(name)
    if connector is None:
        raise Refused(f"There is no connector {name}; guichet connector list shows them.")
    return connector


def _date(text: str) -> str:
    from datetime import date

    from core.refusal import Refused

    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Refused(f"“{text}” is no date such as 2026-11-01.") from None


def _is_polled(connector: Connector) -> bool:
    from gateway.connector_kinds import POLLED_KINDS

    return connector.receives and connector.incoming.get("kind") in POLLED_KINDS


def _folders(connector: Connector) -> tuple[str, ...]:
    """Folders that may not have been looked into yet, so that the choice is there before the first look."""
    from gateway.inbound.imap_place import wishes_of

    return ONE_FOLDER.get(str(connector.incoming.get("kind")), ()) or wishes_of(connector, 0).folders


def _figures(house: Any, connectors: Any) -> dict[str, MailboxFigures]:
    from gateway.store.mailbox_figures import mailbox_figures

    with house.database.read() as connection:
        return {one.name: one for one in mailbox_figures(connection, [one.name for one in connectors if _is_polled(one)])}


def _line(connector: Connector, figures: MailboxFigures | None) -> dict[str, Any]:
    line: dict[str, Any] = {
        "name": connector.name,
        "address": connector.address,
        "direction": connector.direction,
        "incoming": connector.incoming.get("kind", ""),
        "outgoing": connector.outgoing.get("kind", ""),
        "enabled": connector.enabled,
    }
    if figures is None:
        return line
    return line | {
        "state": figures.state if connector.enabled else "disabled",
        "on_server": figures.seen,
        "taken_in": figures.stored,
        "waiting": figures.waiting,
        "oldest_waiting_at": iso(figures.oldest_waiting_at),
        "looked_at": iso(figures.looked_at(_folders(connector))),
        "last_success_at": iso(figures.health.last_success_at),
    }


def _more(figures: MailboxFigures | None) -> dict[str, Any]:
    if figures is None:
        return {}
    health = figures.health
    folders = [
        {
            "folder": one.folder,
            "choice": one.choice,
            "begun_at": iso(one.begun_at),
            "on_server": one.seen,
            "taken_in": one.stored,
            "waiting": one.waiting,
            "oldest_waiting_at": iso(one.oldest_waiting_at),
            "looked_at": iso(one.looked_at),
        }
        for one in figures.folders
    ]
    return {
        "last_error": health.last_error,
        "last_error_at": iso(health.last_error_at),
        "suspended": health.suspended,
        "tried_again_at": iso(health.suspended_until),
        "folders": folders,
    }
