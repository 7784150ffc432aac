"""The options by which a mail is written at the command line, for `item mail` and `draft save`; what becomes of them is `gateway/desk_mail.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from core.original import LetterKind

Command = TypeVar("Command", bound=Callable[..., Any])
LISTS = ("to", "cc", "bcc")
KINDS = [kind.value.replace("_", "-") for kind in LetterKind]

OPTIONS = (
    click.option("--text", help="What to write; “-” reads it from standard input."),
    click.option("--html", "html", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The same as HTML, from a file; it is cleaned."),
    click.option("--kind", type=click.Choice(KINDS), help="answer (to contact and last writer), new, reply, reply-all or forward."),
    click.option("--about", metavar="ID", help="The mail it answers or hands on, by its id; without it the newest."),
    click.option("--quote/--no-quote", default=None, help="With the mail that is answered below, if everybody who gets it has that mail."),
    click.option("--as-attachment", is_flag=True, default=None, help="With --kind forward: the mail whole, as an attachment."),
    click.option("--from", "from_", metavar="ADDRESS", help="From which address of the item's mailboxes."),
    click.option("--to", multiple=True, metavar="ADDRESS", help="To whom; without it as the kind of mail has it."),
    click.option("--cc", multiple=True, metavar="ADDRESS", help="Copy to."),
    click.option("--bcc", multiple=True, metavar="ADDRESS", help="Blind copy to."),
    click.option("--subject", help="Without it that of the conversation."),
    click.option("--importance", type=click.Choice(["high", "normal", "low"]), help="How important the mail says it is."),
    click.option("--signature/--no-signature", default=None, help="With your signature below."),
    click.option("--attach", multiple=True, metavar="PATH", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file to go with it."),
    click.option("--file", "files", multiple=True, metavar="ID", help="A file of the item (`guichet file list`)."),
    click.option("--from-mail", multiple=True, metavar="ID:N", help="The attachment number N of a mail of the item."),
    click.option("--anyway", is_flag=True, help="Also files that are kept back as dangerous."),
    click.option("--at", "send_at", metavar="TIME", help="Send then: 2026-03-29T09:30 (in your zone), with a zone, or PT2H from now."),
    click.option("--resolve", is_flag=True, default=None, help="Resolve the item with this mail."),
    click.option("--method", help="With --resolve: how it was resolved."),
    click.option("--cancel-if-answered", is_flag=True, default=None, help="With --at: it is cancelled if the customer writes or a colleague answers before."),
)


def letter_options(command: Command) -> Command:
    """All of them, in this order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def as_letter(given: dict[str, Any]) -> dict[str, Any]:
    """What was given, as the desk takes it: files read, lists that are empty left out. Raises Refused for what cannot be read."""
    asked = {name: value for name, value in given.items() if value is not None and name not in ("text", "html", "kind", "attach", "files", "from_mail", *LISTS)}
    asked |= {name: given[name] for name in LISTS if given.get(name)}
    if given.get("text") is not None:
        asked["text"] = sys.stdin.read() if given["text"] == "-" else given["text"]
    if given.get("html") is not None:
        asked["html"] = _read(given["html"]).decode("utf-8", "replace")
    if given.get("kind"):
        asked["kind"] = given["kind"].replace("-", "_")
    asked["attach"] = uploads(given.get("attach") or ())
    asked["files"] = tuple(given.get("files") or ())
    asked["from_mail"] = tuple(map(_numbered, given.get("from_mail") or ()))
    return asked


def uploads(paths: tuple[Path, ...]) -> tuple[Any, ...]:
    """Files of this machine. Raises Refused."""
    from gateway.desk_uploads import Upload

    return tuple(Upload(path.name, _read(path)) for path in paths)


def _read(path: Path) -> bytes:
    from core.refusal import Refused

    try:
        with path.open("rb") as file:
            found = file.read(LARGEST + 1)  # a device has no size, and a log grows while it is read
    except OSError as fault:
        raise Refused(f"{path} cannot be read ({(fault.strerror or str(fault)).lower()}).") from None
    if len(found) > LARGEST:
        raise Refused(f"{path} is larger than 100 MB; nothing was stored.")
    return found


def _numbered(text: str) -> tuple[str, int]:
    mail, colon, number = text.rpartition(":")
    if not (colon and mail and number.isdecimal() and len(number) < 6):
        raise click.UsageError(f"--from-mail: ID:N is expected, such as 0abc…:2, not “{text}”.")
    return mail, int(number)


LARGEST = 100 * 2**20
"""What no setting allows more than (C-CO-10)."""
