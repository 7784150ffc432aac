"""A setup as a desk file; reading one is `reading.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.plain import to_plain
from core.setup import Setup
from core.setup_parts import desk_of
from gateway.deskfile.sections import SECTIONS, values_of

TITLE = "# The desk: everything administrators configure. Apply it with: guichet config apply FILE"


_NESTED = frozenset({"when", "unless", "profile", "by_mail"})
"""Tables in a table: written only as far as they say something."""


def write_desk(setup: Setup) -> str:
    """The desk file of a setup; reading it gives the same setup (without ids)."""
    import tomlkit

    head = desk_of(setup)
    texts = [TITLE, tomlkit.dumps({"desk": _table(to_plain(head, full=True))})]
    for section in SECTIONS:
        entries = tomlkit.aot()
        for value in values_of(section, setup):
            entries.append(_table({key: content for key, content in _telling(value).items() if key not in section.apart}))
        if len(entries):
            texts.append(tomlkit.dumps({section.name: entries}))
    return "\n".join(text.rstrip("\n") + "\n" for text in texts)


def _telling(value: object) -> dict[str, Any]:
    """What differs from the default, and whatever says something even so: a desk file should not change its meaning with a later default."""
    differing = to_plain(value, full=False)
    return {key: differing.get(key, content) for key, content in to_plain(value, full=True).items() if key in differing or (content and key not in _NESTED)}


def _table(content: Mapping[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for key, value in content.items():
        if key in ("incoming", "outgoing"):
            inline = tomlkit.inline_table()
            inline.update(value)
            table[key] = inline
        elif isinstance(value, dict):
            table[key] = _table(value)
        elif isinstance(value, str) and "\n" in value:
            table[key] = tomlkit.string(value, multiline=True)
        else:
            table[key] = value
    return table
