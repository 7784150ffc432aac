"""What `guichet check` looks at in each connector: its way in, its way out, and what it asks for without proof; the steps are those of the connection test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from core.delivery import Meaning
from core.setup import Connector, PlusMode, Setup
from gateway.connecting.report import Report
from gateway.connecting.surroundings import Surroundings
from gateway.connection_test import shortened, surroundings, test_incoming, test_outgoing
from gateway.finding import Finding, error, fine, warning
from gateway.keys import KeyTrouble
from gateway.oauth.trouble import TokenTrouble
from gateway.secrets import SecretTrouble
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.bootstrap import House

PATIENCE = 10.0
"""Seconds for each answer from outside."""
DOORS = ("smtp", "lmtp")


def connectors(setup: Setup, settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Every connector, in the order of the desk."""
    with ExitStack() as closing:
        open_once = _opener(settings, closing)
        around = shortened(surroundings(settings, environ, _tokens(open_once), _secrets(open_once)), PATIENCE)
        for connector in setup.connectors:
            check = f"connector {connector.name}"
            if not connector.enabled:
                yield fine(check, "disabled")
                continue
            yield _incoming(check, connector, around)
            yield _outgoing(check, connector, around)
            yield from _unproved(check, connector)


def _opener(settings: Settings, closing: ExitStack) -> Callable[[], House]:
    """A house that is opened when the first secret is asked for. Raises KeyTrouble then."""
    opened: list[House] = []

    def open_once() -> House:
        from gateway.bootstrap import open_house

        if not opened:
            opened.append(open_house(settings))
            closing.callback(opened[0].close)
        return opened[0]

    return open_once


def _tokens(open_once: Callable[[], House]) -> Callable[[Connector, str], str]:
    def token(connector: Connector, way: str) -> str:
        try:
            return open_once().tokens.token(connector, way)
        except KeyTrouble as trouble:
            raise TokenTrouble(Meaning.TROUBLE, str(trouble)) from None

    return token


def _secrets(open_once: Callable[[], House]) -> Callable[[str], str]:
    def secret(name: str) -> str:
        try:
            return open_once().secrets.get(name)
        except KeyTrouble as trouble:
            raise SecretTrouble(str(trouble)) from None

    return secret


def _incoming(check: str, connector: Connector, around: Surroundings) -> Finding:
    """A door that is not served now is no fault: whether its port can be used was looked at before."""
    kind = str(connector.incoming.get("kind"))
    if not connector.receives:
        return fine(check, "only sends")
    if kind in DOORS:
        return fine(check, f"takes mail at the {kind.upper()} door, {around.doors[kind]}")
    return _finding(check, test_incoming(connector, around), f"mail can be fetched by {kind.upper() if kind != 'maildir' else 'Maildir'}")


def _outgoing(check: str, connector: Connector, around: Surroundings) -> Finding:
    if not connector.sends:
        return fine(check, "only receives")
    outgoing = connector.outgoing
    if outgoing.get("kind") == "maildir":
        return _finding(check, test_outgoing(connector, around), f"sends into {around.folder / str(outgoing.get('path', ''))}")
    report = test_outgoing(connector, around)
    where = next((step.sentence.removesuffix(" answers") for step in report.steps if step.name == "connection"), "")
    return _finding(check, report, f"{where} takes our mail")


def _finding(check: str, report: Report, sentence: str) -> Finding:
    if report.fine:
        return fine(check, sentence)
    return error(check, f"{report.way}: " + " ".join(f"{step.name}: {step.sentence}" for step in report.failed))


def _unproved(check: str, connector: Connector) -> Iterator[Finding]:
    if connector.plus_addressing is not PlusMode.OFF and not connector.plus_proved:
        yield warning(
            check,
            "plus_addressing is asked for but not proved, so mails go without it; with the service running, run "
            f"guichet connector test {connector.name} --round-trip",
        )
