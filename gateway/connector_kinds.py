"""The ways a connector takes mail in and sends it, and the keys of each, as data; the doors and transports that use them are in `inbound/` and `outbound/`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of `incoming = { … }` or `outgoing = { … }`; `choices` limits a text."""

    type: type
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()


_SENDING = {
    "retry_template": Key(str, "name of the retry template; without it the first one"),
    "unknown": Key(str, "after an unknown outcome of a person's mail: `repeat` (default) or `hold`", choices=("repeat", "hold")),
    "unknown_automatic": Key(str, "after an unknown outcome of an automatic mail: `hold` (default) or `repeat`", choices=("repeat", "hold")),
}

INCOMING: Mapping[str, Mapping[str, Key]] = {"smtp": {}}
"""Kind → its keys besides `kind`. `smtp`: mail for the connector's addresses is taken at the SMTP door."""

OUTGOING: Mapping[str, Mapping[str, Key]] = {
    "smtp": {
        "host": Key(str, "name of the server", required=True),
        "port": Key(int, "port; by default 587, with `security = \"tls\"` 465, with `none` 25"),
        "security": Key(str, "`starttls` (default; never falls back), `tls` from the first byte, or `none`", choices=("starttls", "tls", "none")),
        "user": Key(str, "user name; without it nobody logs in"),
        "password_env": Key(str, "name of the environment variable that holds the password"),
        "ca_file": Key(str, "certificates to trust instead of the system's (PEM)"),
        **_SENDING,
    },
    "maildir": {"path": Key(str, "folder, relative to the data folder", required=True), **_SENDING},
}


def faults(way: str, kinds: Mapping[str, Mapping[str, Key]], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, sentence) for whatever is wrong with an `incoming` or `outgoing` table."""
    kind = given.get("kind")
    if kind not in kinds:
        yield "kind", f"{_shown(kind)} is no kind of {way} connector here; expected: {', '.join(kinds)}"
        return
    keys = kinds[str(kind)]
    for name, value in given.items():
        if name == "kind":
            continue
        if name == "password":
            yield name, "a password does not belong into the desk file; name an environment variable with password_env"
        elif name not in keys:
            yield name, f"unknown key; known for kind “{kind}”: {', '.join(['kind', *keys])}"
        else:
            yield from _value_faults(name, keys[name], value)
    if given.get("user") and not given.get("password_env") and "password_env" in keys:
        yield "password_env", "missing; with a user, the name of the environment variable with the password is expected"
    yield from ((name, f"missing; {key.meaning} is expected") for name, key in keys.items() if key.required and name not in given)


def _value_faults(name: str, key: Key, value: object) -> Iterator[tuple[str, str]]:
    if not isinstance(value, key.type) or isinstance(value, bool):
        yield name, f"{'a whole number' if key.type is int else 'text'} is expected, not {_shown(value)}"
    elif key.choices and value not in key.choices:
        yield name, f"{_shown(value)} is not one of {', '.join(key.choices)}"
    elif name == "port" and not 1 <= int(value) <= 65535:  # type: ignore[call-overload]  # it is an int
        yield name, f"a port from 1 to 65535 is expected, not {value}"
    elif name == "password_env" and not _VARIABLE.fullmatch(str(value)):
        yield name, "the name of an environment variable is expected"
    elif key.required and not value:
        yield name, f"empty; {key.meaning} is expected"


def _shown(value: object) -> str:
    return "nothing" if value is None else f"“{str(value)[:60]}”"
