"""`guichet db`: the schema's revision, backup and restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.house import settings_of
from gateway.cli.shown import say, say_json

if TYPE_CHECKING:
    from gateway.store.engine import Database


@click.group()
def command() -> None:
    """The database: upgrade, current, backup, restore.

    \b
    guichet db current
    guichet db backup /var/backups/guichet-monday.db
    guichet db upgrade
    """


@contextmanager
def _database(ctx: click.Context) -> Iterator[Database]:
    from gateway.store.engine import Database

    database = Database(settings_of(ctx).database_url)
    try:
        yield database
    finally:
        database.dispose()


@command.command()
@click.pass_context
def upgrade(ctx: click.Context) -> None:
    """Bring the database to the revision this version needs; all or nothing."""
    from gateway.store.migrate import upgrade as to_head

    with _database(ctx) as database:
        before, after = to_head(database)
    say(f"The database is at revision {after}." if before == after else f"The database went from revision {before or '(empty)'} to {after}.")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
@click.pass_context
def current(ctx: click.Context, as_json: bool) -> int:
    """The revision of the database and the one this version needs; exit 2 if they differ."""
    from gateway.store.version import HEAD, stored_version

    with _database(ctx) as database, database.read() as connection:
        stored = stored_version(connection)
    if as_json:
        say_json({"stored": stored, "needed": HEAD})
    else:
        say(f"stored {stored or '(empty)'}, needed {HEAD}")
    return 0 if stored == HEAD else 2


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def backup(ctx: click.Context, file: Path) -> None:
    """Write a consistent copy into FILE while the service goes on. Keep the key file (secret.key) in another safe place."""
    from gateway.store import backup as copies

    with _database(ctx) as database, _progress("Copying") as progress:
        _or_refused(lambda: copies.backup(database, file, progress))
    say(f"{file} holds the database. The key file is not in it: keep {settings_of(ctx).key_file} as well.")


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def restore(ctx: click.Context, file: Path, yes: bool) -> None:
    """Replace everything in the database by the backup in FILE. Stop the service first.

    Mails that were waiting in the backup are held: they may have left since. `guichet outbox list --state held` shows them.
    """
    from core.refusal import Refused
    from gateway.clock import SystemClock
    from gateway.store import backup as copies
    from gateway.store import restored
    from gateway.store.version import stored_version

    settings = settings_of(ctx)
    now = SystemClock().now()
    with _database(ctx) as database, database.read() as connection:
        holder = restored.served_by(connection, now) if stored_version(connection) else ""
    if holder:
        raise Refused(f"The database is being served by {holder}. Stop it first; after a crash its lease is over in 15 seconds. Nothing was changed.")
    if not yes:
        _ask(f"Replace everything in the database by {file}? Is the service stopped?")
    with _database(ctx) as database, _progress("Copying") as progress:
        _or_refused(lambda: copies.restore(database, file, progress))
        held = restored.hold_unsent(database, now)
    if held:
        say(f"{held} mails that were waiting in the backup are held: `guichet outbox list --state held`.")
    say(f"The database is as it was in {file}. Its key file must be the one of that time: {settings.key_file}.")


def _ask(question: str) -> None:
    """Raises Refused unless the answer is yes; where nobody answers, --yes is needed."""
    from core.refusal import Refused

    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        raise Refused("Nothing was changed. Where nobody can be asked, --yes says it.") from None
    if not agreed:
        raise Refused("Nothing was changed.")


def _or_refused(deed: Callable[[], None]) -> None:
    from core.refusal import Refused
    from gateway.store.backup import BackupTrouble

    try:
        deed()
    except BackupTrouble as trouble:
        raise Refused(str(trouble)) from None
    except OSError as fault:
        raise Refused(f"{fault.filename}: {fault.strerror}.") from None


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, nothing elsewhere."""
    import sys

    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
