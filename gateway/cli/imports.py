"""`guichet import`: mails from files, through the same intake as every other mail."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from gateway.cli.house import json_option, opened
from gateway.cli.import_outbox import outbox
from gateway.cli.shown import printable, say, say_json

if TYPE_CHECKING:
    from gateway.bootstrap import House
    from gateway.inbound.importing import Found, Imported

MOST_LISTED = 1_000
"""Refused mails that are listed in JSON."""


@click.group()
def command() -> None:
    """Mails from files.

    \b
    guichet import eml old-mails/ --archive
    guichet import mbox support.mbox.gz --archive --connector support
    guichet import maildir /var/vmail/support/Maildir --archive
    guichet import outbox old-queue/ --connector support
    """


command.add_command(outbox)

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


def _archive_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What both kinds of archives are told."""
    for option in (
        click.pass_context,
        json_option,
        click.option("--connector", "name", default="", help="The mailbox these mails were in; without it the one that each mail's header names."),
        click.option("--archive", is_flag=True, help="History: nothing automatic is sent about these mails."),
        click.argument("path", type=click.Path(exists=True, path_type=Path)),
    ):
        function = option(function)
    return function


@command.command()
@_archive_options
def mbox(ctx: click.Context, path: Path, archive: bool, name: str, as_json: bool) -> int:
    """Store the mails of an mbox file (mboxo, mboxrd, mboxcl, mboxcl2; also gzip), in its order.

    May be repeated: a mail that was imported before is not stored again. Exit 2 if one was refused, 75 if one must be tried again.
    """
    from gateway.inbound import mbox as reader
    from gateway.inbound.importing import Found

    def found(stream: BinaryIO, most: int) -> Iterator[Found]:
        for number, raw in enumerate(reader.mails(reader.open_mbox(stream), most), 1):
            yield Found(f"{path}, mail {number}", raw)

    with path.open("rb") as stream, opened(ctx) as house:
        bar = Bar(path.stat().st_size, stream.tell)
        return _store(house, path, found(stream, house.intake.max_size), bar, door="mbox", connector=name, archive=archive, as_json=as_json)


@command.command()
@_archive_options
def maildir(ctx: click.Context, path: Path, archive: bool, name: str, as_json: bool) -> int:
    """Store the mails of a Maildir and of its folders, in the order of their delivery; nothing in it is changed, marks are not looked at.

    May be repeated: a mail that was imported before is not stored again. Exit 2 if one was refused, 75 if one must be tried again.
    """
    from core.refusal import Refused
    from gateway.inbound import maildir_tree
    from gateway.inbound.importing import Found
    from gateway.inbound.maildir_files import Unreadable

    with opened(ctx) as house:
        filed = maildir_tree.mails(path)
        if not filed and not (path / "cur").is_dir():
            raise Refused(f"{path} is no Maildir and holds none.")
        done = [0]

        def found() -> Iterator[Found]:
            for one in filed:
                done[0] += 1
                try:
                    raw = one.read(house.intake.max_size)
                except Unreadable as fault:
                    unread.append(f"{printable(str(one.path))}: {fault}")
                    continue
                if raw is not None:
                    yield Found(str(one.path), raw, one.folder)

        unread: list[str] = []
        code = _store(house, path, found(), Bar(len(filed), lambda: done[0]), door="maildir", connector=name, archive=archive, as_json=as_json)
        for line in unread:
            click.echo(f"{line}; import again when it can be read", err=True)
        return code or (2 if unread else 0)


def _store(
    house: House, path: Path, found: Iterator[Found], bar: Bar, *, door: str, connector: str, archive: bool, as_json: bool
) -> int:
    """Everything that is found, told as it goes."""
    from core.refusal import Refused
    from gateway.inbound.importing import import_mails
    from gateway.inbound.mbox import NoMbox

    if connector and connector not in house.setup().connector_named:
        raise Refused(f"There is no connector {connector}; guichet connector list shows them.")
    told = Told(str(path))
    try:
        for imported in bar.over(import_mails(house.intake, house.database, found, door=door, connector=connector, archive=archive)):
            told.add(imported)
    except (NoMbox, OSError) as fault:
        words = getattr(fault, "strerror", None) or fault
        raise Refused(f"{path}: {words}; {told.stored} were stored before that, and importing it again goes on there.") from None
    told.say(as_json=as_json)
    return told.code


@dataclass
class Told:
    """What became of the mails of one archive."""

    file: str
    mails: int = 0
    stored: int = 0
    known: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)
    try_later: int = 0

    def add(self, imported: Imported) -> None:
        """One more; what was not stored is said at once."""
        from gateway.inbound.port import Stored

        self.mails += 1
        if isinstance(imported.answer, Stored):
            self.known += imported.known
            self.stored += not imported.known
            return
        told = _result(Path(imported.where), imported.answer)
        because = str(told["because"])
        click.echo(f"{printable(imported.where)}: {because}", err=True)
        if told.get("try_later"):
            self.try_later += 1
        elif len(self.refused) < MOST_LISTED:
            self.refused.append({"mail": imported.where, "because": because})

    @property
    def code(self) -> int:
        return 75 if self.try_later else 2 if self.refused else 0

    def say(self, *, as_json: bool) -> None:
        """The sums."""
        if as_json:
            say_json(asdict(self))
        else:
            say(f"{self.stored} of {self.mails} mails stored{f', {self.known} were there already' if self.known else ''}.")


class Bar:
    """A progress bar on a terminal. `place` tells how far of `total` one is."""

    def __init__(self, total: int, place: Callable[[], int]) -> None:
        self._total = total
        self._place = place

    def over(self, answers: Iterator[Imported]) -> Iterator[Imported]:
        """The answers, as they come."""
        if not sys.stderr.isatty():
            yield from answers
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("Storing", total=self._total or None)
            for answer in answers:
                yield answer
                progress.update(task, completed=self._place())
            progress.update(task, completed=self._total)


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
