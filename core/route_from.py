"""A route made from one mail that nobody took: prefilled from its sender or its recipient, its place in the list, and what it would take; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from core.mail import address_key, split_tag
from core.refusal import Refused
from core.setup import Conditions, Process, Route, RouteKind, Setup

ORDER = (RouteKind.ORDINARY, RouteKind.WILDCARD, RouteKind.FALLBACK)
LONGEST_NAME = 200
_PATTERN = ';*"'
"""Whoever chooses an address must not choose whom a route is for."""


class By(StrEnum):
    """What the route looks at (B-UH-07)."""

    SENDER = "sender"
    """From whom: a wildcard route with a list of one sender, for every address of the mailbox."""
    RECIPIENT = "recipient"
    """To which address: an ordinary route for that address."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A mail that nobody took, as far as a new route asks: address keys, '' where unknown, and the mailbox it came to."""

    sender: str
    recipient: str
    connector: str


def prefilled(kind: By, mail: Lost, process: Process, setup: Setup, *, category: str = "", name: str = "", automated: bool = False) -> Route:
    """The route for mails like this one. Raises Refused where the mail does not say what the route needs, or a category is not one of the process."""
    if mail.connector not in setup.connector_named:
        raise Refused("It is not known to which mailbox this mail came. Say it: --connector NAME.")
    if category and category not in process.categories:
        raise Refused(f"“{category}” is not a category of {process.name}. Possible: {', '.join(process.categories) or 'none'}.")
    wanted = mail.sender if kind is By.SENDER else split_tag(mail.recipient)[0]
    if "@" not in wanted:
        raise Refused(f"This mail names no {kind} that a route could be made from.")
    if any(char in wanted for char in _PATTERN):
        raise Refused(f"The {kind} {wanted} holds signs that mean more than one address in a route; write the route into the desk file.")
    route = Route(
        id="",
        connector=mail.connector,
        name="",
        kind=RouteKind.WILDCARD if kind is By.SENDER else RouteKind.ORDINARY,
        address="*" if kind is By.SENDER else wanted,
        process=process.name,
        category=category,
        send_automated_emails=automated,
        when=Conditions(sender=(wanted,)) if kind is By.SENDER else Conditions(),
    )
    there = _same(route, setup)
    if there is not None:
        return there
    free = _free_name(name or f"{'from' if kind is By.SENDER else 'to'} {wanted}", mail.connector, setup, asked=bool(name))
    return replace(route, name=free)


def _same(route: Route, setup: Setup) -> Route | None:
    """The route of the setup that takes the same mails already. Raises Refused if it leads elsewhere: a second one behind it would never be reached."""
    of_mailbox = (one for one in setup.routes if one.connector == route.connector and one.enabled)
    there = next((one for one in of_mailbox if (one.kind, one.address, one.when, one.unless) == (route.kind, route.address, route.when, route.unless)), None)
    if there is None or replace(there, id="", name="") == route:
        return there
    raise Refused(
        f"There is a route “{there.name}” of {there.connector} for these mails already, and it does something else; a second one behind it would never be reached."
        " Change that one in the desk file, or process the mails by it: guichet inbound replay --state unhandled."
    )


def takes(route: Route, mail: Lost) -> bool:
    """Whether a route made here takes a mail that no other route takes."""
    if mail.connector != route.connector and (mail.connector or route.kind is RouteKind.WILDCARD):
        return False
    if route.kind is RouteKind.WILDCARD:
        return bool(mail.sender) and mail.sender in {address_key(one) for one in route.when.sender}
    return address_key(route.address) in (mail.recipient, split_tag(mail.recipient)[0])


def with_route(setup: Setup, route: Route) -> Setup:
    """The setup with the route behind those of its kind: ordinary before wildcard before fallback (B-RT-10)."""
    rank = ORDER.index(route.kind)
    before = [place for place, one in enumerate(setup.routes) if one.connector == route.connector and ORDER.index(one.kind) <= rank]
    after = [place for place, one in enumerate(setup.routes) if one.connector == route.connector and ORDER.index(one.kind) > rank]
    place = before[-1] + 1 if before else after[0] if after else len(setup.routes)
    return replace(setup, routes=(*setup.routes[:place], route, *setup.routes[place:]))


def _free_name(wanted: str, connector: str, setup: Setup, *, asked: bool) -> str:
    taken = {route.name for route in setup.routes if route.connector == connector}
    if asked and wanted in taken:
        raise Refused(f"There is a route “{wanted}” of {connector} already.")
    return next(name for name in _numbered(wanted[: LONGEST_NAME - 8]) if name not in taken)


def _numbered(name: str) -> Iterable[str]:
    yield name
    number = 2
    while True:
        yield f"{name} ({number})"
        number += 1
