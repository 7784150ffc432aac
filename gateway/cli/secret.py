"""`guichet secret`: passwords and private keys that administrators enter; what is done with them is `gateway/desk_secrets.py`."""

from __future__ import annotations

import sys

import click

from gateway.cli.house import acting, as_option, json_option, opened, zone_of
from gateway.cli.shown import in_zone, say, say_table

COLUMNS = ("name", "kind", "changed_at", "by")


@click.group()
def command() -> None:
    """Passwords and private keys, stored encrypted and never shown again; connectors name them with password_secret.

    \b
    guichet secret set smtp-password
    guichet secret set smtp-password < FILE
    guichet secret list
    """


@command.command("set")
@click.argument("name")
@as_option
@click.pass_context
def set_(ctx: click.Context, name: str, by: str | None) -> None:
    """Keep a secret under NAME, in the place of an older one; it is asked for without being shown, or read from standard input.

    One line end at the end of the input does not belong to it.
    """
    with opened(ctx) as house:
        house.secrets_desk.set(name, _value(name), acting(house, by))
    say(f"The secret {name} is kept. Processes that run use it at their next log-in.")


def _value(name: str) -> str:
    """What was typed twice at a terminal, else the whole of standard input."""
    from core.refusal import Refused

    if _is_terminal():
        return str(click.prompt(f"{name}", hide_input=True, confirmation_prompt=True, err=True))
    try:
        text = sys.stdin.read(65_536)
    except UnicodeDecodeError:
        raise Refused("What came in on standard input is no text in UTF-8; nothing was changed.") from None
    return text.removesuffix("\n").removesuffix("\r")


def _is_terminal() -> bool:
    return sys.stdin.isatty()


@command.command("list")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, by: str | None, as_json: bool) -> None:
    """Names, what they are, when they were changed and by whom; never a value."""
    from gateway.store.moments import moment_json

    with opened(ctx) as house:
        person = acting(house, by)
        kept, zone = house.secrets_desk.list(person), zone_of(house, person)
    found = [{"name": one.name, "kind": one.kind or "password", "changed_at": moment_json(one.changed_at), "by": one.changed_by} for one in kept]
    say_table(found if as_json else in_zone(found, zone), COLUMNS, as_json=as_json)


@command.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Also while a connector or a DKIM key names it.")
@as_option
@click.pass_context
def remove(ctx: click.Context, name: str, force: bool, by: str | None) -> None:
    """Forget a secret for good."""
    with opened(ctx) as house:
        house.secrets_desk.remove(name, acting(house, by), anyway=force)
    say(f"The secret {name} is gone.")
