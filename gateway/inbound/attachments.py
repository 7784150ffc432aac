"""The attachments of a mail: their places, what they are, and what containers, calendars and signatures among them say; judging is `judging.py`.

Names stay as sent where they are safe, also twice the same: the number in the list is what tells them apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from core.mail import Attachment, Invitation
from gateway.inbound.body import Choice, Reading, choose, read_bodies
from gateway.inbound.budget import DEFAULT, Budget
from gateway.inbound.charset import decode_text
from gateway.inbound.cms import signed_content
from gateway.inbound.container import Inner
from gateway.inbound.embedded import id_of, referenced, same_id
from gateway.inbound.filename import is_named, part_name
from gateway.inbound.invitation import MOST_BYTES, as_text, read_invitation
from gateway.inbound.plain import text_of
from gateway.inbound.protection import CLOSED, SENTENCES, is_opaque, opaque_kind, protections
from gateway.inbound.sanitise import sanitise
from gateway.inbound.sniff import HEAD, sniff
from gateway.inbound.structure import Part, Tree, scan
from gateway.inbound.transfer import decode_octets, decoded_size
from gateway.inbound.words import raw_text

WHOLE = "mail.eml"
"""The whole raw mail as an attachment of a mail that could not be read in full."""
_CALENDARS = frozenset({"text/calendar", "application/ics"})
_TNEF, _CMS = "tnef", "cms"


@dataclass(slots=True)
class Collected:
    """What the parts beside the text gave. Text that only they have is put into the Reading."""

    attachments: list[Attachment] = field(default_factory=list)
    protection: tuple[str, ...] = ()
    invitation: Invitation | None = None


def collect(raw: bytes, tree: Tree, choice: Choice, reading: Reading, budget: Budget) -> Collected:
    """All attachments in the order of the mail; containers are followed by what they hold."""
    found = Collected()
    wanted = {part.start for part in (*choice.attachments, *reading.oversized)}
    shown = referenced(reading.html)
    room, files = budget.opened_bytes, budget.opened_files
    for index, part in enumerate(tree.leaves(), 1):
        if part.start not in wanted or (part.end <= part.body and not is_named(part.disposition_parameters, part.parameters)):
            continue
        one = attachment_of(raw, part, index, shown)
        found.attachments.append(one)
        if found.invitation is None and (part.content_type in _CALENDARS or one.name.lower().endswith(".ics")):
            found.invitation = read_invitation(_calendar_text(raw, part))
        if one.length <= room and files and (_is_tnef(one) or is_opaque(part)):
            room -= one.length
            inside = list(islice(_opened(raw, one, part, reading, budget), files + 1))
            found.attachments.extend(inside[:files])
            if len(inside) > files:
                reading.excess.append(f"The containers in it hold more than {budget.opened_files} files; the rest were not opened.")
            files -= min(files, len(inside))
        elif _is_tnef(one):
            reading.excess.append(f"{one.name} is larger than what is opened; it is kept as it came.")
    found.protection = protections(raw, tree, reading.text)
    reading.defects.extend(SENTENCES[word] for word in found.protection if word in SENTENCES)
    if found.invitation is not None and not reading.text.strip():
        reading.text = as_text(found.invitation)
    return found


def whole_mail(raw: bytes) -> Attachment:
    """All of it as one attachment."""
    return Attachment(WHOLE, "message/rfc822", 0, len(raw), "", len(raw), hashlib.sha256(raw).hexdigest())


def attachment_of(raw: bytes, part: Part, index: int, shown: frozenset[str]) -> Attachment:
    """One part as an attachment; `shown` are the ids that the HTML shows (`referenced`)."""
    length = part.end - part.body
    content_id = id_of(part)
    inline = bool(content_id) and (same_id(content_id) in shown or (part.inside == "multipart/related" and part.content_type.startswith("image/")))
    return Attachment(
        name=part_name(part.disposition_parameters, part.parameters, part.content_type, index, part.content_location),
        content_type=part.content_type,
        offset=part.body,
        length=length,
        encoding=part.encoding,
        size=decoded_size(raw, part.body, length, part.encoding),
        sha256=hashlib.sha256(memoryview(raw)[part.body : part.end]).hexdigest(),
        content_id=content_id,
        inline=inline,
        charset=raw_text(part.parameters.get("charset", "").encode("latin-1", "replace"))[:60],
        sniffed=sniff(decode_octets(raw[part.body : min(part.end, part.body + HEAD * 4 // 3)], part.encoding)[:HEAD]),
    )


def _calendar_text(raw: bytes, part: Part) -> str:
    data = decode_octets(raw[part.body : min(part.end, part.body + 2 * MOST_BYTES)], part.encoding)
    return decode_text(data, part.parameters.get("charset") or "utf-8")[0]


# ---------------------------------------------------------------- what containers hold


def _is_tnef(one: Attachment) -> bool:
    return one.content_type in ("application/ms-tnef", "application/vnd.ms-tnef") or one.sniffed == "application/ms-tnef"


def _opened(raw: bytes, one: Attachment, part: Part, reading: Reading, budget: Budget) -> Iterator[Attachment]:
    """The attachments inside a container; its text becomes the mail's where the mail has none."""
    data = decode_octets(raw[one.offset : one.offset + one.length], one.encoding)
    if _is_tnef(one):
        yield from _of_tnef(one, data, reading, budget)
    elif opaque_kind(raw, part) == "smime_signed":
        yield from _of_signed(one, data, reading, budget)


