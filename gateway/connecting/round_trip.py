"""The round trip: a mail from a connector to each of its own addresses, sent past the outbox, and awaited at the real door; what that shows is written down.

The mails bear a Message-ID that we signed, so whatever reads them takes them for our own mail coming back, and they open nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.mail import Address, address_key
from core.setup import Connector
from gateway.clock import Clock
from gateway.connecting.report import Failed, Trial
from gateway.connecting.smtp import hand_over, opened, server_for
from gateway.connecting.surroundings import Surroundings
from gateway.keys import Keys
from gateway.outbound.bodies import text_part
from gateway.outbound.headers import address_field, date_field, plus_tagged, text_field
from gateway.outbound.port import Outgoing
from gateway.outbound.session import Server
from gateway.outbound.wire import Wire
from gateway.store import comebacks, proofs
from gateway.store.comebacks import Comeback
from gateway.store.engine import Database
from gateway.store.setups import load

TAG = "0-TEST"
"""Stands in the plus-tag where a mail has the reference of its item."""
POLLED = ("imap", "pop3", "maildir")
ENVELOPE_DOORS = ("smtp", "lmtp")
SKEW = timedelta(hours=1)
"""By how much the clocks of two machines of one installation may differ without harm."""
TAG_LOST = "Let the mail server hand on the whole address, or leave plus_addressing off."
TEXT = "This mail was sent by the connection test of Guichet and will be recognised when it comes back. Nobody needs to answer it.\n"


@dataclass(frozen=True, slots=True)
class Post:
    """What a round trip needs besides the surroundings. `patience` and `pause` are seconds."""

    database: Database
    keys: Keys
    clock: Clock
    patience: float = 60.0
    pause: float = 1.0


@dataclass(frozen=True, slots=True)
class _Sent:
    """One mail on its way."""

    address: str
    message_id: str
    tagged: bool


def walk(trial: Trial, connector: Connector, around: Surroundings, post: Post) -> None:
    """Send, wait, and write down what was shown. Raises Failed."""
    _require_both_ways(connector)
    _require_no_redirection(post)
    started, since = time.monotonic(), post.clock.now() - SKEW
    sent, refused = _send_all(trial, connector, around, post)
    here = _await(connector, sent, since, post)
    shown: dict[str, bool] = {}
    for one in sent:
        back = here.get(one.message_id)
        kept = back is not None and _tag_is_kept(one, back[0])
        if back is None:
            trial.missed(f"round trip {one.address}", f"did not arrive within {post.patience:.0f} s. {_advice(connector, one)}")
        elif not kept:
            trial.missed(f"round trip {one.address}", f"arrived, but its tag was lost on the way. {TAG_LOST}")
        else:
            trial.done(f"round trip {one.address}", f"arrived after {back[1] - started:.0f} s")
        if one.tagged and back is not None:
            shown[proofs.PLUS_ADDRESSING] = kept
        elif back is not None and address_key(one.address) == address_key(connector.address):
            shown[proofs.ROUND_TRIP] = True
    if any(one.tagged for one in refused):
        shown[proofs.PLUS_ADDRESSING] = False
    _write_down(connector, shown, post)


def _require_both_ways(connector: Connector) -> None:
    if not (connector.receives and connector.sends):
        raise Failed("settings", f"A round trip needs both ways, and this connector is for {connector.direction} mail only. Leave --round-trip away.")
    if connector.outgoing.get("kind") != "smtp":
        raise Failed("settings", "A round trip needs a way out by SMTP; this connector writes its mails into a folder. Leave --round-trip away.")


def _require_no_redirection(post: Post) -> None:
    """A copy of another system has that one's addresses, and its mail goes nowhere but to `redirect_all` (C-GW-05)."""
    with post.database.read() as connection:
        redirected = load(connection).redirect_all
    if redirected:
        sentence = "Every mail of this desk goes to redirect_all and to nobody else, and a round trip would write to the connector's own addresses."
        raise Failed("settings", f"{sentence} Take redirect_all out first, or leave --round-trip away.")


# ---------------------------------------------------------------- out


