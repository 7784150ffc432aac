"""`guichet outbox list|counts|view|sent`: looking at outgoing mails; doing something with them is `outbox.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from core.outbox import OutboxState
from core.outbox_view import COLUMN, COLUMNS, OLDEST_FIRST, Shown, View
from gateway.cli.house import acting, as_option, json_option, opened, zone_of
from gateway.cli.shown import in_zone, say, say_fields, say_json, say_table

if TYPE_CHECKING:
    from gateway.bootstrap import House

RECORD = ("id", "state", "due_at", "item", "from", "to", "subject", "attempts", "last_error", "warnings")
"""Columns of the list without a view."""
SENT = ("id", "sent_at", "item", "from", "to", "subject", "author", "attachment_count", "queue_id")

STATES = (*(state.value for state in OutboxState), Shown.CONNECTOR_DISABLED.value)
VIEWS = click.Choice([view.value for view in View])
KEPT = "kept"

FILTERS: tuple[Callable[..., Any], ...] = (
    click.option("--before", metavar="TIME", help="Created before this time."),
    click.option("--after", metavar="TIME", help="Created at this time or later: 2026-03-29T09:30 in your zone."),
    click.option("--text", default="", help="Words of subject, recipients, author or last error."),
    click.option("--author", default="", metavar="EMAIL", help="Only mails by this person."),
    click.option("--connector", default="", metavar="NAME", help="Only mails that leave by this connector."),
    click.option("--item", "ref", default="", metavar="REF", help="Only mails of this item."),
    click.option("--state", "states", type=click.Choice(STATES), metavar="STATE", multiple=True, help=f"{' '.join(STATES)}; several times."),
    click.option("--view", type=VIEWS, help="Whose mails of the Outbox; without it the whole record, sent and cancelled mails as well."),
)
"""The filters of lists and of deeds with many, the last one first."""
_NAMES = ("view", "states", "ref", "connector", "author", "text", "after", "before")


def filters_of(given: Mapping[str, Any], house: House | None = None, person: str = "") -> dict[str, Any]:
    """The filters that were given; with a house, times are read in the person's zone."""
    found = {name: given[name] for name in _NAMES if given.get(name)}
    if house is not None:
        found |= {name: past_moment(house, person, found[name]) for name in ("after", "before") if name in found}
    return found


def past_moment(house: House, person: str, text: str) -> datetime:
    """A time as the person typed it who looks back; a duration counts back from now. Raises Refused."""
    from gateway.local_time import parse_past

    return parse_past(text, zone_of(house, person), house.clock.now())


