"""`guichet import`: mails from files, through the same intake as every other mail."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from gateway.cli.house import json_option, opened
from gateway.cli.shown import say, say_json


@click.group()
def command() -> None:
    """Mails from files.

    \b
    guichet import eml old-mails/ --archive
    """


@command.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--archive", is_flag=True, help="History: nothing automatic is sent about these mails.")
@json_option
@click.pass_context
def eml(ctx: click.Context, paths: tuple[Path, ...], archive: bool, as_json: bool) -> int:
    """Store .eml files, and those in folders, in order of name. Exit 2 if one was refused, 75 if one must be tried again."""
    from core.refusal import Refused
    from gateway.inbound.receive import import_eml

    results: list[dict[str, Any]] = []
    with opened(ctx) as house:
        try:
            for path, answer in _with_bar(import_eml(house.intake, paths, archive=archive)):
                results.append(_result(path, answer))
                if not results[-1]["stored"]:
                    click.echo(f"{path}: {results[-1]['because']}", err=True)
        except OSError as fault:
            raise Refused(f"{fault.filename}: {fault.strerror}; {_count(results)} were stored before it.") from None
    if as_json:
        say_json(results)
    else:
        say(f"{_count(results)} of {len(results)} mails stored.")
    if any(result.get("try_later") for result in results):
        return 75
    return 0 if all(result["stored"] for result in results) else 2


def _result(path: Path, answer: object) -> dict[str, Any]:
    from gateway.inbound.port import Refused, Stored

    if isinstance(answer, Stored):
        return {"file": str(path), "stored": True, "id": answer.inbound_id}
    if isinstance(answer, Refused):
        return {"file": str(path), "stored": False, "because": f"{answer.status} {answer.reason}"}
    return {"file": str(path), "stored": False, "try_later": True, "because": "a passing fault; import this file again"}


def _count(results: Iterable[dict[str, Any]]) -> int:
    return sum(result["stored"] for result in results)


def _with_bar(answers: Iterator[tuple[Path, Any]]) -> Iterator[tuple[Path, Any]]:
    """The answers, with a progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield from answers
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(answers, description="Storing", console=Console(stderr=True))
