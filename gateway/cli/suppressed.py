"""`guichet suppressed`: addresses that get no automatic mail because mail to them came back for good, or they complained."""

from __future__ import annotations

import click

from gateway.cli.house import acting, as_option, json_option, opened, zone_of
from gateway.cli.outbox import each, say_results
from gateway.cli.shown import in_zone, say_table

COLUMNS = ("address", "until", "reason")


@click.group()
def command() -> None:
    """Addresses that get no automatic mail for 60 days: mail to them came back for good, or they complained. People may write to them.

    \b
    guichet suppressed list
    guichet suppressed remove jo@acme.example
    """


@command.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1_000, show_default=True, help="At most so many.")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, limit: int, by: str | None, as_json: bool) -> None:
    """The addresses, until when, and what was said of them."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.list_suppressed(person, limit=limit), zone_of(house, person)
    say_table(found if as_json else in_zone(found, zone), COLUMNS, as_json=as_json)


@command.command()
@click.argument("addresses", nargs=-1, required=True)
@as_option
@json_option
@click.pass_context
def remove(ctx: click.Context, addresses: tuple[str, ...], by: str | None, as_json: bool) -> int:
    """Automatic mail goes to these addresses again. Exit 2 if one of them was not on the list."""
    with opened(ctx) as house:
        person = acting(house, by)
        results = each(addresses, lambda address: house.desk.unsuppress(address, person))
    return say_results(results, "gets automatic mail again", as_json)
