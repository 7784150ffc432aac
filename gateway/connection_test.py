"""The connection test of one connector, as pages and commands call it: whether mail comes in, goes out, and comes round; the steps are in `gateway/connecting/`."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from core.setup import Connector
from gateway.connecting.report import Failed, Report, Trial, report_of
from gateway.connecting.surroundings import Door, Surroundings
from gateway.secrets import no_secrets
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.bootstrap import House

PATIENCE = 60.0
"""Seconds a round trip may take."""

Walk = Callable[[Trial, Connector, Surroundings], None]


def surroundings(
    settings: Settings, environ: Mapping[str, str], token: Callable[[Connector, str], str], secrets: Callable[[str], str] = no_secrets
) -> Surroundings:
    """What the tests need of an installation's settings."""
    smtp, lmtp = settings.smtp, settings.lmtp
    doors = {"smtp": Door("smtp", smtp.host, smtp.port), "lmtp": Door("lmtp", lmtp.host, lmtp.port, settings.path(lmtp.socket) if lmtp.socket else None)}
    return Surroundings(settings.data, environ, settings.outbound.hostname or socket.gethostname(), token, doors, secrets=secrets)


def around_house(house: House, environ: Mapping[str, str] | None = None) -> Surroundings:
    """The surroundings in a house."""
    return surroundings(house.settings, os.environ if environ is None else environ, lambda connector, way: house.tokens.token(connector, way), house.secrets)


def test_incoming(connector: Connector, around: Surroundings) -> Report:
    """Whether the connector's mail can come in. Takes two minutes at the most; nothing is changed in the mailbox."""
    return report_of(connector, "incoming", lambda trial: _incoming(str(connector.incoming.get("kind")))(trial, connector, around))


def test_outgoing(connector: Connector, around: Surroundings) -> Report:
    """Whether the connector's server takes a log-in, or its folder mails. Takes two minutes at the most; nothing is sent."""
    return report_of(connector, "outgoing", lambda trial: _outgoing(str(connector.outgoing.get("kind")))(trial, connector, around))


def round_trip(house: House, connector: Connector, *, patience: float = PATIENCE, pause: float = 1.0, environ: Mapping[str, str] | None = None) -> Report:
    """Send a mail to each address of the connector and wait for them; what was shown is written down. Seconds.

    A door must be served, by this process or another one; a mailbox that nobody else fetches from is fetched from meanwhile.
    """
    from gateway.connecting.round_trip import Post, walk
    from gateway.connecting.while_waiting import fetching

    around = around_house(house, environ)
    post = Post(house.database, house.keys, house.clock, patience=patience, pause=pause)
    means = replace(house.fetch_means(), environ=around.environ)
    with fetching(connector, means, house.clock.new_id()):
        return report_of(connector, "round trip", lambda trial: walk(trial, connector, around, post))


def test_all(house: House, connector: Connector, *, with_round_trip: bool = False, patience: float = PATIENCE) -> tuple[Report, ...]:
    """Every way that the connector has; the round trip only if asked for, and only if the ways work."""
    around = around_house(house)
    ways = ([test_incoming] if connector.receives else []) + ([test_outgoing] if connector.sends else [])
    reports = tuple(way(connector, around) for way in ways)
    if not with_round_trip:
        return reports
    if not all(report.fine for report in reports):
        return reports
    return (*reports, round_trip(house, connector, patience=patience))


def _incoming(kind: str) -> Walk:
    from gateway.connecting import here, imap, pop3

    return {"smtp": here.door, "lmtp": here.door, "imap": imap.walk, "pop3": pop3.walk, "maildir": here.maildir_in}.get(kind) or _no_way(kind)


def _outgoing(kind: str) -> Walk:
    from gateway.connecting import here, smtp

    return {"smtp": smtp.walk, "maildir": here.maildir_out}.get(kind) or _no_way(kind)


def _no_way(kind: str) -> Walk:
    def walk(trial: Trial, connector: Connector, around: Surroundings) -> None:
        raise Failed("settings", f"“{kind}” is no kind of connector here. Look at the desk file.")

    return walk


def shortened(around: Surroundings, patience: float) -> Surroundings:
    """The same with less patience, in seconds: for `guichet check`, which looks at many."""
    return replace(around, patience=patience, limit=2 * patience)
