"""`guichet receive`: the pipe hook of an MTA; envelope and exit codes are `gateway/inbound/receive.py`, unforeseen faults `gateway/cli/main.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from gateway.cli.house import require_installation, settings_of

if TYPE_CHECKING:
    from gateway.inbound.intake import Intake


@click.command()
@click.option("--from", "sender", metavar="ADDR", help="Envelope sender; empty is the null sender. Else the environment of the MTA says it.")
@click.option("--to", "first", metavar="ADDR", multiple=True, help="Envelope recipient; more may follow it.")
@click.argument("more", nargs=-1)
@click.pass_context
def command(ctx: click.Context, sender: str | None, first: tuple[str, ...], more: tuple[str, ...]) -> int:
    """Store one mail from standard input. Exit 0: stored. 75: a passing fault, the MTA tries again. Any other: the MTA returns the mail.

    \b
    Postfix, master.cf:
      guichet unix - n n - 4 pipe flags=DR user=guichet
        argv=/usr/bin/guichet receive --from ${sender} --to ${recipient}
    """
    from gateway.inbound import receive

    with _intake(ctx) as intake:
        raw = receive.read_mail(sys.stdin.buffer, intake.max_size)
        answer = receive.receive(intake, raw, sender=sender, recipients=(*first, *more), environ=os.environ)
    line = receive.last_line(answer)
    if line:
        click.echo(line, err=True)
    return receive.exit_code(answer)


@contextmanager
def _intake(ctx: click.Context) -> Iterator[Intake]:
    """The intake alone: an MTA starts this command for each mail, and wiring the whole house would take twice as long. Nobody is woken; the sweep finds
    the row within a second (law 5)."""
    from gateway.clock import SystemClock
    from gateway.inbound.intake import Intake
    from gateway.store.engine import Database
    from gateway.store.setups import Setups
    from gateway.store.version import require_head

    settings, clock = settings_of(ctx), SystemClock()
    require_installation(settings)
    database = Database(settings.database_url, pool_size=1)
    try:
        with database.read() as connection:
            require_head(connection)
            setup = Setups(clock).current(connection)
        intake = Intake(database, clock, lambda: setup, max_size=settings.smtp.max_size)
        try:
            yield intake
        finally:
            intake.close()
    finally:
        database.dispose()
