"""Opening the installation that a command is about, and the person it acts for; the parts themselves are wired in `gateway/bootstrap.py`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from core.setup import Setup
    from gateway.bootstrap import House
    from gateway.settings import Settings


def settings_of(ctx: click.Context) -> Settings:
    """The settings this command was called with. Raises SettingsTrouble (exit 78)."""
    from gateway.settings_source import load_settings

    asked: dict[str, Any] = ctx.find_root().obj or {}
    return load_settings(asked.get("file"), asked.get("overrides"))


@contextmanager
def opened(ctx: click.Context) -> Iterator[House]:
    """The House of this command, closed at the end; warnings and worse are logged on stderr.

    Raises VersionTrouble if the database is not at the revision this code needs.
    """
    from gateway import log
    from gateway.bootstrap import open_house
    from gateway.store.version import require_head

    settings = settings_of(ctx)
    require_installation(settings)
    log.configure("warning", settings.log.format)
    house = open_house(settings)
    try:
        with house.database.read() as connection:
            require_head(connection)
        yield house
    finally:
        house.close()


def require_installation(settings: Settings) -> None:
    """Without a settings file and a key there is nothing to work on. Raises Unusable (exit 78)."""
    from gateway.cli.trouble import Unusable

    if settings.file is None and not settings.key_file.exists():
        raise Unusable(
            "There is no installation here. Name its settings file with --config FILE or GUICHET_CONFIG, or make one: guichet init, or guichet demo to try."
        )


def current_setup(house: House) -> Setup:
    """The desk as stored now."""
    with house.database.read() as connection:
        return house.setups.current(connection)


def acting(house: House, email: str | None) -> str:
    """Whom a command acts for: the user named by `--as`, else the first administrator, since whoever may read the key file is one."""
    from core.refusal import Refused
    from core.setup import Role

    setup = current_setup(house)
    if email:
        return email
    administrator = next((user.email for user in setup.users if user.active and user.role is Role.ADMIN), None)
    if administrator is None:
        raise Refused("There is no administrator yet. `guichet init --admin you@your.example` makes one; or say whom you act for with --as EMAIL.")
    return administrator


def zone_of(house: House, person: str) -> str:
    """The zone in which a person types and reads times: their own, else that of the desk."""
    from core.mail import address_key

    setup = current_setup(house)
    user = setup.user_of.get(address_key(person))
    return (user.timezone if user else "") or setup.timezone


def moment_of(house: House, person: str, text: str | None) -> datetime | None:
    """A time as the person typed it, in the person's zone. Raises Refused for what is no time and for what is past."""
    from gateway.local_time import parse_moment

    return None if text is None else parse_moment(text, zone_of(house, person), house.clock.now())


as_option = click.option("--as", "by", metavar="EMAIL", help="The user you act for; without it the first administrator.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
