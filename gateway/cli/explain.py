"""`guichet explain`: what would be done with a mail and why; the path is that of every mail, and nothing is written."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.house import json_option, opened
from gateway.cli.shown import cell, say, say_json, say_table


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--to", "recipients", metavar="ADDR", multiple=True, help="Envelope recipient; several times for several. Without it the mail's headers say it.")
@click.option("--from", "sender", metavar="ADDR", help="Envelope sender; without it the mail's Return-Path or From.")
@json_option
@click.pass_context
def command(ctx: click.Context, file: Path, recipients: tuple[str, ...], sender: str | None, as_json: bool) -> None:
    """Show the trace and the decision for the mail in FILE (“-” is standard input), writing nothing.

    \b
    guichet explain mail.eml
    guichet explain mail.eml --to support@demo.example --json
    """
    from core.mail import Envelope
    from core.refusal import Refused
    from gateway.inbound.receive import header_sender, read_mail, without_mbox_line

    with opened(ctx) as house:
        most = house.settings.smtp.max_size
        try:
            raw = read_mail(sys.stdin.buffer, most) if str(file) == "-" else _read(file, most)
        except OSError as fault:
            raise Refused(f"{file}: {fault.strerror}.") from None
        if len(raw) > most:
            raise Refused(f"{file} is larger than {most} bytes (smtp.max_size); no door would take it.")
        raw = without_mbox_line(raw)
        envelope = Envelope("smtp" if recipients else "eml", sender=header_sender(raw) if sender is None else sender, recipients=recipients)
        explained = house.processor.explain(raw, envelope)
    if as_json:
        say_json(explained)
        return
    for verdict in explained["verdicts"]:
        say(f"{verdict['recipient'] or '(no recipient)'}: {verdict['action']} {cell(verdict['item'] or verdict['process'])}".rstrip())
        say(f"    because {cell(verdict['because'])}")
    say()
    say_table(explained["trace"], ("step", "check", "outcome", "because"))


def _read(file: Path, most: int) -> bytes:
    from gateway.inbound.receive import read_mail

    with file.open("rb") as stream:
        return read_mail(stream, most)
