"""`guichet import outbox`: mails that another system had queued; other imports are `imports.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gateway.cli.house import acting, as_option, json_option, opened
from gateway.cli.shown import printable, say, say_json


@click.command("outbox")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--connector", default="", metavar="NAME", help="The way they will leave; without it that of their From address.")
@click.option("--by", "author", default="", metavar="EMAIL", help="Whose mails they are; without it the user in From.")
@as_option
@json_option
@click.pass_context
def outbox(ctx: click.Context, paths: tuple[Path, ...], connector: str, author: str, by: str | None, as_json: bool) -> int:
    """Take over .eml files, and those in folders, that another system had queued: they come in as failed, and nothing is sent before a person retries it.

    Their recipients are those in To, Cc and Bcc; Bcc is taken out of the mail. May be repeated. Exit 2 if one was refused.

    \b
    guichet import outbox old-queue/ --connector support
    guichet outbox retry --state failed --text imported --all --dry-run
    """
    from core.refusal import Refused
    from gateway.outbound.old_queue import LARGEST

    results: list[dict[str, Any]] = []
    with opened(ctx) as house:
        person = acting(house, by)
        for path in _files(paths):
            try:
                with path.open("rb") as file:
                    raw = file.read(LARGEST + 1)
                done = house.mail_bytes.import_mail(raw, person, connector=connector, author=author)
                results.append({"file": str(path), "imported": not done["known"], **done})
            except OSError as fault:
                results.append({"file": str(path), "imported": False, "because": fault.strerror})
            except Refused as refused:
                results.append({"file": str(path), "imported": False, "because": str(refused)})
            if "because" in results[-1]:
                click.echo(f"{printable(str(path))}: {results[-1]['because']}", err=True)
    if as_json:
        say_json(results)
    else:
        known = sum(bool(one.get("known")) for one in results)
        done_now = sum(one["imported"] for one in results)
        say(f"{done_now} of {len(results)} mails imported{f', {known} were there already' if known else ''}; they are sent when somebody retries them.")
    return 2 if any("because" in one for one in results) else 0


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Files as named, and the .eml files of folders, by name."""
    for path in paths:
        yield from sorted(one for one in path.rglob("*.eml") if one.is_file()) if path.is_dir() else (path,)
