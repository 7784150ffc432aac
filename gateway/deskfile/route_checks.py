"""Checks of addresses and routes: each address in one connector, routes in order, what they name exists; conditions are `condition_checks.py`."""

from __future__ import annotations

from core.mail import address_key
from core.refs import is_reference
from core.setup import Conditions, Connector, Route, RouteEffect, RouteKind, Setup
from gateway.deskfile import condition_checks, forms
from gateway.deskfile.forms import Found

_ORDER = (RouteKind.ORDINARY, RouteKind.WILDCARD, RouteKind.FALLBACK)


def addresses(setup: Setup) -> Found:
    """Every address of ours is well-formed and belongs to one connector (B-RT-06)."""
    owners: dict[str, str] = {}
    for place, connector in enumerate(setup.connectors, 1):
        listed = [("address", connector.address), *((f"aliases[{number}]", alias) for number, alias in enumerate(connector.aliases, 1))]
        mine: set[str] = set()
        for key, address in listed:
            path = f"connectors[{place}].{key}"
            yield from forms.address(path, address)
            if address_key(address) in mine:
                yield path, f"{address} is there twice"
            elif owners.setdefault(address_key(address), connector.name) != connector.name:
                yield path, f"{address} already belongs to connector “{owners[address_key(address)]}”"
            mine.add(address_key(address))
    for place, route in enumerate(setup.routes, 1):
        if "@" in route.address and route.connector in setup.connector_named and owners.setdefault(address_key(route.address), route.connector) != route.connector:
            yield f"routes[{place}].address", f"{route.address} already belongs to connector “{owners[address_key(route.address)]}”"


def routes(setup: Setup) -> Found:
    """Each route by itself: what it names exists and fits its kind and effect."""
    for place, route in enumerate(setup.routes, 1):
        path = f"routes[{place}]"
        connector = setup.connector_named.get(route.connector)
        if connector is None:
            yield f"{path}.connector", forms.unknown("connector", route.connector, setup.connector_named)
        elif not connector.receives:
            yield f"{path}.connector", f"connector “{connector.name}” does not receive (direction “{connector.direction}”)"
        elif route.kind is RouteKind.FALLBACK:
            yield from _fallback(path, route, connector)
        yield from _route_address(path, route)
        yield from _route_effect(path, route, setup)
        for key, asked in (("when", route.when), ("unless", route.unless)):
            yield from condition_checks.conditions(f"{path}.{key}", asked, setup)


def _fallback(path: str, route: Route, connector: Connector) -> Found:
    """B-RT-11: the main address, no conditions, always on."""
    if address_key(route.address) != address_key(connector.address):
        yield f"{path}.address", f"a fallback route serves the main address of its connector, {connector.address}"
    for key, asked in (("when", route.when), ("unless", route.unless)):
        if asked != Conditions():
            yield f"{path}.{key}", "a fallback route has no conditions"
    if not route.enabled:
        yield f"{path}.enabled", "a fallback route is always enabled"


def _route_address(path: str, route: Route) -> Found:
    """B-RT-12: `*` for wildcard routes and for them only; they need a sender list that does not let everybody in."""
    if route.kind is not RouteKind.WILDCARD:
        if route.address == "*":
            yield f"{path}.address", f"“*” is for wildcard routes; an address is expected for kind “{route.kind}”"
        else:
            yield from forms.address(f"{path}.address", route.address)
        return
    if route.address != "*":
        yield f"{path}.address", "“*” is expected for a wildcard route"
    if not route.when.sender:
        yield f"{path}.when.sender", "a wildcard route needs a list of senders"
    for number, sender in enumerate(route.when.sender, 1):
        if not sender.strip("*@. "):
            yield f"{path}.when.sender[{number}]", "the senders of a wildcard route may not themselves be a wildcard"


def _route_effect(path: str, route: Route, setup: Setup) -> Found:
    if route.effect is RouteEffect.APPEND:
        if not is_reference(route.item):
            yield f"{path}.item", "effect “append” needs the reference of an item, such as 101203-T"
        return
    if route.effect is RouteEffect.IGNORE:
        return
    process = setup.process_named.get(route.process)
    if process is None:
        yield f"{path}.process", forms.unknown("process", route.process, setup.process_named)
    elif route.category and route.category not in process.categories:
        yield f"{path}.category", forms.unknown("category", route.category, process.categories)


def route_order(setup: Setup) -> Found:
    """B-RT-09, B-RT-10: within a connector ordinary routes, then wildcard ones, then one fallback."""
    last: dict[str, RouteKind] = {}
    for place, route in enumerate(setup.routes, 1):
        before = last.get(route.connector, RouteKind.ORDINARY)
        if before is RouteKind.FALLBACK and route.kind is RouteKind.FALLBACK:
            yield f"routes[{place}].kind", f"connector “{route.connector}” already has a fallback route"
        elif _ORDER.index(route.kind) < _ORDER.index(before):
            yield f"routes[{place}].kind", f"a route of kind “{route.kind}” may not come after one of kind “{before}” (order: {', then '.join(_ORDER)})"
        last[route.connector] = route.kind


def fallbacks(setup: Setup) -> Found:
    """B-CN-08: a connector that receives needs a fallback route."""
    served = {route.connector for route in setup.routes if route.kind is RouteKind.FALLBACK}
    for place, connector in enumerate(setup.connectors, 1):
        if connector.receives and connector.name not in served:
            yield f"connectors[{place}]", f'a route with kind = "fallback" for {connector.address} is missing'
