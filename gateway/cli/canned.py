"""`guichet canned`: texts that people put into their mails; administrators keep them in the desk file."""

from __future__ import annotations

import click

from gateway.cli.house import acting, as_option, json_option, opened
from gateway.cli.shown import say, say_json, say_table

COLUMNS = ("title", "language", "service", "files", "recent")


@click.group()
def command() -> None:
    """Texts to put into a mail, for the item's service line first.

    \b
    guichet canned list --item 101203-T --search invoice
    guichet canned show "Invoice asked for" --item 101203-T
    guichet item mail 101203-T --canned "Invoice asked for"
    """


@command.command("list")
@click.option("--item", "ref", default="", metavar="REF", help="For this item: its service line, and texts for all.")
@click.option("--language", default="", help="This language first; without it yours.")
@click.option("--search", default="", metavar="WORDS", help="Words that title or text contain.")
@click.option("--service", default="", help="For this service line.")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, ref: str, language: str, search: str, service: str, by: str | None, as_json: bool) -> None:
    """The texts that fit, best first: your language, then those you used last."""
    with opened(ctx) as house:
        found = house.desk.list_canned(acting(house, by), ref=ref, language=language, search=search, service=service)
    say_table(found, COLUMNS, as_json=as_json)


@command.command()
@click.argument("title")
@click.option("--item", "ref", required=True, metavar="REF", help="The item whose values it shows.")
@click.option("--language", default="", help="Of texts with one title that in this language; without it yours.")
@as_option
@json_option
@click.pass_context
def show(ctx: click.Context, title: str, ref: str, language: str, by: str | None, as_json: bool) -> None:
    """The text TITLE as it would stand in a mail, with its files."""
    with opened(ctx) as house:
        found = house.desk.canned_for(ref, title, acting(house, by), language=language)
    if as_json:
        say_json(found)
        return
    say(found["text"].rstrip())
    for one in found["files"]:
        say(f"Attached: {one['name']}")
    say_missing(found["missing"])


def say_missing(names: list[str]) -> None:
    """On stderr: what a canned text should bring and the desk does not have."""
    for name in names:
        click.echo(f"Warning: there is no file “{name}” on the desk, so it does not go with the mail.", err=True)
