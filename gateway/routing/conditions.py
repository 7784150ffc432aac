"""The conditions of routes (B6) and how each is checked against one mail; which route is asked when is `routes.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.mail import Attachment, Envelope, Mail, address_key
from core.setup import Conditions
from gateway.routing.expressions import found_in
from gateway.routing.facts import Facts
from gateway.routing.patterns import contains_words, first_match, words

MOST_FIELDS = 50
"""Fields of one name that are looked at."""

EXTENSION_OF_TYPE = {
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/tiff": "tiff",
    "text/csv": "csv",
    "text/calendar": "ics",
    "application/zip": "zip",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/xml": "xml",
    "text/xml": "xml",
    "message/rfc822": "eml",
}
"""For attachments whose name has no extension (E-20)."""
SAME_EXTENSION = {"jpeg": "jpg", "tif": "tiff", "htm": "html"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What conditions look at, read once per mail."""

    mail: Mail
    words: tuple[str, ...]
    recipients: tuple[str, ...]
    extensions: frozenset[str]
    sender: str
    companies: frozenset[str]
    folder: str = ""


def subject_of(mail: Mail, envelope: Envelope, facts: Facts) -> Subject:
    """The mail as the conditions of routes see it. The text of a mail never routes it (B-RT-04)."""
    listed = (*(address.key for address in (*mail.to, *mail.cc)), *(address_key(one) for one in envelope.recipients))
    return Subject(
        mail=mail,
        words=words(mail.subject),
        recipients=tuple(dict.fromkeys(listed)),
        extensions=frozenset(extension for one in mail.attachments if not _is_inline(one) for extension in _extensions(one)),
        sender=facts.sender.key,
        companies=facts.sender.companies,
        folder=envelope.folder,
    )


def _subject_words(when: Conditions, subject: Subject) -> str:
    listed = [part for entry in when.subject_words for part in entry.split(";")]
    return "" if any(contains_words(subject.words, entry) for entry in listed) else f"the subject has none of: {'; '.join(listed)}"


def _sender(when: Conditions, subject: Subject) -> str:
    found = first_match(_listed(when.sender), (subject.sender,) if subject.sender else ())
    return "" if found else f"the sender {subject.sender or '(none)'} is not on its list"


def _recipient(when: Conditions, subject: Subject) -> str:
    return "" if first_match(_listed(when.recipient), subject.recipients) else "no recipient is on its list"


def _importance(when: Conditions, subject: Subject) -> str:
    is_so = subject.mail.importance.value
    return "" if when.importance == is_so else f"importance is {is_so}, not {when.importance}"


def _attachment_types(when: Conditions, subject: Subject) -> str:
    wanted = {_same(entry.strip().lstrip("*").lstrip(".").lower()) for entry in _listed(when.attachment_types)}
    return "" if wanted & subject.extensions else f"no attachment of type {', '.join(sorted(wanted))}"


def _sender_company(when: Conditions, subject: Subject) -> str:
    if not subject.companies:
        return "the sender's company is not known (B-RT-13)"
    return "" if subject.companies & set(when.sender_company) else f"the sender's company is {', '.join(sorted(subject.companies))}"


def _subject_pattern(when: Conditions, subject: Subject) -> str:
    return "" if found_in(when.subject_pattern, subject.mail.subject) else f"the subject does not match {when.subject_pattern}"


def _headers(when: Conditions, subject: Subject) -> str:
    """All that are listed must be there; other than words of a subject, each names a field of its own."""
    return next((f"no field {entry}" for entry in when.headers if not _has_field(entry, subject)), "")


def _has_field(entry: str, subject: Subject) -> bool:
    name, wanted = header_entry(entry)
    values = subject.mail.header_all(name)[:MOST_FIELDS]
    return bool(values) if not wanted else any(contains_words(words(value), wanted) for value in values)


def _header_patterns(when: Conditions, subject: Subject) -> str:
    return next((f"no field matches {entry}" for entry in when.header_patterns if not _field_matches(entry, subject)), "")


def _field_matches(entry: str, subject: Subject) -> bool:
    name, expression = header_entry(entry)
    return any(found_in(expression, value) for value in subject.mail.header_all(name)[:MOST_FIELDS])


def _folder(when: Conditions, subject: Subject) -> str:
    """B-CN-12; `*` is any folder, `Work/*` those below one."""
    if any(_is_in(entry.strip().casefold(), subject.folder.casefold()) for entry in when.folder):
        return ""
    return f"it lay in folder {subject.folder}" if subject.folder else "it was not fetched from a folder"


def _is_in(entry: str, folder: str) -> bool:
    return entry == "*" or (bool(folder) and (entry == folder or (entry.endswith("/*") and folder.startswith(entry[:-1]))))


CHECKS: tuple[tuple[str, Callable[[Conditions, Subject], str]], ...] = (
    ("sender", _sender),
    ("recipient", _recipient),
    ("subject_words", _subject_words),
    ("subject_pattern", _subject_pattern),
    ("importance", _importance),
    ("attachment_types", _attachment_types),
    ("sender_company", _sender_company),
    ("headers", _headers),
    ("header_patterns", _header_patterns),
    ("folder", _folder),
)
"""Condition → check; each answers '' or why it does not hold (B-RT-02, B-CN-12)."""


def misses(when: Conditions, subject: Subject) -> str:
    """The first condition that does not hold, '' if all do (B-RT-03)."""
    return next((because for name, check in CHECKS if getattr(when, name) and (because := check(when, subject))), "")


def holds(unless: Conditions, subject: Subject) -> str:
    """The first of the conditions turned round that holds all the same, '' if none does."""
    return next((f"unless: {name} holds ({_said(getattr(unless, name))})" for name, check in CHECKS if getattr(unless, name) and not check(unless, subject)), "")


def _said(entries: str | tuple[str, ...]) -> str:
    return entries if isinstance(entries, str) else "; ".join(entries)


def header_entry(entry: str) -> tuple[str, str]:
    """(name, what follows the colon) of `X-Priority: urgent`; '' behind a bare `X-Priority:`."""
    name, _, wanted = entry.partition(":")
    return name.strip(), wanted.strip()


def _listed(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Entries, also those written in one text with semicolons (B-RT-02)."""
    return tuple(part.strip() for entry in entries for part in entry.split(";") if part.strip())


def _is_inline(attachment: Attachment) -> bool:
    return attachment.inline and attachment.content_type.startswith("image/")


def _extensions(attachment: Attachment) -> tuple[str, ...]:
    """That of the name and that of the declared type: either may be the telling one."""
    _, dot, extension = attachment.name.rpartition(".")
    named = _same(extension.lower()) if dot and 0 < len(extension) <= 10 else ""
    return tuple(one for one in (named, EXTENSION_OF_TYPE.get(attachment.content_type, "")) if one)


def _same(extension: str) -> str:
    return SAME_EXTENSION.get(extension, extension)