def _send_all(trial: Trial, connector: Connector, around: Surroundings, post: Post) -> tuple[list[_Sent], list[_Sent]]:
    """The mails that were taken, and those that were not."""
    server = server_for(trial, connector, around)
    wire: Wire | None = opened(trial, server, around)
    sent: list[_Sent] = []
    refused: list[_Sent] = []
    for address, tagged in _addresses(connector, post.keys):
        if wire is None or wire.sock is None:
            wire = opened(Trial(trial.protocol), server, around)
        wire.deadline = time.monotonic() + around.limit
        one, words = _send(wire, server, connector, address, tagged, post)
        if words:
            trial.missed(f"round trip {address}", f"{server.host}:{server.port} did not take it: {words.rstrip('.')}. {_refusal_advice(tagged)}")
        (refused if words else sent).append(one)
    if wire is not None:
        wire.leave()
    return sent, refused


def _addresses(connector: Connector, keys: Keys) -> list[tuple[str, bool]]:
    """Every address of the connector, and its own with a signed plus-tag; whether it is tagged."""
    local, _, domain = connector.address.rpartition("@")
    plain = [(address, False) for address in dict.fromkeys((connector.address, *connector.aliases)) if not address.startswith("*")]
    return [*plain, (f"{local}+{keys.reply_tag(TAG)}@{domain}", True)]


def _send(wire: Wire, server: Server, connector: Connector, address: str, tagged: bool, post: Post) -> tuple[_Sent, str]:
    mail_id = post.clock.new_id()
    message_id = post.keys.message_id(mail_id, connector.domain)
    lines = [
        date_field(post.clock.now()),
        address_field("From", (Address(connector.address),)),
        address_field("To", (Address(address),)),
        text_field("Subject", "Connection test"),
        f"Message-ID: <{message_id}>",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        "MIME-Version: 1.0",
        "",
    ]
    data = "\r\n".join(lines).encode("utf-8", "replace") + text_part(TEXT)
    sender = plus_tagged(connector.address, post.keys.bounce_tag(mail_id)) if tagged else ""
    return _Sent(address, message_id, tagged), hand_over(wire, server, Outgoing(mail_id, sender, (address,), data))


def _refusal_advice(tagged: bool) -> str:
    if tagged:
        return "Allow plus-addresses there (Postfix: recipient_delimiter = +), as senders too, or leave plus_addressing off."
    return "Is this address known there, and may the connector's user send as it?"


# ---------------------------------------------------------------- and back


def _await(connector: Connector, sent: list[_Sent], since: datetime, post: Post) -> dict[str, tuple[Comeback, float]]:
    """Message-ID → the mail and the moment (monotonic) at which it was seen to be here."""
    here: dict[str, tuple[Comeback, float]] = {}
    until = time.monotonic() + post.patience
    while True:
        absent = [one.message_id for one in sent if one.message_id not in here]
        if not absent:
            return here
        with post.database.read() as connection:
            found = comebacks.find(connection, absent, since)
        here.update((message_id, (back, time.monotonic())) for message_id, back in found.items())
        left = until - time.monotonic()
        if left <= 0:
            return here
        if len(found) < len(absent):
            time.sleep(min(post.pause, left))


def _tag_is_kept(one: _Sent, back: Comeback) -> bool:
    """Where the door has an envelope, it must name the whole address; elsewhere the mail's own To does."""
    if not one.tagged or back.door not in ENVELOPE_DOORS:
        return True
    return address_key(one.address) in {address_key(recipient) for recipient in back.recipients}


def _advice(connector: Connector, one: _Sent) -> str:
    kind = str(connector.incoming.get("kind"))
    if one.tagged:
        return "If the other addresses arrived, the mail server does not deliver plus-addresses: leave plus_addressing off, or allow them there."
    if kind in POLLED:
        return "Look into the mailbox and its spam folder, and into the log of the mail server. If `every` is a long pause, wait longer with --wait."
    return f"Is `guichet serve` running with role {kind}, and does the mail server for {connector.domain} hand its mail to that door? Look into its log."


def _write_down(connector: Connector, shown: dict[str, bool], post: Post) -> None:
    if not shown:
        return
    with post.database.durable() as connection:
        proofs.record(connection, connector.name, connector.address, shown, post.clock.now())
        now = load(connection).connector_named.get(connector.name)
        if now is None or (now.address, now.incoming, now.outgoing) != (connector.address, connector.incoming, connector.outgoing):
            raise Failed("result", "The connector was changed during the test, so nothing was written down. Test it again.")
