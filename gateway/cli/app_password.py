"""`guichet user app-password`: passwords for mail programs that hand in mail at the submission door; what may be done with them is `gateway/desk_app_passwords.py`."""

from __future__ import annotations

import click

from gateway.cli.house import acting, as_option, json_option, opened, zone_of
from gateway.cli.shown import in_zone, say, say_json, say_table

COLUMNS = ("user", "name", "made_at", "used_at", "revoked_at", "id")


@click.group("app-password")
def app_password() -> None:
    """Passwords for mail programs, one for each.

    With one of them, or with their own password, people log in at the submission door and send as the shared mailbox.

    \b
    guichet user app-password add ann@your.example --name "Thunderbird, laptop"
    guichet user app-password list ann@your.example
    guichet user app-password revoke ann@your.example --name "Thunderbird, laptop"
    """


@app_password.command()
@click.argument("email")
@click.option("--name", default="mail program", show_default=True, help="What it is for, so that it is known when it is to be revoked.")
@as_option
@json_option
@click.pass_context
def add(ctx: click.Context, email: str, name: str, by: str | None, as_json: bool) -> None:
    """Make one. It is shown now and never again; hyphens and blanks need not be typed."""
    with opened(ctx) as house:
        made = house.app_passwords.make(email, name, acting(house, by))
    if as_json:
        say_json(made)
    else:
        say(f"{made['user']} may log in for “{made['name']}” with {made['password']}")


@app_password.command("list")
@click.argument("email", default="")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, email: str, by: str | None, as_json: bool) -> None:
    """Those of a user, or of everybody: made when, used when (to the hour), revoked when; never a password."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.app_passwords.listed(email, person), zone_of(house, person)
    say_table(found if as_json else in_zone(found, zone), COLUMNS, as_json=as_json)


@app_password.command()
@click.argument("email")
@click.option("--name", required=True, help="Its name, or its id from the list.")
@as_option
@click.pass_context
def revoke(ctx: click.Context, email: str, name: str, by: str | None) -> None:
    """It is no longer taken, from this moment on: not even from a program that is logged in."""
    with opened(ctx) as house:
        (gone, *_) = house.app_passwords.revoke(email, name, acting(house, by))
    say(f"The app password “{gone['name']}” of {gone['user']} is revoked.")
