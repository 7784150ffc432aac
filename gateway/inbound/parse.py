"""A raw mail into a `Mail`: the one place where its readers are put together. What large or deep mail needs besides is `isolate.py`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from core.mail import Address, Attachment, Forwarded, Importance, Mail
from gateway.inbound.address import read_addresses, read_date
from gateway.inbound.attachments import collect, whole_mail
from gateway.inbound.body import Reading, choose, read_bodies
from gateway.inbound.bounce import read_report
from gateway.inbound.budget import DEFAULT, HEADER_ONLY, Budget
from gateway.inbound.feedback import read_feedback
from gateway.inbound.identity import message_id, message_ids
from gateway.inbound.new_text import Content, read_content
from gateway.inbound.remote import remote_count
from gateway.inbound.structure import Part, Tree, scan
from gateway.inbound.transfer import decode, decode_text_octets
from gateway.inbound.words import decode_words, raw_text
from gateway.routing.forward import is_forward

__all__ = ["assemble", "decode", "header_only", "lone_cr_mended", "parse"]

_ONCE = frozenset({"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to"})
"""Fields of which one mail has one (RFC 5322 section 3.6): the first counts, more are a defect."""
_MATTERS = _ONCE | {"references", "importance", "x-priority", "priority", "x-msmail-priority", "return-path", "auto-submitted", "x-failed-recipients"}
_IMPORTANCE = {
    # behaviour.md E-21; the first field that is there decides.
    "importance": {"high": Importance.HIGH, "low": Importance.LOW},
    "x-priority": {"1": Importance.HIGH, "2": Importance.HIGH, "4": Importance.LOW, "5": Importance.LOW},
    "priority": {"urgent": Importance.HIGH, "non-urgent": Importance.LOW},
    "x-msmail-priority": {"high": Importance.HIGH, "low": Importance.LOW},
}
_ADDRESS_LISTS = frozenset({"from", "sender", "reply-to", "to", "cc"})
_NEVER_ENCODED = frozenset({"authentication-results"})
"""Kept as written: the server in front of us strips forged ones by what it reads, and encoded words have no meaning there (RFC 8601 section 2.2)."""
_ID_LISTS = frozenset({"in-reply-to", "references"})
_MOST_DEFECTS = 50
_LARGEST_ORIGINAL = 1_000_000
"""Bytes of an attached mail whose text is read for what the forward is about; of a larger one its header."""
_LONGEST_ORIGINAL = 50_000
"""Characters of that text which are kept apart."""


def parse(raw: bytes, *, budget: Budget = DEFAULT) -> Mail:
    """The mail in `raw`. Never raises on content: what cannot be read is named in `defects`, what is beyond the budget makes it `partial`."""
    raw = lone_cr_mended(raw)
    return assemble(raw, scan(raw, budget), budget)


def lone_cr_mended(raw: bytes) -> bytes:
    """Mail whose lines end in a lone CR gets line feeds in their place, so that every offset stays what it was."""
    if b"\r" in raw[:4096] and raw.find(b"\n", 0, 65_536) < 0:
        return raw.replace(b"\r", b"\n")
    return raw


def assemble(raw: bytes, tree: Tree, budget: Budget) -> Mail:
    """The mail of a tree already scanned from the same bytes."""
    header = _Header(tree, budget)
    choice = choose(tree)
    reading = read_bodies(raw, choice, budget)
    collected = collect(raw, tree, choice, reading, budget)
    attachments = tuple(collected.attachments)
    content = _content(raw, tree, header, reading, budget)
    excess = [*tree.excess, *header.excess, *reading.excess]
    defects = [*excess, *tree.defects, *header.defects, *reading.defects]
    return Mail(
        message_id=message_id(header.first.get("message-id", "")),
        in_reply_to=message_ids(header.first.get("in-reply-to", "")),
        references=message_ids(header.first.get("references", "")),
        from_=header.from_,
        sender=header.sender,
        reply_to=header.reply_to,
        to=header.to,
        cc=header.cc,
        subject=header.subject,
        date=header.date,
        importance=_importance(header.first),
        headers=header.kept,
        content_type=tree.root.content_type,
        text=reading.text,
        new_text=content.new_text,
        quoted_text=content.quoted_text,
        html=content.html,
        attachments=(*attachments, whole_mail(raw)) if excess else attachments,
        forwarded=content.forwarded,
        invitation=collected.invitation,
        protection=collected.protection,
        remote=remote_count(reading.html),
        report=read_report(raw, tree, header.first, reading.text),
        feedback=read_feedback(raw, tree, reading.text),
        content_key=_content_key(raw, header, reading, attachments),
        size=len(raw),
        defects=tuple(dict.fromkeys(defects[:_MOST_DEFECTS])),
        partial=bool(excess),
    )


def header_only(raw: bytes, reason: str) -> Mail:
    """What the header alone says, the whole mail one attachment: for mail whose content could not be read within the limits."""
    raw = lone_cr_mended(raw)
    tree = scan(raw, HEADER_ONLY)
    tree.excess[:] = [reason]
    tree.root = Part(tree.root.start, tree.root.body, body=tree.root.body, content_type="application/octet-stream")
    return assemble(raw, tree, HEADER_ONLY)


def _content(raw: bytes, tree: Tree, header: _Header, reading: Reading, budget: Budget) -> Content:
    """New and quoted text, and the forwarded original: from the text, or else from the mail attached to a forward."""
    page = reading.page if reading.page is not None and reading.page.text == reading.text else None
    replies = bool(header.first.get("in-reply-to") or header.first.get("references"))
    recipients = {address.key for address in (*header.to, *header.cc)}
    content = read_content(reading.text, reading.html, page, header.subject, replies=replies, recipients=recipients)
    if content.forwarded is None and is_forward(header.subject):
        return replace(content, forwarded=_attached_original(raw, tree, budget))
    return content


def _attached_original(raw: bytes, tree: Tree, budget: Budget) -> Forwarded | None:
    """What the first attached mail says of itself; its text only where it is small enough to be read once more."""
    part = next((one for one in tree.leaves() if one.content_type == "message/rfc822" and one.end - one.body > 0), None)
    if part is None:
        return None
    inner = decode_text_octets(raw[part.body : min(part.end, part.body + _LARGEST_ORIGINAL)], part.encoding)
    inner_tree = scan(inner, budget if part.end - part.body < _LARGEST_ORIGINAL else HEADER_ONLY)
    head = _Header(inner_tree, budget)
    if not head.from_:
        return None
    body = read_bodies(inner, choose(inner_tree), budget) if part.end - part.body < _LARGEST_ORIGINAL else Reading()
    text = read_content(body.text, "", body.page, head.subject, replies=True).new_text[:_LONGEST_ORIGINAL]
    return Forwarded(head.from_[0], head.to, head.cc, head.subject, head.first.get("date", "")[:200], text)


class _Header:
    """The fields of the mail's own header: the kept list, the first value of those that matter, and what they mean."""

    def __init__(self, tree: Tree, budget: Budget) -> None:
        self.budget = budget
        self.defects: list[str] = []
        self.excess: list[str] = []
        self.first: dict[str, str] = {}
        self.lists: dict[str, str] = {}
        """Address fields as text, their encoded words not yet decoded: a decoded comma must not part two addresses."""
        self.kept = self._keep(tree.fields)
        self.from_ = self._addresses("from")
        self.reply_to = self._addresses("reply-to")
        self.to = self._addresses("to")
        self.cc = self._addresses("cc")
        self.sender = next(iter(self._addresses("sender")), None)
        self.subject = self.first.get("subject", "")
        self.date = self._date()

    def _keep(self, fields: list[tuple[str, bytes]]) -> tuple[tuple[str, str], ...]:
        kept: list[tuple[str, str]] = []
        room = self.budget.header_chars
        longest = self.budget.field_chars
        for name, value in fields:
            key = name.lower()
            full = len(kept) >= self.budget.fields or room <= 0
            if full:
                self._beyond("The header has more fields than are kept.")
            if key in _MATTERS and key not in self.first:
                text = self.first[key] = self._first(key, value)
            elif full:
                continue
            else:
                text = raw_text(value[:longest])
                if "=?" in text and key not in _NEVER_ENCODED:
                    text = decode_words(text)
                if key in _ONCE:
                    self.defects.append(f"The field {name} is there more than once; the first counts.")
            if not full:
                if len(text) > longest or len(text) > room:
                    text = text[: min(longest, room)]
                kept.append((name, text))
                room -= len(name) + len(text)
        return tuple(kept)

    def _first(self, key: str, value: bytes) -> str:
        """The decoded text of a field that matters; long lists of ids are read in full, address lists kept for their grammar."""
        most = self.budget.header_bytes if key in _ID_LISTS else self.budget.list_bytes if key in _ADDRESS_LISTS else self.budget.field_chars
        if len(value) > most:
            self._beyond(f"The field {key} is longer than what is read.")
        text = raw_text(value[:most])
        if key in _ADDRESS_LISTS:
            self.lists[key] = text
            text = text[: self.budget.field_chars]
        return decode_words(text)

    def _beyond(self, sentence: str) -> None:
        if sentence not in self.excess:
            self.excess.append(sentence)

    def _addresses(self, key: str) -> tuple[Address, ...]:
        found, problems = read_addresses(self.lists.get(key, ""), self.budget.addresses)
        self.defects.extend(problems)
        if len(found) >= self.budget.addresses:
            self._beyond(f"An address list has {self.budget.addresses} addresses or more; the rest were not read.")
        return found

    def _date(self) -> datetime | None:
        moment, problem = read_date(self.first.get("date", ""))
        if problem:
            self.defects.append(problem)
        return moment


