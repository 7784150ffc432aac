"""`guichet user`: the people of the desk, their roles and passwords."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

import click

from gateway.cli.app_password import app_password
from gateway.cli.house import acting, as_option, current_setup, json_option, opened
from gateway.cli.shown import say, say_json, say_table
from gateway.cli.user_preferences import absent, notify, signing_key

if TYPE_CHECKING:
    from core.setup import Setup, User
    from gateway.bootstrap import House

COLUMNS = ("email", "name", "role", "team", "queues", "active")


@click.group()
def command() -> None:
    """The people of the desk.

    \b
    guichet user list
    guichet user add ann@your.example --name "Ann Agent" --queue "First line"
    guichet user passwd ann@your.example
    guichet user signature ann@your.example --text signature.txt
    guichet user absent ann@your.example --until 2026-12-01T09:00 --deputy bob@your.example
    guichet user notify ann@your.example --digest in_queue
    guichet user app-password add ann@your.example --name "Thunderbird, laptop"
    """


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Everybody, also those who left."""
    from core.plain import to_plain

    with opened(ctx) as house:
        users = current_setup(house).users
    say_table([{**to_plain(user, full=True), "id": user.id, "active": user.active} for user in users], COLUMNS, as_json=as_json)


@command.command()
@click.argument("email")
@click.option("--name", default="", help="Name as customers see it.")
@click.option("--role", type=click.Choice(["agent", "leader", "admin"]), default="agent", show_default=True)
@click.option("--team", default="", help="The team the user belongs to.")
@click.option("--queue", "queues", multiple=True, help="A queue the user works on; may be given several times.")
@click.option("--language", default="", help="Such as en or fr.")
@click.option("--timezone", default="", help="Such as Europe/Paris.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is made and printed.")
@as_option
@click.pass_context
def add(
    ctx: click.Context, email: str, name: str, role: str, team: str, queues: tuple[str, ...], language: str, timezone: str, password_stdin: bool, by: str | None
) -> None:
    """Take in a new user, or one who left and comes back."""
    from core.mail import address_key
    from core.refusal import Refused
    from core.setup import Role
    from core.setup import User as Person

    user = Person("", email, name or email.partition("@")[0], Role(role), team, queues, language, timezone)
    def added(setup: Setup) -> Setup:
        if address_key(email) in setup.user_of:
            raise Refused(f"{email} is a user already.")
        return replace(setup, users=(*_others(setup, email), user))

    with opened(ctx) as house:
        added(current_setup(house))
        password, password_hash = _password(password_stdin)
        _save(house, added, acting(house, by), password_of=(email, password_hash))
    _say_password(email, "" if password_stdin else password)


@command.command()
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is made and printed.")
@as_option
@click.pass_context
def passwd(ctx: click.Context, email: str, password_stdin: bool, by: str | None) -> None:
    """Give a user a new password."""
    from core.refusal import Refused
    from gateway.store.passwords import PasswordTrouble, set_password

    with opened(ctx) as house:
        password, password_hash = _password(password_stdin)
        person = acting(house, by)
        try:
            with house.database.durable() as connection:
                set_password(connection, email, password_hash, person, house.clock.now())
        except PasswordTrouble as trouble:
            raise Refused(str(trouble)) from None
    _say_password(email, "" if password_stdin else password)


@command.command()
@click.argument("email")
@as_option
@click.pass_context
def deactivate(ctx: click.Context, email: str, by: str | None) -> None:
    """A user leaves: no longer logs in or gets work; the history keeps the name."""
    from core.mail import address_key
    from core.refusal import Refused

    def left(setup: Setup) -> Setup:
        if address_key(email) not in setup.user_of:
            raise Refused(f"There is no active user “{email}”.")
        without = (replace(one, deputy="") if address_key(one.deputy) == address_key(email) else one for one in _others(setup, email))
        return replace(setup, users=tuple(without))

    with opened(ctx) as house:
        _save(house, left, acting(house, by))
    say(f"{email} is no longer active.")


@command.command()
@click.argument("email")
@click.option("--text", "text_file", type=click.File("rb"), metavar="FILE", help="The signature as text; “-” reads standard input.")
@click.option("--html", "html_file", type=click.File("rb"), metavar="FILE", help="The same for mails written in HTML.")
@click.option("--remove", is_flag=True, help="Take it away.")
@click.option("--show", is_flag=True, help="Only show it; so does naming no file.")
@as_option
@json_option
@click.pass_context
def signature(
    ctx: click.Context, email: str, text_file: BinaryIO | None, html_file: BinaryIO | None, remove: bool, show: bool, by: str | None, as_json: bool
) -> None:
    """What stands below the mails of a user where they ask for it (item mail --signature)."""
    text, html = ("", "") if remove else (_whole(text_file), _whole(html_file))
    with opened(ctx) as house:
        person = acting(house, by)
        if show or (text is None and html is None):
            found = house.desk.signature(email, person)
        else:
            found = house.desk.set_signature(email, person, text=text, html=html)
    for warning in found["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
    if as_json:
        say_json(found)
    else:
        say(found["text"] or "(no signature)")


def _whole(file: BinaryIO | None) -> str | None:
    """A text file of a sane size. Raises Refused."""
    from core.refusal import Refused
    from core.signature import LONGEST_HTML

    if file is None:
        return None
    content = file.read(4 * LONGEST_HTML + 1)
    if len(content) > 4 * LONGEST_HTML:
        raise Refused(f"The file is larger than {4 * LONGEST_HTML} bytes; the signature was left as it was.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("The file is not UTF-8 text; the signature was left as it was.") from None


def _others(setup: Setup, email: str) -> tuple[User, ...]:
    from core.mail import address_key

    return tuple(user for user in setup.users if address_key(user.email) != address_key(email))


def _save(house: House, changed: Callable[[Setup], Setup], by: str, *, password_of: tuple[str, str] | None = None) -> None:
    """Save what `changed` makes of the setup as it is then, after the checks that a desk file goes through; with the hash of a user's password in
    the same transaction. Raises Refused, also what `changed` raises."""
    from core.refusal import Refused
    from gateway.deskfile import checks
    from gateway.store.passwords import set_password

    with house.database.durable() as connection:
        setup = changed(house.setups.locked(connection))
        active = replace(setup, users=tuple(user for user in setup.users if user.active))
        for path, said in checks.people(active):
            raise Refused(f"{path.rpartition('.')[2]}: {said}.")
        house.setups.save(connection, setup, by, house.clock.now())
        if password_of is not None:
            set_password(connection, *password_of, by, house.clock.now())


def _password(from_stdin: bool) -> tuple[str, str]:
    """A new password, read or made, and its hash. Raises Refused if it is not taken."""
    from core.refusal import Refused
    from gateway.clock import new_password
    from gateway.store.passwords import PasswordTrouble, hashed

    password = sys.stdin.readline().rstrip("\n") if from_stdin else new_password()
    try:
        return password, hashed(password)
    except PasswordTrouble as trouble:
        raise Refused(str(trouble)) from None


def _say_password(email: str, made: str) -> None:
    say(f"{email} has the password {made}" if made else f"{email} has a new password.")


for _own in (absent, notify, signing_key, app_password):
    command.add_command(_own)
