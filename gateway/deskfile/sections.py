"""The tables of a desk file and what stands in each, as data; reading and writing them is done beside this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.setup import BlockedAddress, CannedText, Company, Connector, DkimKey, MailTemplate, Process, RetryTemplate, Route, Setup, Team, User
from core.setup_parts import Queue


@dataclass(frozen=True, slots=True)
class Section:
    """A list of tables in the file: its name, what one table is, and fields that are not written there."""

    name: str
    type: type
    apart: Mapping[str, object]


SECTIONS: tuple[Section, ...] = (
    Section("companies", Company, {}),
    Section("queues", Queue, {}),
    Section("teams", Team, {}),
    Section("users", User, {"id": ""}),
    Section("retry_templates", RetryTemplate, {"id": ""}),
    Section("connectors", Connector, {"id": ""}),
    Section("ticket_processes", Process, {"id": "", "kind": "ticket"}),
    Section("case_processes", Process, {"id": "", "kind": "case"}),
    Section("routes", Route, {"id": ""}),
    Section("blocked_addresses", BlockedAddress, {}),
    Section("mail_templates", MailTemplate, {"id": ""}),
    Section("canned_texts", CannedText, {}),
    Section("dkim_keys", DkimKey, {}),
)


def values_of(section: Section, setup: Setup) -> Iterable[Any]:
    """What stands in a section, in order; people who left are not written."""
    if section.type is Queue:
        return [Queue(name) for name in setup.queues]
    if section.type is Process:
        return [process for process in setup.processes if process.kind == section.apart["kind"]]
    if section.type is User:
        return [user for user in setup.users if user.active]
    values: tuple[Any, ...] = getattr(setup, section.name)
    return values
