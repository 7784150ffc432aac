"""What `guichet check` looks at in each connector: its way in, its way out, and what it asks for without proof; the steps are those of the connection test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

from core.delivery import Meaning
from core.setup import Connector, PlusMode, Setup
from gateway.connecting.report import Report
from gateway.connecting.surroundings import Surroundings
from gateway.connection_test import shortened, surroundings, test_incoming, test_outgoing
from gateway.finding import Finding, error, fine, warning
from gateway.oauth.trouble import TokenTrouble
from gateway.settings import Settings

PATIENCE = 10.0
"""Seconds for each answer from outside."""
DOORS = ("smtp", "lmtp")


def connectors(setup: Setup, settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Every connector, in the order of the desk."""
    with ExitStack() as closing:
        around = shortened(surroundings(settings, environ, _tokens(settings, closing)), PATIENCE)
        for connector in setup.connectors:
            check = f"connector {connector.name}"
            if not connector.enabled:
                yield fine(check, "disabled")
                continue
            yield _incoming(check, connector, around)
            yield _outgoing(check, connector, around)
            yield from _unproved(check, connector)


def _tokens(settings: Settings, closing: ExitStack) -> Callable[[Connector, str], str]:
    """Access tokens, from a house that is opened when the first one is asked for."""

    def token(connector: Connector, way: str) -> str:
        from gateway.bootstrap import open_house
        from gateway.keys import KeyTrouble

        try:
            house = open_house(settings)
        except KeyTrouble as trouble:
            raise TokenTrouble(Meaning.TROUBLE, str(trouble)) from None
        closing.callback(house.close)
        return house.tokens.token(connector, way)

    return token


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
