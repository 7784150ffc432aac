"""Address fields and dates, by mail-parser's grammars with a short way for what is plain; what an address means is `core/mail.py`."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from mailparser.dates import parse_mail_date
from mailparser.utils import get_addresses

from core.mail import Address
from gateway.inbound.words import decode_words, guarded, one_line

logging.getLogger("mailparser").setLevel(logging.CRITICAL + 1)  # it reports normal mail as errors (libraries.md, section 2)

_SPEC = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]++@[A-Za-z0-9.-]++"
_PLAIN = re.compile(rf'[ ,]*+(?:"((?:[^"\\]|\\.)*+)"[ ]*+<({_SPEC})>|([^"(),:;<>@\[\]\\]*+)<({_SPEC})>|({_SPEC}))[ ]*+(?=,|$)')
_QUOTED_PAIR = re.compile(r"\\(.)")
_NO_DOMAIN = re.compile(r"<[ ]*+([A-Za-z0-9._-]{1,64})[ ]*+>")
_LONE = re.compile(rf"<[ ]*+({_SPEC})[ ]*+>|({_SPEC})")
_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_DATE = re.compile(
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?([0-9]{{1,2}}) ({'|'.join(_MONTHS)}) ((?:19|20)[0-9]{{2}})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-5][0-9])(?: \([A-Za-z ]{1,40}\))?"
)
"""The form of RFC 5322 section 3.3 as it is written by nearly all; a zone's name behind it is a comment."""
_LONGEST = 320
"""Characters of an address: 64 before the @, 255 behind it (RFC 5321 section 4.5.3.1)."""


def read_addresses(text: str, most: int) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """The addresses of a field (unfolded text, encoded words not yet decoded), at most `most`, and sentences about what is wrong with it."""
    if not text:
        return (), ()
    text = guarded(text)
    found, position = _plain(text, most)
    reasons: list[str] = []
    if position < len(text) and len(found) < most:
        found, reasons = _recovered(text)
    kept = [Address(address, name) for name, address in found if 0 < len(address) <= _LONGEST][:most]
    return tuple(kept), tuple(reasons)


def _plain(text: str, most: int) -> tuple[list[tuple[str, str]], int]:
    """Name and address of every item as long as they are of the plain kinds, and where that ends."""
    found: list[tuple[str, str]] = []
    position = 0
    while len(found) < most:
        item = _PLAIN.match(text, position)
        if not item:
            break
        quoted, address, name, angled, bare = item.groups()
        if quoted is not None:
            name = _QUOTED_PAIR.sub(r"\1", quoted) if "\\" in quoted else quoted
        found.append((display_name(name or ""), address or angled or bare))
        position = item.end()
    rest = text[position : position + 100].strip(" ,")
    return found, position if rest else len(text)


def display_name(text: str) -> str:
    """A decoded display name on one line; encoded words are decoded inside quotes too, as every mail client does."""
    return one_line(decode_words(text).strip().strip('"'))[:500]


def _recovered(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """What mail-parser makes of a field that is not plain; an item it gives up is read if there is no doubt which address it holds."""
    problems: list[dict[str, object]] = []
    found = [(display_name(name), one_line(address)) for name, address in get_addresses(text, defects=problems) if address]
    reasons: list[str] = []
    whole = _salvaged(text) if problems and ":" not in text else []
    if whole and len(found) < 2:  # `Doe, John <john@x.org>`: one address, and all the rest is its name
        found, problems = whole, problems[:1]
    for problem in problems[:20]:
        if not problem.get("recovered") and not whole:
            found.extend(_salvaged(str(problem.get("raw", ""))))
        reasons.append(f"An address list is malformed ({str(problem.get('reason'))[:80]}).")
    return found, list(dict.fromkeys(reasons))


def _salvaged(item: str) -> list[tuple[str, str]]:
    """The one address of an item that has but one @; with two, whoever wrote it could make us see another sender than a mail server sees.

    A local name in angle brackets stays, too: it is what the agent would see of the sender.
    """
    marks = item.count("@")
    start = max(item.find("@") - _LONGEST - 2, 0)  # searched no further than an address reaches: the search is quadratic in what it is given
    found = _LONE.search(item[start : start + 2 * (_LONGEST + 2)]) if marks == 1 else _NO_DOMAIN.search(item) if not marks else None
    if not found:
        return []
    name = item[: found.start() + (start if marks else 0)].strip(' "<')
    return [(display_name(name), next(group for group in found.groups() if group))]


def _plain_date(text: str) -> datetime | None:
    """What mail-parser makes of a date written the way nearly all programs write it; None where the way is another one."""
    found = _DATE.fullmatch(text)
    if not found:
        return None
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    try:
        moment = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    return moment + offset if sign == "-" else moment - offset


def read_date(text: str) -> tuple[datetime | None, str]:
    """The Date field as an aware UTC moment (RFC 5322 section 3.3), or None; and a sentence if it is missing sense."""
    if not text:
        return None, ""
    plain = _plain_date(text)
    if plain is not None:
        return plain, ""
    result = parse_mail_date(text)
    if result.value is not None:
        return result.value, ""
    try:
        loose = parsedate_to_datetime(text[:100])
        moment = (loose if loose.tzinfo else loose.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None, "The date cannot be read."
    return (moment, "") if 1970 <= moment.year <= 9000 else (None, "The date cannot be read.")
