"""`guichet connector`: how the mailboxes fare."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.house import json_option, opened
from gateway.cli.shown import say_table

COLUMNS = ("name", "address", "direction", "incoming", "outgoing", "enabled")


@click.group()
def command() -> None:
    """The mailboxes of the desk.

    \b
    guichet connector list
    """


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Every connector and how it takes mail in and sends it."""
    with opened(ctx) as house:
        found: list[dict[str, Any]] = [
            {
                "name": one.name,
                "address": one.address,
                "direction": one.direction,
                "incoming": one.incoming.get("kind", ""),
                "outgoing": one.outgoing.get("kind", ""),
                "enabled": one.enabled,
            }
            for one in house.setup().connectors
        ]
    say_table(found, COLUMNS, as_json=as_json)