def _importance(first: dict[str, str]) -> Importance:
    for name, meanings in _IMPORTANCE.items():
        if name in first:
            word = first[name].strip().lower()
            return meanings.get(word) or meanings.get(word[:1], Importance.NORMAL)
    return Importance.NORMAL


def _content_key(raw: bytes, header: _Header, reading: Reading, attachments: tuple[Attachment, ...]) -> str:
    """SHA-256 over what a person sees; white space, line ends and the order of recipients do not count (behaviour.md E-05)."""
    digest = hashlib.sha256()
    pieces = [
        ",".join(address.key for address in header.from_),
        header.date.isoformat() if header.date else header.first.get("date", ""),
        " ".join(header.subject.split()),
        ",".join(sorted({address.key for address in (*header.to, *header.cc)})),
        " ".join(reading.text.split()),
        reading.html,
        *(f"{one.name}/{_canonical_hash(raw, one)}" for one in attachments),
    ]
    for piece in pieces:
        digest.update(piece.encode("utf-8", "replace") + b"\x00")
    return digest.hexdigest()


def _canonical_hash(raw: bytes, one: Attachment) -> str:
    """The hash with CRLF line ends: the same mail out of a Maildir and over SMTP is the same."""
    line_end = raw.find(b"\n", one.offset, one.offset + min(one.length, 4_000))
    if one.within or line_end <= one.offset or raw[line_end - 1] == 13:
        return one.sha256
    return hashlib.sha256(raw[one.offset : one.offset + one.length].replace(b"\n", b"\r\n")).hexdigest()
