"""The parts a setup is made of, declared once for the desk file and the database, and the difference between two setups; neither file nor table is touched here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from core.mail import address_key
from core.plain import to_plain
from core.setup import BlockedAddress, CannedText, Company, Connector, DkimKey, MailTemplate, Process, RetryTemplate, Route, Setup, Team, User


@dataclass(frozen=True, slots=True)
class Desk:
    """What the desk as a whole is called and speaks (`[desk]`)."""

    name: str = "Guichet"
    timezone: str = "UTC"
    language: str = "en"
    default_connector: str = ""
    unmonitored_address: str = ""
    counts: tuple[str, ...] = ()
    never_counts: tuple[str, ...] = ()
    test_contacts: tuple[str, ...] = ()
    attachment_types: tuple[str, ...] = ()
    bcc_all: tuple[str, ...] = ()
    redirect_all: tuple[str, ...] = ()
    max_mail_size: int = 25 * 2**20
    max_file_size: int = 25 * 2**20


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue; it has nothing but its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of configured thing. `kind` is its table, `key` its name there; a `versioned` one is never changed, only followed by a new version."""

    kind: str
    type: type
    values: Callable[[Setup], Sequence[Any]]
    key: Callable[[Any], str]
    versioned: bool = False


def desk_of(setup: Setup) -> Desk:
    """The desk as a whole; its fields have the names they have in the setup."""
    return Desk(**{field.name: getattr(setup, field.name) for field in fields(Desk)})


def _desk(setup: Setup) -> tuple[Desk]:
    return (desk_of(setup),)


PARTS: tuple[Part, ...] = (
    Part("desk", Desk, _desk, lambda _: "desk"),
    Part("company", Company, lambda setup: setup.companies, lambda company: company.name),
    Part("queue", Queue, lambda setup: tuple(Queue(name) for name in setup.queues), lambda queue: queue.name),
    Part("team", Team, lambda setup: setup.teams, lambda team: team.name),
    Part("user", User, lambda setup: tuple(user for user in setup.users if user.active), lambda user: address_key(user.email)),
    Part("retry_template", RetryTemplate, lambda setup: setup.retry_templates, lambda template: template.name, versioned=True),
    Part("connector", Connector, lambda setup: setup.connectors, lambda connector: connector.name),
    Part("process", Process, lambda setup: setup.processes, lambda process: process.name, versioned=True),
    Part("route", Route, lambda setup: setup.routes, lambda route: f"{route.connector}/{route.name}"),
    Part("blocked_address", BlockedAddress, lambda setup: setup.blocked_addresses, lambda blocked: blocked.address),
    Part("mail_template", MailTemplate, lambda setup: setup.mail_templates, lambda template: f"{template.purpose}/{template.language}", versioned=True),
    Part("canned_text", CannedText, lambda setup: setup.canned_texts, lambda canned: f"{canned.title}/{canned.language}"),
    Part("dkim_key", DkimKey, lambda setup: setup.dkim_keys, lambda key: f"{key.selector}._domainkey.{key.domain}"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `change` is `added`, `changed`, `removed` or `moved` (only its place in the order)."""

    kind: str
    name: str
    change: str
    was: dict[str, Any] | None = None
    becomes: dict[str, Any] | None = None

    def __str__(self) -> str:
        """One line for a person, naming the keys that differ."""
        if self.change != "changed" or self.was is None or self.becomes is None:
            return f"{self.kind} “{self.name}”: {self.change}"
        keys = [key for key in {**self.was, **self.becomes} if self.was.get(key) != self.becomes.get(key)]
        shown = "; ".join(f"{key} {_short(self.was.get(key))} → {_short(self.becomes.get(key))}" for key in keys)
        return f"{self.kind} “{self.name}”: {shown}"


def _short(value: object) -> str:
    text = "(none)" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def bodies(part: Part, setup: Setup) -> dict[str, dict[str, Any]]:
    """Name → table of every value of one part, in order."""
    return {part.key(value): to_plain(value, full=True) for value in part.values(setup)}


def diff(old: Setup, new: Setup) -> tuple[Change, ...]:
    """What makes `new` of `old`, part by part; ids are no difference."""
    return tuple(change for part in PARTS for change in _diff_part(part, bodies(part, old), bodies(part, new)))


def _diff_part(part: Part, was: dict[str, dict[str, Any]], becomes: dict[str, dict[str, Any]]) -> list[Change]:
    changes = [Change(part.kind, name, "removed", body) for name, body in was.items() if name not in becomes]
    moved = {name for name, other in zip(_kept(was, becomes), _kept(becomes, was), strict=True) if name != other}
    for name, body in becomes.items():
        if name not in was:
            changes.append(Change(part.kind, name, "added", None, body))
        elif was[name] != body:
            changes.append(Change(part.kind, name, "changed", was[name], body))
        elif name in moved:
            changes.append(Change(part.kind, name, "moved", body, body))
    return changes


def _kept(some: dict[str, Any], others: dict[str, Any]) -> list[str]:
    return [name for name in some if name in others]
