"""The filters that `guichet inbound` has for its lists and its deeds on many messages at once; they are read here, and applied in the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from core.verdict import InboundState
from gateway.cli.house import zone_of

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.bootstrap import House

Command = TypeVar("Command", bound=Callable[..., Any])

STATE = click.Choice([state.value for state in InboundState])
MOMENT = "a time such as 2026-03-29T09:30, or how long ago, such as P7D"
SINCE = click.option("--since", metavar="TIME", help=f"Received then or later: {MOMENT}.")
UNTIL = click.option("--until", metavar="TIME", help="Received before.")

FILTERS = (
    click.option("--state", "states", type=STATE, metavar="STATE", multiple=True, help=f"{' '.join(InboundState)}; several times."),
    click.option("--connector", default="", metavar="NAME", help="Of this mailbox."),
    click.option("--address", default="", metavar="ADDR", help="For this address of ours."),
    click.option("--sender", default="", metavar="TEXT", help="Part of the sender's name or address."),
    click.option("--text", default="", metavar="TEXT", help="Part of subject, sender, Message-ID or text."),
    click.option("--reason", default="", metavar="TEXT", help="Part of the reason why it lies there."),
    SINCE,
    UNTIL,
)


def filter_options(deed: Command) -> Command:
    """The command with all filters as options; they reach it as keyword arguments."""
    for option in reversed(FILTERS):
        deed = option(deed)
    return deed


def wanted(house: House, person: str, given: dict[str, Any]) -> dict[str, Any]:
    """The filters that were given, as the desk takes them. Raises Refused for a time that is none."""
    moments = {name: past_moment(house, person, given.get(name)) for name in ("since", "until")}
    found = {**{name: value for name, value in given.items() if name not in moments}, **moments}
    return {name: value for name, value in found.items() if value not in (None, "", ())}


def past_moment(house: House, person: str, text: str | None) -> datetime | None:
    """A time as the person typed it, in the person's zone; a duration counts back from now."""
    from gateway.local_time import parse_past

    return None if text is None else parse_past(text, zone_of(house, person), house.clock.now())
