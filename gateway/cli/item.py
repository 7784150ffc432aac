"""`guichet item`: work items; every command calls the same `gateway.desk.Desk` as pages and API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from core.status import Status
from core.test_mode import marked
from gateway.cli.house import acting, as_option, json_option, moment_of, opened, zone_of
from gateway.cli.item_mail import mail
from gateway.cli.shown import cell, in_zone, say, say_fields, say_json, say_table

COLUMNS = ("ref", "status", "wait_type", "queue", "assignee", "owner", "title")
METHODS = (
    "with_customer_response",
    "no_customer_response",
    "rejected",
    "rejected_as_spam",
    "rejected_address_not_configured",
)


@click.group()
def command() -> None:
    """Work items: tickets and cases.

    \b
    guichet item list --status to_do
    guichet item show 101203-T
    guichet item do 101203-T wait --days 3 --close-if-no-answer
    guichet item mail 101203-T --text "Please send us the invoice." --resolve
    """


@command.command()
@click.option("--process", required=True, help="Name of the ticket or case process.")
@click.option("--title", default="", help="What it is about.")
@click.option("--description", default="", help="More about it.")
@click.option("--category", default="", help="A category of the process.")
@click.option("--contact", "contacts", multiple=True, metavar="ADDRESS", help="A contact; may be given several times.")
@click.option("--submit", is_flag=True, help="Hand it in at once; else it is a draft.")
@as_option
@json_option
@click.pass_context
def new(ctx: click.Context, /, process: str, by: str | None, as_json: bool, **asked: Any) -> None:
    """A new ticket or case."""
    with opened(ctx) as house:
        _say_item(house.desk.new_item(acting(house, by), process=process, **asked), as_json)


@command.command()
@click.argument("ref")
@as_option
@json_option
@click.pass_context
def show(ctx: click.Context, ref: str, by: str | None, as_json: bool) -> None:
    """An item with its timeline, newest first."""
    with opened(ctx) as house:
        person = acting(house, by)
        item, zone = house.desk.show(ref, person), zone_of(house, person)
    if as_json:
        say_json(item)
        return
    item = in_zone(item, zone)
    say_fields(item, leave_out=("timeline",))
    say()
    for entry in item["timeline"]:
        say_entry(entry)


def say_entry(entry: Mapping[str, Any]) -> None:
    """One line of the timeline, its text below it."""
    head = " ".join(cell(entry.get(name)) for name in ("at", "kind", "by") if entry.get(name))
    more = cell({name: entry.get(name) for name in ("from", "to", "subject", "state", "until", "scheduled_for", "inbound_id", "outbox_id")})
    say(f"{head}  {more}".rstrip())
    for line in str(entry.get("text") or "").splitlines():
        say(f"    {line}")


@command.command("list")
@click.option("--status", type=click.Choice([status.value for status in Status]), metavar="STATUS", multiple=True, help=f"{' '.join(Status)}; several times.")
@click.option("--queue", default="", help="Name of a queue.")
@click.option("--assignee", default="", metavar="EMAIL", help="Whose items.")
@click.option("--text", default="", help="What title, reference or contacts contain.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many.")
@as_option
@json_option
@click.pass_context
def list_(ctx: click.Context, /, by: str | None, as_json: bool, **asked: Any) -> None:
    """Items within sight, the last changed first."""
    with opened(ctx) as house:
        found = house.desk.list_items(acting(house, by), **asked)
    say_table(found if as_json else [_marked(one) for one in found], COLUMNS, as_json=as_json)


def _marked(item: dict[str, Any]) -> dict[str, Any]:
    """For people, a test item says so before its title."""
    return {**item, "title": marked(item["title"])} if item["test"] else item


@command.command()
@click.argument("ref")
@click.argument("verb")
@click.option("--method", help=f"How it was resolved: {', '.join(METHODS)} …")
@click.option("--note", help="A note; with resolve it is the resolution.")
@click.option("--until", metavar="TIME", help="Wait until then: 2026-03-29T09:30 (in your zone), with a zone, or PT2H from now.")
@click.option("--days", type=float, help="Wait so many days for an answer (parts allowed).")
@click.option("--close-if-no-answer", is_flag=True, help="Close the ticket if no answer comes in those days.")
@click.option("--type", "wait_type", help="Which wait: more_information, until, pause.")
@click.option("--to", metavar="EMAIL", help="Whom it is assigned to.")
@click.option("--queue", metavar="NAME", help="The queue it is assigned to.")
@click.option("--title", help="A new title (edit).")
@click.option("--description", help="A new description (edit).")
@click.option("--category", help="A new category (edit).")
@as_option
@json_option
@click.pass_context
def do(ctx: click.Context, /, ref: str, verb: str, by: str | None, as_json: bool, until: str | None, close_if_no_answer: bool, **asked: Any) -> None:
    """Do VERB with the item REF.

    \b
    submit take release assign start stop wait pause resume resolve
    resolve-again reopen cancel note edit mark-read mark-new
    """
    with opened(ctx) as house:
        person = acting(house, by)
        moment = moment_of(house, person, until)
        _say_item(house.desk.do(ref, verb, person, until=moment, close_if_no_answer=close_if_no_answer or None, **asked), as_json)


def _say_item(item: Mapping[str, Any], as_json: bool) -> None:
    for warning in item.get("warnings", ()):
        click.echo(f"Warning: {warning}", err=True)
    if as_json:
        say_json(item)
    else:
        say(" ".join(cell(item.get(name)) for name in ("ref", "status", "wait_type", "resolution_method", "title") if item.get(name)))


command.add_command(mail)
