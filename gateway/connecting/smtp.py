"""Trying the way out by SMTP: connection, encryption, log-in, and one mail sent outside the outbox; the verbs are those of every delivery (`gateway/outbound/`)."""

from __future__ import annotations

import time
from dataclasses import replace

from core.delivery import Stage
from core.mail import address_key
from core.outbox import Outcome
from core.setup import Connector
from gateway.connecting.offers import certificate, offered
from gateway.connecting.report import Failed, Trial
from gateway.connecting.surroundings import Surroundings, secret_of
from gateway.outbound.dialogue import send
from gateway.outbound.ended import Ended
from gateway.outbound.port import LeaseTime, Outgoing
from gateway.outbound.session import Bearer, Server, open_session
from gateway.outbound.smtp import SettingsTrouble, server_of
from gateway.outbound.wire import Wire

STEPS: tuple[tuple[str, tuple[Stage, ...], str], ...] = (
    ("settings", (Stage.SETTINGS,), "Look at the keys of outgoing."),
    ("connection", (Stage.CONNECT, Stage.BANNER), "Look at host and port, and whether a firewall is between."),
    ("encryption", (Stage.TLS, Stage.STARTTLS), "Look at security and port; use the name in the certificate as host, or name its authority with ca_file."),
    ("greeting", (Stage.EHLO,), "Look at outbound.hostname in the settings (some servers want a name that the DNS knows), and at client_certificate where it wants one."),
    ("log-in", (Stage.AUTH,), "Look at user and at the secret; the provider may want an application password, or have SMTP switched off for the mailbox."),
)
"""Step → the stages of a dialogue that belong to it (core/delivery.py), and what to do where it fails."""


def walk(trial: Trial, connector: Connector, around: Surroundings) -> None:
    """Connect, encrypt, log in, say what is offered, and leave. Raises Failed."""
    wire = opened(trial, server_for(trial, connector, around), around)
    trial.done("offers", offered(wire.esmtp_features, connector))
    wire.leave()


def opened(trial: Trial, server: Server, around: Surroundings) -> Wire:
    """A session ready for a mail, with every step on the way noted. Raises Failed."""
    where = f"{server.host}:{server.port}"
    try:
        wire = open_session(server, time.monotonic() + around.limit, lambda ours, said: (trial.protocol.client if ours else trial.protocol.server)(said))
    except Ended as ended:
        stopped = next(place for place, (_, stages, _) in enumerate(STEPS) if ended.stage in stages)
        for step, _, _ in STEPS[1:stopped]:
            _passed(trial, step, server)
        raise Failed(STEPS[stopped][0], f"{where}: {ended.answer.words.rstrip('.')}. {STEPS[stopped][2]}") from None
    for step, _, _ in STEPS[1:]:
        _passed(trial, step, server, certificate(wire.sock, around.now()))
    return wire


def _passed(trial: Trial, step: str, server: Server, trusted: str = "") -> None:
    if (step == "encryption" and server.security == "none") or (step == "log-in" and not server.user):
        return
    trial.done(step, _said(step, server) + (trusted if step == "encryption" else ""))


def _said(step: str, server: Server) -> str:
    where = f"{server.host}:{server.port}"
    return {
        "connection": f"{where} answers",
        "encryption": "TLS, and the certificate is trusted",
        "greeting": f"it knows us as {server.hostname}",
        "log-in": f"as {server.user}",
    }[step]


def server_for(trial: Trial, connector: Connector, around: Surroundings) -> Server:
    """What the connector names, within the limits of a test. Raises Failed."""
    secret = secret_of(trial, connector, "outgoing", around) if connector.outgoing.get("user") else ""
    try:
        server = server_of(
            connector, around.environ, around.hostname, around.patience, Bearer(lambda: secret), folder=around.folder, secrets=around.secrets
        )
    except (SettingsTrouble, ValueError) as trouble:
        raise Failed("settings", f"{str(trouble).rstrip('.')}. Look at the keys of outgoing.") from None
    return replace(server, connect_timeout=around.patience, write_timeout=around.patience, time=LeaseTime(around.limit, around.limit))


def hand_over(wire: Wire, server: Server, mail: Outgoing) -> str:
    """One mail to one recipient; '' or the words with which it was not taken. The session is ready for the next, or closed."""
    try:
        outcome, words = send(wire, server, mail, lambda: None).recipients[address_key(mail.recipients[0])]
    except Ended as ended:
        wire.drop()
        return ended.answer.words
    if wire.sock is not None:
        wire.command("RSET")
    return "" if outcome is Outcome.ACCEPTED else words or str(outcome)
