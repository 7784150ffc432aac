"""Which attachments stand inside the HTML of a mail, by Content-ID (RFC 2392) or Content-Location (RFC 2557)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape, unescape
from urllib.parse import unquote

from gateway.inbound.structure import Part
from gateway.inbound.words import raw_text

_CID = re.compile(r' src="(?i:cid:)([^"]{1,2000})"')
_MOST_LOCATIONS, _MOST_TIMES, _LONGEST = 100, 100, 300
"""Locations of one mail that are looked for, how often each, and how long they are: what is put in must not grow the HTML without end."""


def id_of(part: Part) -> str:
    """The Content-ID of a part without brackets, else its Content-Location, else ''."""
    return raw_text(part.content_id).strip("<> \t") or raw_text(part.content_location).strip("<> \t\"'")


def same_id(written: str) -> str:
    """The form in which ids are compared: brackets, percent signs and letter case do not count."""
    return unquote(unescape(written)).strip("<> \t").lower()


def referenced(html: str) -> frozenset[str]:
    """The ids that sanitised HTML shows, in the form in which they are compared."""
    return frozenset(map(same_id, _CID.findall(html)))


def located(html: str, parts: Iterable[Part]) -> str:
    """Unsafe HTML in which images named by the Content-Location of a part of this mail are named by `cid:`, so that nothing remote is meant."""
    known = [part for part in parts if part.content_location][:_MOST_LOCATIONS]
    for part in known:
        location = raw_text(part.content_location).strip("<> \t\"'")
        if not 3 <= len(location) <= _LONGEST or len(id_of(part)) > _LONGEST:
            continue
        new = f'src="cid:{escape(id_of(part))}"'
        for written in {location, escape(location)}:
            for quote in ('"', "'"):
                html = html.replace(f"src={quote}{written}{quote}", new, _MOST_TIMES)
    return html
