"""The HTML of a stored message as it may be shown, also where it was stored before HTML was sanitised; reading mails is `content.py`."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from gateway.inbound.budget import Budget
from gateway.inbound.remote import remote_count
from gateway.inbound.sanitise import sanitise
from gateway.store import attachments


def shown(connection: Connection, inbound_id: str) -> attachments.Shown | None:
    """None for a message that is not there, or was not read yet. Its HTML is sanitised."""
    found = attachments.shown(connection, inbound_id)
    if found is None or found.sanitised:
        return found
    html = sanitise(found.html[: Budget().html_chars]) or ""
    return replace(found, html=html, remote=remote_count(html), sanitised=True)