def _of_tnef(container: Attachment, data: bytes, reading: Reading, budget: Budget) -> Iterator[Attachment]:
    from gateway.inbound.tnef import open_tnef  # only where one came

    opened = open_tnef(data)
    reading.defects.extend(dict.fromkeys(opened.defects))
    if not reading.text.strip() and not reading.html:
        reading.text = opened.text[: budget.text_bytes]
        if opened.html:
            reading.html = sanitise(opened.html[: budget.html_chars]) or ""
            reading.text = reading.text if reading.text.strip() else text_of(reading.html)
    shown = referenced(reading.html)
    for number, inner in enumerate(opened.files, 1):
        yield _inner(container, inner, number, shown)


def _inner(container: Attachment, inner: Inner, number: int, shown: frozenset[str], kind_of_container: str = _TNEF) -> Attachment:
    kind = inner.content_type if inner.content_type.count("/") == 1 and len(inner.content_type) < 120 else "application/octet-stream"
    return Attachment(
        name=part_name({"filename*": inner.name[:1_000]}, {}, kind, number),
        content_type=kind,
        offset=container.offset,
        length=container.length,
        encoding=container.encoding,
        size=len(inner.data),
        sha256=hashlib.sha256(inner.data).hexdigest(),
        content_id=inner.content_id[:1_000],
        inline=bool(inner.content_id) and same_id(inner.content_id) in shown,
        within=f"{kind_of_container}:{number}",
        sniffed=sniff(inner.data[:HEAD]),
    )


def _of_signed(container: Attachment, data: bytes, reading: Reading, budget: Budget) -> Iterator[Attachment]:
    """The mail that was signed stands inside the signature (RFC 8551 section 3.5.2)."""
    entity = signed_content(data)
    if entity is None:
        reading.defects.append(CLOSED)
        return
    tree = scan(entity, budget)
    choice = choose(tree)
    inside = read_bodies(entity, choice, budget)
    if not reading.text.strip():
        reading.text, reading.html = inside.text, inside.html
    reading.defects.extend(inside.defects)
    reading.excess.extend([*tree.excess, *inside.excess])
    shown = referenced(inside.html)
    wanted = {part.start for part in (*choice.attachments, *inside.oversized)}
    for number, part in enumerate(tree.leaves(), 1):
        if part.start in wanted and part.end > part.body:
            yield _inner(container, _signed_part(entity, part, number), number, shown, _CMS)


def _signed_part(entity: bytes, part: Part, number: int) -> Inner:
    name = part_name(part.disposition_parameters, part.parameters, part.content_type, number, part.content_location)
    return Inner(name, decode_octets(entity[part.body : part.end], part.encoding), part.content_type, id_of(part))


# ---------------------------------------------------------------- bytes when somebody asks


class Contents:
    """The decoded bytes of attachments; a container is opened once, however many of its files are asked for.

    `encoded` gives the encoded bytes of an attachment, or of the container it is in.
    """

    def __init__(self, encoded: Callable[[Attachment], bytes]) -> None:
        self._encoded = encoded
        self._container: tuple[int, str, list[bytes]] | None = None

    @classmethod
    def in_mail(cls, raw: bytes) -> Contents:
        """Of a raw mail at hand."""
        return cls(lambda one: raw[one.offset : one.offset + one.length])

    def of(self, one: Attachment) -> bytes:
        """The bytes of one; b'' for what is not there."""
        if not one.within:
            return decode_octets(self._encoded(one), one.encoding)
        kind, _, place = one.within.partition(":")
        if self._container is None or self._container[:2] != (one.offset, kind):
            self._container = (one.offset, kind, _files(decode_octets(self._encoded(one), one.encoding), kind))
        files = self._container[2]
        number = int(place) if place.isdecimal() and len(place) < 10 else 0
        return files[number - 1] if 1 <= number <= len(files) else b""


def _files(data: bytes, kind: str) -> list[bytes]:
    """The files of a container, by the numbers in `Attachment.within`."""
    if kind == _TNEF:
        from gateway.inbound.tnef import open_tnef

        return [one.data for one in open_tnef(data).files]
    entity = signed_content(data) if kind == _CMS else None
    if entity is None:
        return []
    return [_signed_part(entity, part, number).data for number, part in enumerate(scan(entity, DEFAULT).leaves(), 1)]
