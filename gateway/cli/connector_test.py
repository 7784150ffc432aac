"""`guichet connector test`: tries the ways in and out of one mailbox and says what to do about what fails; what is tried is `gateway/connection_test.py`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from gateway.cli.house import current_setup, json_option, opened
from gateway.cli.shown import printable, say, say_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.bootstrap import House
    from gateway.connecting.report import Report

MARKS = {True: "✓", False: "✗"}
PLAIN_MARKS = {True: "ok", False: "NO"}


@click.command("test")
@click.argument("name")
@click.option("--round-trip", "with_round_trip", is_flag=True, help="Also send a mail to each address of the mailbox, and wait for them to come in.")
@click.option("--wait", "patience", type=click.IntRange(1, 3600), default=60, show_default=True, help="Seconds to wait for the mails of the round trip.")
@click.option("--log", "with_log", is_flag=True, help="Show what was said with the servers, secrets hidden; after a failure it is shown anyway.")
@json_option
@click.pass_context
def test(ctx: click.Context, name: str, with_round_trip: bool, patience: int, with_log: bool, as_json: bool) -> int:
    """Try whether mail comes in and goes out. Exit 0: it does, 2: something is refused.

    The round trip of a mailbox that is delivered to needs `guichet serve` with its door; a mailbox that is fetched from is fetched from
    meanwhile, unless the service does it already. A plus-tagged mail that comes back allows plus_addressing. A way that works and was
    suspended is tried again by the service at once.

    \b
    guichet connector test support
    guichet connector test support --round-trip --json
    """
    from core.refusal import Refused
    from gateway.connection_test import test_all

    with opened(ctx) as house:
        connector = current_setup(house).connector_named.get(name)
        if connector is None:
            raise Refused(f"There is no connector {name}; guichet connector list shows them.")
        reports = test_all(house, connector, with_round_trip=with_round_trip, patience=patience)
        resumed = _resumed(house, reports)
    if as_json:
        say_json([{**asdict(report), "fine": report.fine} for report in reports])
    else:
        for report in reports:
            _say(report, with_log=with_log)
        if resumed:
            say(f"{name} was held back after trouble ({' and '.join(resumed)}); the service tries it again at once.")
    return 0 if all(report.fine for report in reports) else 2


def _resumed(house: House, reports: Sequence[Report]) -> list[str]:
    """Ways that were held back and work now: what held them back is over. Not for a round trip, which is both."""
    from gateway.store import connector_status
    from gateway.store.due import FETCHING

    rows = {report.way: f"{FETCHING if report.way == 'incoming' else ''}{report.connector}" for report in reports if report.fine and report.way != "round trip"}
    with house.database.read() as connection:
        healths = connector_status.healths(connection)
    held_back = [way for way, row in rows.items() if row in healths and healths[row].troubled]
    if held_back:
        with house.database.durable() as connection:
            connector_status.try_at_once(connection, [rows[way] for way in held_back])
    return held_back


def _say(report: Report, *, with_log: bool) -> None:
    marks = MARKS if (sys.stdout.encoding or "").lower().startswith("utf") else PLAIN_MARKS
    say(f"{report.connector}, {report.way}")
    width = max((len(step.name) for step in report.steps), default=0)
    for step in report.steps:
        say(f"  {marks[step.ok]} {step.name.ljust(width)}  {printable(step.sentence)}")
    if report.log and (with_log or not report.fine):
        say("  What was said (C: we, S: the server):")
        for line in report.log:
            say(f"    {printable(line)}")
