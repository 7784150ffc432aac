"""What must hold in a desk beyond the form of its tables: names that exist and are unique, ways in and out that can work; routes are `route_checks.py`.

Each check is a small generator of (path, sentence); the path is the place in the desk file (`connectors[2].address`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from core.mail import FREE_MAIL_DOMAINS, address_key
from core.setup import Connector, Process, Role, Setup
from gateway import connector_kinds
from gateway.deskfile import forms, outgoing_checks, preference_checks, profile_checks, route_checks, sending_checks, word_checks
from gateway.deskfile.forms import Found

LONGEST_TEXT = 100_000
LONGEST_UNDO = timedelta(minutes=2)
MOST_INTERVALS = 200
SMALLEST_LIMIT, LARGEST_LIMIT = 100_000, 100 * 2**20
"""Of the sizes of mails and files (C-CO-09, C-CO-10)."""


def processes_with_place(setup: Setup) -> Iterator[tuple[str, Process]]:
    """Each process with its place in the file, where tickets and cases have their own tables."""
    for kind in ("ticket", "case"):
        for place, process in enumerate((process for process in setup.processes if process.kind == kind), 1):
            yield f"{kind}_processes[{place}]", process


def _named(setup: Setup) -> Iterator[tuple[str, str, str, str]]:
    """(path, key, group in which it is unique, name) of everything that has a name."""
    for place, company in enumerate(setup.companies, 1):
        yield f"companies[{place}]", "name", "companies", company.name
    for place, team in enumerate(setup.teams, 1):
        yield f"teams[{place}]", "name", "teams", team.name
    for place, template in enumerate(setup.retry_templates, 1):
        yield f"retry_templates[{place}]", "name", "retry templates", template.name
    for place, connector in enumerate(setup.connectors, 1):
        yield f"connectors[{place}]", "name", "connectors", connector.name
    for place, queue in enumerate(setup.queues, 1):
        yield f"queues[{place}]", "name", "queues", queue
    for place, user in enumerate(setup.users, 1):
        yield f"users[{place}]", "email", "users", address_key(user.email)
    for path, process in processes_with_place(setup):
        yield path, "name", "processes", process.name
    for place, route in enumerate(setup.routes, 1):
        yield f"routes[{place}]", "name", f"routes of connector “{route.connector}”", route.name
    for place, blocked in enumerate(setup.blocked_addresses, 1):
        yield f"blocked_addresses[{place}]", "address", "blocked addresses", blocked.address
    for place, text in enumerate(setup.mail_templates, 1):
        yield f"mail_templates[{place}]", "purpose", "mail templates", f"{text.purpose}/{text.language}"
    for place, canned in enumerate(setup.canned_texts, 1):
        yield f"canned_texts[{place}]", "title", "canned texts", f"{canned.title}/{canned.language}"


def names(setup: Setup) -> Found:
    """Names are there, printable, of a sane length, and unique in their group."""
    seen: set[tuple[str, str]] = set()
    for path, key, group, name in _named(setup):
        if not name.strip() or not name.isprintable() or len(name) > forms.LONGEST_NAME:
            yield f"{path}.{key}", f"1 to {forms.LONGEST_NAME} printable characters are expected"
        elif (group, name) in seen:
            yield f"{path}.{key}", f"“{name}” is there twice among the {group}"
        elif group == "connectors" and "/" in name:
            yield f"{path}.{key}", "a connector's name may not contain “/”"
        seen.add((group, name))


def desk(setup: Setup) -> Found:
    """The `[desk]` table."""
    yield from forms.zone("desk.timezone", setup.timezone)
    yield from forms.language("desk.language", setup.language)
    if not setup.name.strip() or not setup.name.isprintable() or len(setup.name) > forms.LONGEST_NAME:
        yield "desk.name", f"1 to {forms.LONGEST_NAME} printable characters are expected"
    if setup.unmonitored_address:
        yield from forms.address("desk.unmonitored_address", setup.unmonitored_address)
    for number, address in enumerate(setup.test_contacts, 1):
        yield from forms.address(f"desk.test_contacts[{number}]", address)
    for key in ("counts", "never_counts"):
        for number, pattern in enumerate(getattr(setup, key), 1):
            yield from forms.pattern(f"desk.{key}[{number}]", pattern)
    for key in ("max_mail_size", "max_file_size"):
        if not SMALLEST_LIMIT <= getattr(setup, key) <= LARGEST_LIMIT:
            yield f"desk.{key}", f"{SMALLEST_LIMIT} (100 kB) to {LARGEST_LIMIT} (100 MB) bytes are expected"
    for number, extension in enumerate(setup.attachment_types, 1):
        if extension != "*" and not extension.strip().lstrip("*").lstrip(".").isalnum():
            yield f"desk.attachment_types[{number}]", f"“{extension[:40]}” is no file extension; something like pdf is expected, or “*” for all"
    if setup.default_connector:
        connector = setup.connector_named.get(setup.default_connector)
        if connector is None:
            yield "desk.default_connector", forms.unknown("connector", setup.default_connector, setup.connector_named)
        elif not connector.sends:
            yield "desk.default_connector", f"connector “{connector.name}” does not send (direction “{connector.direction}”)"


def companies(setup: Setup) -> Found:
    """Domains of companies: well-formed and each in one company."""
    owners: dict[str, str] = {}
    for place, company in enumerate(setup.companies, 1):
        for number, domain in enumerate(company.domains, 1):
            path = f"companies[{place}].domains[{number}]"
            yield from forms.domain(path, domain)
            if owners.setdefault(domain, company.name) != company.name:
                yield path, f"{domain} already belongs to company “{owners[domain]}”"


def people(setup: Setup) -> Found:
    """Users and teams refer to each other and to queues; somebody is administrator."""
    teams = {team.name for team in setup.teams}
    users = {address_key(user.email) for user in setup.users}
    for place, team in enumerate(setup.teams, 1):
        if team.leader and address_key(team.leader) not in users:
            yield f"teams[{place}].leader", f"“{team.leader}” is the e-mail of no user"
    for place, user in enumerate(setup.users, 1):
        path = f"users[{place}]"
        yield from forms.address(f"{path}.email", user.email)
        if not user.name.isprintable() or len(user.name) > forms.LONGEST_NAME:
            yield f"{path}.name", f"at most {forms.LONGEST_NAME} printable characters are expected"
        if user.team and user.team not in teams:
            yield f"{path}.team", forms.unknown("team", user.team, teams)
        for number, queue in enumerate(user.queues, 1):
            if queue not in setup.queues:
                yield f"{path}.queues[{number}]", forms.unknown("queue", queue, setup.queues)
        if user.timezone:
            yield from forms.zone(f"{path}.timezone", user.timezone)
        if user.language:
            yield from forms.language(f"{path}.language", user.language)
        if user.undo_send is not None and user.undo_send > LONGEST_UNDO:
            yield f"{path}.undo_send", "at most PT2M is expected"
    if not any(user.role is Role.ADMIN for user in setup.users):
        yield "users", 'nobody is administrator; at least one user with role = "admin" is expected'


def retry_templates(setup: Setup) -> Found:
    """Lists of waits."""
    for place, template in enumerate(setup.retry_templates, 1):
        if not 1 <= len(template.intervals) <= MOST_INTERVALS:
            yield f"retry_templates[{place}].intervals", f"1 to {MOST_INTERVALS} durations are expected"
        for number, interval in enumerate(template.intervals, 1):
            if interval <= timedelta(0):
                yield f"retry_templates[{place}].intervals[{number}]", "a duration longer than nought is expected"


def connectors(setup: Setup) -> Found:
    """How each connector receives and sends."""
    templates = {template.name for template in setup.retry_templates}
    for place, connector in enumerate(setup.connectors, 1):
        path = f"connectors[{place}]"
        if connector.direction not in ("incoming", "outgoing", "both"):
            yield f"{path}.direction", f"“{connector.direction[:40]}” is not one of incoming, outgoing, both"
            continue
        yield from _ways(path, connector)
        yield from profile_checks.profile(f"{path}.profile", connector.profile)
        template = connector.outgoing.get("retry_template")
        if connector.sends and isinstance(template, str) and template not in templates:
            yield f"{path}.outgoing.retry_template", forms.unknown("retry template", template, templates)


def _ways(path: str, connector: Connector) -> Found:
    for way, needed, given, kinds in (
        ("incoming", connector.receives, connector.incoming, connector_kinds.INCOMING),
        ("outgoing", connector.sends, connector.outgoing, connector_kinds.OUTGOING),
    ):
        if needed and not given:
            yield f"{path}.{way}", f"missing; direction “{connector.direction}” needs a table such as {{ kind = \"smtp\" }}"
        elif given:
            yield from ((f"{path}.{way}.{key}", sentence) for key, sentence in connector_kinds.faults(way, kinds, given))


def processes(setup: Setup) -> Found:
    """Processes put their items into a queue that exists."""
    for path, process in processes_with_place(setup):
        if process.queue not in setup.queues:
            yield f"{path}.queue", forms.unknown("queue", process.queue, setup.queues)
        if process.kind == "case" and process.categories:
            yield f"{path}.categories", "cases have no categories (B-RT-01)"
        for number, category in enumerate(process.categories, 1):
            if not category.strip("/ ") or not category.isprintable() or len(category) > forms.LONGEST_NAME:
                yield f"{path}.categories[{number}]", f"1 to {forms.LONGEST_NAME} printable characters are expected"


def blocked_addresses(setup: Setup) -> Found:
    """Patterns of blocked senders."""
    for place, blocked in enumerate(setup.blocked_addresses, 1):
        yield from forms.pattern(f"blocked_addresses[{place}].address", blocked.address)


CHECKS: tuple[Callable[[Setup], Found], ...] = (
    names,
    companies,
    people,
    preference_checks.preferences,
    retry_templates,
    connectors,
    desk,
    outgoing_checks.for_all_mail,
    processes,
    route_checks.addresses,
    route_checks.routes,
    route_checks.route_order,
    route_checks.fallbacks,
    blocked_addresses,
    word_checks.mail_templates,
    word_checks.canned_texts,
    word_checks.signatures,
    sending_checks.dkim_keys,
    sending_checks.sent_folders,
)
"""In the order in which faults are reported."""


def warnings(setup: Setup) -> Found:
    """What is allowed and probably not meant."""
    routed = {address_key(route.address) for route in setup.routes if route.enabled}
    for place, connector in enumerate(setup.connectors, 1):
        for number, alias in enumerate(connector.aliases, 1):
            if connector.receives and address_key(alias) not in routed:
                yield f"connectors[{place}].aliases[{number}]", f"{alias} has no route: mail to it will be unhandled (B-RT-11)"
        yield from profile_checks.warnings(f"connectors[{place}]", connector)
    yield from sending_checks.sent_folder_warnings(setup)
    yield from outgoing_checks.warnings(setup)
    yield from word_checks.warnings(setup)
    for place, company in enumerate(setup.companies, 1):
        for number, domain in enumerate(company.domains, 1):
            if domain in FREE_MAIL_DOMAINS:
                yield f"companies[{place}].domains[{number}]", f"{domain} is a free-mail domain: its senders never count as the same company"
    for place, route in enumerate(setup.routes, 1):
        if route.connector in setup.connector_named and not setup.connector_named[route.connector].sends and route.send_automated_emails and not setup.default_connector:
            yield f"routes[{place}].send_automated_emails", "nothing can be sent: the connector only receives and the desk has no default_connector"
        if route.test and route.enabled and not setup.test_contacts:
            yield f"routes[{place}].test", "the items of this route mail nobody, because desk.test_contacts is empty (E-47)"


