"""`guichet item mail`: writing a mail on an item, with the warnings before it; its options are `letter_options.py`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from gateway.cli.canned import say_missing
from gateway.cli.house import acting, as_option, json_option, moment_of, opened, zone_of
from gateway.cli.letter_options import LISTS, as_letter, letter_options
from gateway.cli.shown import in_zone, printable, say, say_json


@click.command("mail")
@click.argument("ref")
@letter_options
@click.option("--canned", metavar="TITLE", help="Begin with this canned text and bring its files (`guichet canned list --item REF`).")
@click.option("--canned-language", default="", metavar="LANGUAGE", help="Of canned texts with one title that in this language; without it yours.")
@click.option("--undo", metavar="DURATION", help="How long it can be undone, such as PT10S; without it your own delay.")
@click.option("--yes", is_flag=True, help="Send without being asked, whatever there is to be warned of.")
@as_option
@json_option
@click.pass_context
def mail(
    ctx: click.Context,
    /,
    ref: str,
    by: str | None,
    as_json: bool,
    send_at: str | None,
    undo: str | None,
    yes: bool,
    canned: str | None,
    canned_language: str,
    **given: Any,
) -> None:
    """Write a mail on the item REF; it goes into the outbox.

    If the customer wrote while an answer waits, a colleague answered, a draft waits, or somebody is written to who has nothing to do with the
    item, you are asked before; without a terminal you are told, and it is sent.
    """
    from core.durations import parse_duration
    from core.refusal import Refused

    try:
        delay = parse_duration(undo) if undo is not None else None
    except ValueError as fault:
        raise Refused(f"--undo: {fault}.") from None
    if canned is None and given.get("text") is None and given.get("html") is None and given.get("kind") != "forward":
        raise click.UsageError("Say what to write: --text, --html or --canned.")
    asked = as_letter(given)
    with opened(ctx) as house:
        person = acting(house, by)
        if canned is not None:
            found = house.desk.canned_for(ref, canned, person, language=canned_language)
            say_missing(found["missing"])
            asked = begun_with(found, asked)
        said = house.desk.warnings(
            ref,
            person,
            **{name: asked.get(name, ()) for name in LISTS},
            text=asked.get("text", ""),
            files=len(asked["attach"]) + len(asked["files"]) + len(asked["from_mail"]),
        )
        ask_before_send(said, yes=yes)
        zone = zone_of(house, person)
        message = house.desk.mail(ref, person, send_at=moment_of(house, person, send_at), undo=delay, **asked)
        if canned is not None:
            house.desk.note_canned(found["title"], person)
    say_sent(message, zone, as_json, told=said, by=by)


def begun_with(canned: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The letter with a canned text above its own words and the text's files first. HTML where one of them is written in it and all of it can be."""
    from core.quoting import as_html

    text, html = asked.get("text", ""), asked.get("html", "")
    letter = {**asked, "files": (*(one["id"] for one in canned["files"]), *asked.get("files", ()))}
    if html or (canned["html"] and not text):
        letter["html"] = (canned["html"] or as_html(canned["text"])) + html
    if text or not html:
        letter["text"] = "\n\n".join(filter(None, (canned["text"].strip(), text)))
    return letter


def say_sent(message: dict[str, Any], zone: str, as_json: bool, *, told: Sequence[str] = (), by: str | None = None) -> None:
    """What became of it, of what there is to be warned that nobody was `told` yet, and how `by` takes it back as long as it waits."""
    if as_json:
        say_json(message)
        return
    for warning in message["warnings"]:
        if warning not in told:
            click.echo(f"Warning: {printable(warning)}", err=True)
    waits = message["scheduled"] or message["due_at"] != message["created_at"]
    say(f"{message['id']} {message['state']}, {'to be sent ' + in_zone(message, zone)['due_at'] if waits else 'leaves at once'}")
    if waits:
        say(f"Undo: guichet outbox cancel {message['id']}{f' --as {by}' if by else ''}")


def ask_before_send(warnings: Sequence[str], *, yes: bool) -> None:
    """decisions.md 16: the warnings on stderr; on a terminal the person decides, unless they said `--yes`. Raises Refused if they decide against it."""
    from core.refusal import Refused

    for warning in warnings:
        click.echo(f"Warning: {printable(warning)}", err=True)
    if warnings and not yes and on_a_terminal() and not click.confirm("Send it all the same?", err=True):
        raise Refused("Not sent.")


def on_a_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()
