"""A desk file as a setup, with a sentence for whatever is wrong; writing one is `writing.py`, saving the setup `gateway/store/setups.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core.mail import address_key, domain_key
from core.plain import PlainTrouble, from_plain
from core.setup import Setup
from core.setup_parts import Desk
from core.signature import LONGEST_HTML
from gateway.deskfile import checks, personal
from gateway.deskfile.sections import SECTIONS, Section
from gateway.toml_lines import TomlTrouble, line_of, read_toml

MOST_ENTRIES = 20_000


class DeskTrouble(Exception):
    """A desk file that cannot be applied; `str()` is one sentence naming file, line and key, and what is expected."""


@dataclass(frozen=True, slots=True)
class DeskFile:
    """A desk file as read: the setup (ids empty), sentences about what is probably not meant, and which of people's own choices it names."""

    setup: Setup
    warnings: tuple[str, ...]
    named: personal.Named = field(default_factory=dict)

    def over(self, current: Setup) -> Setup:
        """The setup that applying the file makes of `current`: what people chose for themselves and the file does not name stays."""
        return personal.keeping(self.setup, current, self.named)


def read_desk(file: Path) -> DeskFile:
    """Read and check a desk file as a whole. Raises DeskTrouble at the first fault."""
    try:
        text, tables = read_toml(file)
    except TomlTrouble as trouble:
        raise DeskTrouble(str(trouble)) from None

    def sentence(path: str, said: str) -> str:
        line = line_of(text, path)
        return f"{file}{f', line {line}' if line else ''}: {path}: {said.rstrip('.')}."

    try:
        setup = setup_of(tables)
    except PlainTrouble as trouble:
        raise DeskTrouble(sentence(trouble.path, str(trouble))) from None
    for check in checks.CHECKS:
        for path, said in check(setup):
            raise DeskTrouble(sentence(path, said))
    return DeskFile(setup, tuple(sentence(path, said) for path, said in checks.warnings(setup)), personal.named_in(tables))


def setup_of(tables: Mapping[str, Any]) -> Setup:
    """The setup of parsed tables, addresses and domains in the form in which they are compared. Raises PlainTrouble."""
    _require_clean(tables, "")
    known = {"desk", *(section.name for section in SECTIONS)}
    for name in tables:
        if name not in known:
            raise PlainTrouble(name, f"unknown table; known: {', '.join(sorted(known))}")
    head = tables.get("desk", {})
    if not isinstance(head, dict):
        raise PlainTrouble("desk", "a table is expected")
    desk = from_plain(Desk, head, "desk")
    read = {section.name: _read_section(section, tables.get(section.name, [])) for section in SECTIONS}
    return Setup(
        **asdict(desk),
        companies=tuple(replace(company, domains=tuple(map(domain_key, company.domains))) for company in read["companies"]),
        queues=tuple(queue.name for queue in read["queues"]),
        teams=read["teams"],
        users=read["users"],
        retry_templates=read["retry_templates"],
        connectors=read["connectors"],
        processes=read["ticket_processes"] + read["case_processes"],
        routes=tuple(replace(route, address=address_key(route.address), item=route.item.upper()) for route in read["routes"]),
        blocked_addresses=tuple(replace(blocked, address=blocked.address.strip().lower()) for blocked in read["blocked_addresses"]),
        mail_templates=read["mail_templates"],
        canned_texts=read["canned_texts"],
        dkim_keys=tuple(replace(key, domain=domain_key(key.domain)) for key in read["dkim_keys"]),
    )


def _require_clean(content: object, path: str) -> None:
    """No control characters anywhere: PostgreSQL refuses NUL, and the others do harm in headers and terminals."""
    if isinstance(content, str):
        if any(ord(char) < 32 and char not in "\n\t" for char in content) or "\x7f" in content:
            raise PlainTrouble(path, "control characters are not allowed")
        most = LONGEST_HTML if path.endswith(".signature_html") else checks.LONGEST_TEXT  # it holds its images
        if len(content) > most:
            raise PlainTrouble(path, f"at most {most} characters are expected")
    elif isinstance(content, list):
        for place, part in enumerate(content, 1):
            _require_clean(part, f"{path}[{place}]")
    elif isinstance(content, dict):
        for key, part in content.items():
            _require_clean(part, f"{path}.{key}" if path else key)


def _read_section(section: Section, entries: Any) -> tuple[Any, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise PlainTrouble(section.name, f"a list of tables is expected; each begins with [[{section.name}]]")
    if len(entries) > MOST_ENTRIES:
        raise PlainTrouble(section.name, f"at most {MOST_ENTRIES} entries are expected")
    return tuple(from_plain(section.type, entry, f"{section.name}[{place}]", **section.apart) for place, entry in enumerate(entries, 1))
