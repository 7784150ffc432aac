"""`guichet init`: a settings file, a new database, the key file and the first administrator."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gateway.cli.house import settings_of
from gateway.cli.shown import say

if TYPE_CHECKING:
    from core.setup import Setup
    from gateway.settings import Settings
    from gateway.store.engine import Database


SETTINGS_FILE = """\
# The settings of this installation: docs/settings.md lists them all, `guichet config show` those in force.
# Commands find this file in the current folder, by --config or by GUICHET_CONFIG.

data = "."                        # folder of the database, the keys and the local mail: here

[database]
# url = "postgresql+psycopg://user@host/name"

[smtp]
# host = "127.0.0.1"
# port = 2525

[web]
# host = "127.0.0.1"
# port = 8080
"""


@click.command()
@click.option("--admin", metavar="EMAIL", help="The first administrator.")
@click.option("--name", default="", help="The administrator's name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is made and printed.")
@click.pass_context
def command(ctx: click.Context, admin: str | None, name: str, password_stdin: bool) -> None:
    """Make a settings file, a new database, its key file and the first administrator; what is there already stays as it is.

    \b
    guichet init --admin you@your.example
    """
    settings = settings_of(ctx)
    password = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    database = make_ready(settings)
    if settings.file is None:
        write_settings(settings)
    try:
        _first_administrator(database, admin, name, password)
    finally:
        database.dispose()


def make_ready(settings: Settings) -> Database:
    """The data folder, the key file and the tables; (idempotent). The caller disposes of the database. Raises Unusable."""
    from gateway.cli.trouble import Unusable
    from gateway.keys import Keys
    from gateway.store.engine import Database
    from gateway.store.version import VersionTrouble, require_head, stored_version

    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o750)
        Keys.create(settings.key_file)
    except OSError as fault:
        raise Unusable(f"{fault.filename or settings.data} cannot be written: {fault.strerror}.") from None
    database = Database(settings.database_url)
    try:
        with database.read() as connection:
            stored = stored_version(connection)
            if stored:
                require_head(connection)
        if not stored:
            from gateway.store.migrate import upgrade  # a start that finds its tables need not pay for Alembic

            upgrade(database)
    except VersionTrouble:
        database.dispose()
        raise
    return database


def write_settings(settings: Settings) -> None:
    """A settings file beside the database, where nothing named one. Raises Unusable."""
    from gateway.cli.trouble import Unusable

    file = settings.data / "guichet.toml"
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(SETTINGS_FILE)
    except FileExistsError:
        return
    except OSError as fault:
        raise Unusable(f"{file} cannot be written: {fault.strerror}.") from None
    say(f"The settings are in {file}.")


def _first_administrator(database: Database, email: str | None, name: str, password: str) -> None:
    from core.refusal import Refused
    from gateway.clock import SystemClock, new_password
    from gateway.store.passwords import PasswordTrouble, hashed, set_password
    from gateway.store.setups import Setups

    clock, setups = SystemClock(), Setups()
    with database.read() as connection:
        setup = setups.current(connection)
    if _administrators(setup):
        say(f"The database is ready; administrators: {', '.join(_administrators(setup))}.")
        return
    if not email:
        raise Refused("The database is ready and has no administrator yet. Say who it is: guichet init --admin you@your.example")
    given = password or new_password()
    try:
        password_hash = hashed(given)
        with database.durable() as connection:
            setups.save(connection, with_administrator(setup, email, name), "command line", clock.now())
            set_password(connection, email, password_hash, "command line", clock.now())
    except PasswordTrouble as trouble:
        raise Refused(str(trouble)) from None
    say(f"The database is ready; {email} is administrator.")
    if not password:
        say(f"Password: {given}")


def with_administrator(setup: Setup, email: str, name: str) -> Setup:
    """The setup with one more user of role admin. Raises Refused for what is no address."""
    from core.refusal import Refused
    from core.setup import Role, User
    from gateway.deskfile import forms

    for _, said in forms.address("", email):
        raise Refused(f"{said}.")
    return replace(setup, users=(*setup.users, User("", email, name or email.partition("@")[0], Role.ADMIN)))


def _administrators(setup: Setup) -> list[str]:
    from core.setup import Role

    return [user.email for user in setup.users if user.active and user.role is Role.ADMIN]
