"""`guichet connector give-up`: a message that its mailbox never gives is left there, so that nothing waits for it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.house import current_setup, opened
from gateway.cli.shown import say

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.setup import Connector

MOST_SHOWN = 50
"""Owed messages that `connector show` names, the oldest first."""


@click.command("give-up")
@click.argument("name")
@click.argument("source")
@click.pass_context
def give_up(ctx: click.Context, name: str, source: str) -> None:
    """Leave one message where it is: it is asked for no more, and no longer counts as waiting. Nothing is changed in the mailbox.

    SOURCE is what `connector show` names as owed (IMAP), or the source in the log line fetch_refused (POP3, Maildir).

    \b
    guichet connector give-up support INBOX/1700000000/42
    """
    from core.refusal import Refused
    from gateway.connector_kinds import POLLED_KINDS

    with opened(ctx) as house:
        connector = current_setup(house).connector_named.get(name)
        if connector is None or connector.incoming.get("kind") not in POLLED_KINDS:
            raise Refused(f"There is no connector {name} that fetches mail; guichet connector list shows them.")
        with house.database.durable() as connection:
            refusal = _left(connection, connector, source, house.clock.now())
    if refusal:
        raise Refused(refusal)
    say(f"{name}: {source} stays where it is and is asked for no more. guichet connector begin takes in old mail again.")


def owed(connection: Connection, connector: Connector) -> list[dict[str, str]]:
    """What an IMAP mailbox owes: chosen old mail that is still to come, and mail that could not be had or stored."""
    from gateway.store import mailboxes

    if connector.incoming.get("kind") != "imap":  # the others write down only what is ours or left alone
        return []
    found = mailboxes.owed(connection, connector.name, "", MOST_SHOWN)
    return [{"source": source, "since": since.isoformat().replace("+00:00", "Z")} for source, since in found]


def _left(connection: Connection, connector: Connector, source: str, now: Any) -> str:
    """'' once it is left alone, else why it cannot be."""
    from gateway.store import fetched, mailboxes

    known = fetched.known(connection, connector.name, [source])
    if known.get(source):
        return f"{source} is taken in already; guichet inbound show {known[source]} shows it."
    if connector.incoming.get("kind") == "imap":
        if source not in known:
            return f"Connector {connector.name} is owed no {source}; guichet connector show {connector.name} names what is owed."
        mailboxes.leave(connection, connector.name, [source])
        return ""
    if any(folder.choice == "archive" for folder in fetched.folders(connection, connector.name)):
        return f"Connector {connector.name} takes in all old mail (archive): move {source} out of the mailbox, then it is asked for no more."
    fetched.note(connection, [(connector.name, source, "")], now, touched=True)
    return ""
