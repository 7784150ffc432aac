"""Header fields of outgoing mail as ASCII lines: encoded words, addresses, ids, parameters, folding; what stands in which mail is `compose.py`.

Our own, because `email.message` folds long In-Reply-To and References into encoded words, which breaks threading
(CPython gh-79986), and takes four times as long. No value can end its line: CR, LF, NUL and other controls never get through.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from core.mail import Address, domain_key

LINE = 76
"""Where we fold (RFC 2047 section 2); RFC 5322 forbids 998 and more."""
LONGEST_LOCAL = 64
MAX_VALUE = 1000
"""Characters of a subject or display name that are written."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_NOT_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff<>]")
_QUOTED_LOCAL = re.compile(r'"[^"\\]*"')
_PLAIN_WORDS = re.compile(r"[\x21-\x7e]{1,70}(?: [\x21-\x7e]{1,70})*", re.ASCII)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_DOT_ATOM = re.compile(r"[^\x00-\x20\x7f()<>@,;:\\\"\[\]]+")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`|~-]{1,60}", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,5}", re.ASCII)
_ID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,900}", re.ASCII)
_Q_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
_Q = tuple(chr(byte) if byte in _Q_SAFE else "_" if byte == 32 else f"={byte:02X}" for byte in range(256))
_ATTRIBUTE_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~")


def one_line(text: str) -> str:
    """The text without controls, direction overrides and lone surrogates, every run of white space one space, at most 1,000 characters."""
    return " ".join(_NOT_TEXT.sub(" ", text[: 2 * MAX_VALUE]).split())[:MAX_VALUE]


def text_field(name: str, text: str) -> str:
    """`Name: text`, an unstructured field (Subject): plain from the start as far as it can be, then in encoded words (RFC 2047)."""
    text = one_line(text)
    if not text:
        return f"{name}:"
    if "=?" not in text and _PLAIN_WORDS.fullmatch(text):
        return f"{name}: {text}" if len(name) + 2 + len(text) <= LINE else _fold(f"{name}:", text.split(" "))
    words = text.split(" ")
    plain = next(n for n, word in enumerate(words) if "=?" in word or not _PLAIN_WORDS.fullmatch(word))
    column = len(name) + 2 + sum(len(word) + 1 for word in words[:plain])
    return _fold(f"{name}:", [*words[:plain], *encoded_words(" ".join(words[plain:]), column if column < 40 else 1)])


def address_field(name: str, addresses: Sequence[Address], *, ascii_only: bool = False) -> str:
    """`Name: a, b`, folded between addresses and within long names; what is no address is left out. '' when none remains.

    `ascii_only`: a local part beyond ASCII is named in an empty group instead (RFC 6857 section 3.1.8), so that servers without SMTPUTF8 take the mail.
    """
    pieces: list[str] = []
    for address in addresses:
        bare = envelope_address(address.address)
        if not bare:
            continue
        if pieces:
            pieces[-1] += ","
        column = 1 if pieces else len(name) + 2
        if ascii_only and not bare.isascii():
            pieces += [*encoded_words(f"Internationalized Address {bare} Removed", column), ":;"]
        else:
            pieces += _mailbox(one_line(address.name)[:200], bare, column)
    return _fold(f"{name}:", pieces) if pieces else ""


def id_field(name: str, ids: Iterable[str]) -> str:
    """`Name: <id> <id>`: each id whole, never encoded; what is no id is left out. '' when nothing remains."""
    kept = [f"<{found}>" for found in map(clean_id, ids) if found]
    return _fold(f"{name}:", kept) if kept else ""


def language_field(name: str, language: str) -> str:
    """`Name: fr`; '' for what is no language tag (RFC 5646)."""
    return f"{name}: {language}" if _LANGUAGE.fullmatch(language) else ""


def clean_id(message_id: str) -> str:
    """A Message-ID without its brackets if it can stand in a header as it is, else ''."""
    bare = message_id.strip().removeprefix("<").removesuffix(">")
    return bare if _ID.fullmatch(bare) else ""


def date_field(moment: datetime) -> str:
    """`Date: …` of an aware moment, in UTC (RFC 5322 section 3.3)."""
    at = moment.astimezone(UTC)
    return f"Date: {_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year:04d} {at.hour:02d}:{at.minute:02d}:{at.second:02d} +0000"


def parameter(name: str, value: str) -> str:
    """`; name=value`, folded before; a value that is not ASCII or long goes by RFC 2231, in pieces of at most 76 characters."""
    value = one_line(value)
    if _TOKEN.fullmatch(value):
        return f";\r\n {name}={value}"
    if value.isascii() and len(value) <= 60 and not value.startswith(("<", '"')):  # some readers take such marks off twice (CPython's get_filename)
        return f";\r\n {name}={_quoted(value)}"
    encoded = [chr(byte) if byte in _ATTRIBUTE_SAFE else f"%{byte:02X}" for byte in value.encode("utf-8", "replace")]
    if sum(map(len, encoded)) <= 56:
        return f";\r\n {name}*=utf-8''{''.join(encoded)}"
    lines, line = [], "utf-8''"
    for piece in encoded:
        if len(line) + len(piece) > 56:
            lines.append(line)
            line = ""
        line += piece
    return "".join(f";\r\n {name}*{n}*={line}" for n, line in enumerate([*lines, line]))


def encoded_words(text: str, column: int) -> list[str]:
    """The text as encoded words of at most 75 characters, B or Q whichever is shorter; `column` is where the first one begins.

    Characters are never split; decoders drop the white space between two encoded words (RFC 2047 section 6.2).
    """
    data = text.encode("utf-8", "replace")
    quoted_length = sum(len(_Q[byte]) for byte in data)
    as_b = (len(data) + 2) // 3 * 4 < quoted_length
    words, chunk, size = [], "", 0
    room = LINE - column - 12
    for char in text:
        raw = char.encode("utf-8", "replace")
        cost = len(raw) if as_b else sum(len(_Q[byte]) for byte in raw)
        if (((size + cost + 2) // 3 * 4) if as_b else size + cost) > room and chunk:
            words.append(_encoded_word(chunk, as_b))
            chunk, size, room = "", 0, LINE - 1 - 12
        chunk += char
        size += cost
    return [*words, _encoded_word(chunk, as_b)]


def envelope_address(address: str) -> str:
    """An address as it may stand in an SMTP command or between angle brackets: domain as A-label, an odd local part quoted.

    '' for what is no mail address: a blank, control or angle bracket inside, no `@`, nothing on one side of it, or over 320 characters.
    """
    bare = address.strip()
    local, _, domain = bare.rpartition("@")
    if not (local and domain) or len(bare) > 320 or _NOT_IN_ADDRESS.search(bare):
        return ""
    domain = domain if domain.isascii() else domain_key(domain)
    if not domain.isascii():
        return ""
    return f"{local}@{domain}" if _DOT_ATOM.fullmatch(local) or _QUOTED_LOCAL.fullmatch(local) else f"{_quoted(local)}@{domain}"


def plus_tagged(address: str, tag: str) -> str:
    """The envelope address with a plus-tag; '' where its local part would be too long (RFC 5321 section 4.5.3.1.1), is quoted, or has a tag already."""
    local, _, domain = address.rpartition("@")
    tagged = f"{local}+{tag}"
    return f"{tagged}@{domain}" if len(tagged) <= LONGEST_LOCAL and "+" not in local and not local.startswith('"') else ""


def _mailbox(name: str, bare: str, column: int) -> list[str]:
    """The words of one address: its name, plain, quoted or encoded, and the address in angle brackets."""
    if not name:
        return [bare]
    if _ATOMS.fullmatch(name) and "=?" not in name and all(len(word) <= 70 for word in name.split(" ")):
        return [*name.split(" "), f"<{bare}>"]
    if name.isascii() and "=?" not in name and len(name) <= 60:
        return [_quoted(name), f"<{bare}>"]
    return [*encoded_words(name, column), f"<{bare}>"]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _encoded_word(chunk: str, as_b: bool) -> str:
    raw = chunk.encode("utf-8", "replace")
    return f"=?utf-8?b?{b64encode(raw).decode('ascii')}?=" if as_b else f"=?utf-8?q?{''.join(_Q[byte] for byte in raw)}?="


def _fold(start: str, pieces: Sequence[str]) -> str:
    """The pieces after `start`, one space between, a new line before what would pass column 76."""
    lines, line = [], start
    for piece in pieces:
        if len(line) + 1 + len(piece) > LINE and line not in ("", start):
            lines.append(line)
            line = ""
        line += " " + piece
    return "\r\n".join([*lines, line])
