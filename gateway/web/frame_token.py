"""A signed, expiring permission to see one mail's HTML in a frame; what is served for it is `frame.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.keys import Keys

PURPOSE = "session"
LIVES = timedelta(minutes=30)
_TOKEN = re.compile(r"([0-9A-Za-z-]{1,64})\.([01])\.(\d{1,12})\.([0-9A-Za-z]{1,64})")


@dataclass(frozen=True, slots=True)
class Permission:
    """For one message until `until` (aware), with or without its remote images. Who holds the token may look: it is given to who may see the mail."""

    inbound_id: str
    remote: bool
    until: datetime


def issue(keys: Keys, permission: Permission) -> str:
    """The token, fit for a URL path."""
    said = _said(permission)
    return f"{said}.{keys.sign(PURPOSE, f'frame:{said}')}"


def read(keys: Keys, token: str, now: datetime) -> Permission | None:
    """What a token permits at this moment, None for one that is forged, damaged or over."""
    found = _TOKEN.fullmatch(token)
    if not found:
        return None
    inbound_id, remote, until, mac = found.groups()
    permission = Permission(inbound_id, remote == "1", datetime.fromtimestamp(min(int(until), 32_503_680_000), UTC))
    if not keys.verify(PURPOSE, f"frame:{inbound_id}.{remote}.{until}", mac) or permission.until < now:
        return None
    return permission


def _said(permission: Permission) -> str:
    return f"{permission.inbound_id}.{int(permission.remote)}.{int(permission.until.timestamp())}"
