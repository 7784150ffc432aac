"""Which route takes a mail for one address of ours: the connector's list from top to bottom; its conditions are `conditions.py`, its effect `opening.py`."""

from __future__ import annotations

from core.mail import address_key
from core.setup import Connector, Route, RouteKind, Setup
from gateway.routing.conditions import Subject, holds, misses
from gateway.routing.recipients import Recipient, Source
from gateway.routing.trace import Trace

ORDER = (RouteKind.ORDINARY, RouteKind.WILDCARD, RouteKind.FALLBACK)
"""The strict order of classes (B-RT-10)."""


def routes_of(setup: Setup, connector: str) -> tuple[Route, ...]:
    """The enabled routes of a connector in the order they are tried; fallback routes are always enabled (B-RT-11)."""
    mine = [route for route in setup.routes if route.connector == connector and (route.enabled or route.kind is RouteKind.FALLBACK)]
    return tuple(sorted(mine, key=lambda route: ORDER.index(route.kind)))


def route_for(recipient: Recipient, subject: Subject, setup: Setup, trace: Trace) -> Route | None:
    """The first route that matches, or None: the mail is then unhandled for this address (B-RT-06, B-RT-11)."""
    connector = setup.connector_named.get(recipient.connector)
    if connector is None:
        return None
    for route in routes_of(setup, connector.name):
        because = _address_misses(route, recipient, connector) or _condition_misses(route, subject)
        name = f"{connector.name} / {route.name} ({route.kind})"
        if not because:
            trace.hit("route", name, f"takes mail for {recipient.base}")
            return route
        trace.miss("route", name, because)
    return None


def _address_misses(route: Route, recipient: Recipient, connector: Connector) -> str:
    if route.kind is RouteKind.WILDCARD:
        return ""
    if recipient.source is Source.BLIND:
        return "no field names an address of ours: only wildcard routes take blind copies (B-RT-12)"
    if route.kind is RouteKind.FALLBACK:
        main = address_key(connector.address)
        return "" if recipient.base == main else f"the fallback serves {main} only, not {recipient.base} (B-RT-11)"
    wanted = address_key(route.address)
    return "" if wanted in (recipient.base, recipient.key) else f"it is for {wanted}"


def _condition_misses(route: Route, subject: Subject) -> str:
    """The first condition that does not hold, or '' (B-RT-03). A fallback has none of its own (B-RT-11)."""
    if route.kind is RouteKind.FALLBACK:
        return ""
    if route.kind is RouteKind.WILDCARD and not route.when.sender:
        return "a wildcard route needs a list of senders (B-RT-12)"
    return misses(route.when, subject) or holds(route.unless, subject)
