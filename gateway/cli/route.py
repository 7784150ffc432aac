"""`guichet route`: the routes of the desk."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.house import json_option, opened
from gateway.cli.shown import say_table

COLUMNS = ("connector", "name", "kind", "address", "process", "effect", "enabled")


@click.group()
def command() -> None:
    """The routes of the desk, in the order in which they are tried.

    \b
    guichet route list
    """


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Every route."""
    with opened(ctx) as house:
        found: list[dict[str, Any]] = [{name: getattr(route, name) for name in COLUMNS} for route in house.setup().routes]
    say_table(found, COLUMNS, as_json=as_json)
