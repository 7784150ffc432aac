"""`guichet agent-mail`: what became of mails by our own people, and of those in their names."""

from __future__ import annotations

import click

from gateway.cli.house import acting, as_option, json_option, opened, zone_of
from gateway.cli.shown import in_zone, say_table

COLUMNS = ("at", "user", "from", "item", "outcome", "reason", "commands", "words")


@click.group()
def command() -> None:
    """Mails by which agents answer and command, and mails that pretend to be theirs: each with what became of it and why.

    \b
    guichet agent-mail list
    guichet agent-mail list --outcome refused --json
    guichet agent-mail list --user ann@demo.example --item 101203-T
    """


@command.command("list")
@click.option("--user", metavar="EMAIL", default="", help="Those by this user, or in their name.")
@click.option("--item", "ref", metavar="REF", default="", help="Those about this item.")
@click.option("--outcome", default="", help="done, held, filed, refused or ignored.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many.")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, user: str, ref: str, outcome: str, limit: int, by: str | None, as_json: bool) -> None:
    """The audit list, the newest first. `inbound show ID` shows the mail itself, `explain` how it was judged."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.list_agent_mails(person, user=user, ref=ref, outcome=outcome, limit=limit), zone_of(house, person)
    say_table(found if as_json else in_zone(found, zone), COLUMNS, as_json=as_json)