def _filtered(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in FILTERS:
        if option is not FILTERS[-1]:
            function = option(function)
    return function


@click.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many, without a view.")
@click.option("--cursor", default="", help="Go on after the page that ended with this mark.")
@click.option("--sort", default="", metavar="COLUMN", help=f"With a view: order by a column, downwards with “-” before it; as it is: {OLDEST_FIRST}.")
@click.option("--rows", type=int, default=0, help="With a view: so many instead of what you keep.")
@click.option("--columns", default="", help=f"With a view: {', '.join(COLUMN)}; To and Subject are always there.")
@click.option(
    "--view", is_flag=False, flag_value=KEPT, type=click.Choice([*(view.value for view in View), KEPT]), help="Whose mails of the Outbox; alone the view that you keep."
)
@_filtered
@as_option
@json_option
@click.pass_context
def list_(
    ctx: click.Context, /, view: str | None, columns: str, rows: int, sort: str, cursor: str, limit: int, by: str | None, as_json: bool, **given: Any
) -> None:
    """Mails within sight: with --view those of the Outbox, the oldest first; without it the whole record, those due last first.

    \b
    guichet outbox list --view
    guichet outbox list --view team --state failed --columns status,to,subject,last_failure
    guichet outbox list --item 101203-T
    """
    if view is None and (columns or rows or sort or cursor):
        raise click.UsageError("--columns, --rows, --sort and --cursor go with --view.")
    with opened(ctx) as house:
        person = acting(house, by)
        filters, zone = filters_of(given, house, person), zone_of(house, person)
        if view is None:
            found, shown, following = house.desk.list_outbox(person, limit=limit, **filters), list(RECORD), None
        else:
            names = [one.strip() for one in columns.split(",") if one.strip()]
            page = house.desk.outbox_page(
                person, view="" if view == KEPT else view, columns=names, rows=rows, sort=sort or OLDEST_FIRST, cursor=cursor, **filters
            )
            found, following = page["rows"], page["next"]
            shown = list(dict.fromkeys(("id", *(COLUMN[one].field for one in page["columns"]))))
    people = [{**row, "status": row.get("status_words", "")} for row in in_zone(found, zone)]
    say_table(found if as_json else people, shown if as_json else ["status" if one == "status_words" else one for one in shown], as_json=as_json)
    if following and not as_json:
        click.echo(f"More: --cursor {following}", err=True)


@click.command()
@as_option
@json_option
@click.pass_context
def counts(ctx: click.Context, by: str | None, as_json: bool) -> None:
    """How many mails are in each view, by status; how old the oldest is, when the next leaves, what was answered last."""
    with opened(ctx) as house:
        person = acting(house, by)
        found, zone = house.desk.count_outbox(person), zone_of(house, person)
    if as_json:
        say_json(found)
        return
    rows = [{"view": name, **one, **one["statuses"], "total": f"{one['total']}{'+' if one['at_least'] else ''}"} for name, one in found.items()]
    say_table(in_zone(rows, zone), ("view", "total", *(shown.value for shown in Shown), "oldest_at", "next_attempt_at", "last_answer"))


@click.command()
@click.option("--view", type=VIEWS, help="Keep this view.")
@click.option("--columns", default="", help=f"Keep these columns, in this order: {', '.join(COLUMN)}.")
@click.option("--rows", type=int, default=0, help="Keep this number of rows.")
@click.option("--forget", is_flag=True, help="As at first: leaders see their team's mails, everybody else their own.")
@as_option
@json_option
@click.pass_context
def view(ctx: click.Context, view: str | None, columns: str, rows: int, forget: bool, by: str | None, as_json: bool) -> None:
    """What you keep for your Outbox: the view, the columns, the number of rows. Alone it shows it, and which columns there are.

    \b
    guichet outbox view --view team --columns status,to,subject,next_attempt --rows 100
    """
    with opened(ctx) as house:
        person = acting(house, by)
        names = [one.strip() for one in columns.split(",") if one.strip()]
        if view or names or rows or forget:
            choice = house.desk.keep_outbox_choice(person, view=view or "", columns=names, rows=rows, forget=forget)
        else:
            choice = house.desk.outbox_choice(person)
    there = [{"id": one.id, "en": one.en, "fr": one.fr, "field": one.field, "sortable": bool(one.sort), "compulsory": one.compulsory} for one in COLUMNS]
    if as_json:
        say_json({**choice, "there_are": there})
        return
    say_fields(choice)
    say()
    say_table(there, ("id", "en", "fr", "sortable", "compulsory"))


@click.command()
@click.option("--team", is_flag=True, help="Also what the people of my teams sent.")
@click.option("--customer", default="")
@click.option("--contract", default="")
@click.option("--service", default="")
@click.option("--process", default="")
@click.option("--queue", default="")
@click.option("--to", default="", help="A part of a recipient's address.")
@click.option("--from-date", "after", metavar="TIME", help="Sent at this time or later; a range is at most 90 days wide, by default the last 90 days.")
@click.option("--to-date", "before", metavar="TIME", help="Sent before this time.")
@click.option("--item-status", default="", metavar="STATUS")
@click.option("--attachments/--no-attachments", default=None, help="Only with, only without.")
@click.option("--system/--people", "system_generated", default=None, help="Only automatic mails, only mails by people.")
@click.option("--assignee", default="", metavar="EMAIL", help="Who has the item now.")
@click.option("--sent-by", default="", metavar="EMAIL")
@click.option("--rows", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--cursor", default="", help="Go on after the page that ended with this mark.")
@as_option
@json_option
@click.pass_context
def sent(ctx: click.Context, /, after: str | None, before: str | None, rows: int, by: str | None, as_json: bool, **filters: Any) -> None:
    """Mails that left, the newest first: mine, or my team's. Automatic mails are there with the items one has.

    \b
    guichet outbox sent --team --customer Acme --from-date 2026-01-01T00:00 --to-date 2026-03-01T00:00
    """
    with opened(ctx) as house:
        person = acting(house, by)
        zone = zone_of(house, person)
        since, until = (past_moment(house, person, text) if text else None for text in (after, before))
        found = house.desk.sent_items(person, rows=rows, after=since, before=until, **filters)
    say_table(found if as_json else in_zone(found, zone), SENT, as_json=as_json)
    if len(found) == rows and not as_json:
        click.echo(f"More: --cursor {found[-1]['cursor']}", err=True)
