"""`guichet receive`: the pipe hook of an MTA; envelope and exit codes are `gateway/inbound/receive.py`, unforeseen faults `gateway/cli/main.py`."""

from __future__ import annotations

import os
import sys

import click

from gateway.cli.house import opened


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

    with opened(ctx) as house:
        raw = receive.read_mail(sys.stdin.buffer, house.settings.smtp.max_size)
        answer = receive.receive(house.intake, raw, sender=sender, recipients=(*first, *more), environ=os.environ)
    line = receive.last_line(answer)
    if line:
        click.echo(line, err=True)
    return receive.exit_code(answer)
