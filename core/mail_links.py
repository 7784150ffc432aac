"""Links in mails to our own people, as values: what each does, for whom, until when; the page behind them is `gateway/web/links.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class LinkDeed(StrEnum):
    """What a link does, once it is confirmed on its page."""

    UNDO = "undo"
    """Take back what a mail did."""
    TAKE = "take"
    RESOLVE = "resolve"
    SEND = "send"
    """Let an answer leave that was held."""
    DISCARD = "discard"
    """Cancel an answer that was held."""
    UNSUBSCRIBE = "unsubscribe"
    """No more mails for this occasion (RFC 8058); may be used again."""


@dataclass(frozen=True, slots=True)
class MailLink:
    """One link, for one person. Moments are aware UTC; `body` is what its deed needs to know."""

    id: str
    user_key: str
    deed: LinkDeed
    made_at: datetime
    expires_at: datetime
    item_id: str = ""
    body: dict[str, object] = field(default_factory=dict, hash=False)
    used_at: datetime | None = None


def url(public_url: str, token: str) -> str:
    """The address of a link's page, '' where the installation has no public address. `token` is `Keys.link_token`."""
    return f"{public_url}/m/{token}" if public_url and token else ""
