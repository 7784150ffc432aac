"""What only few mails have, as people meet it in JSON: the mail one forwards, an invitation, protected parts; it is stored by `inbounds.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.mail import Address


def more_json(more: Mapping[str, Any] | None) -> dict[str, Any]:
    """The stored table with its people written as everywhere: `Ann <ann@x.org>`."""
    shown = dict(more or {})
    forwarded = shown.get("forwarded")
    if forwarded is not None:
        author = _person(forwarded["from_"]) if forwarded.get("from_") else ""
        others = {role: [_person(one) for one in forwarded.get(role, ())] for role in ("to", "cc")}
        shown["forwarded"] = {"from": author, **others, **{name: forwarded.get(name, "") for name in ("subject", "date", "text")}}
    return shown


def _person(one: Mapping[str, str]) -> str:
    address, name = one.get("address", ""), one.get("name", "")
    return str(Address(address, name)) if address else name
