"""Which route takes a mail for one address of ours: the connector's list from top to bottom, conditions ANDed; its effect is for `opening.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.mail import Attachment, Envelope, Mail, address_key
from core.setup import Conditions, Connector, Route, RouteKind, Setup
from gateway.routing.facts import Facts
from gateway.routing.patterns import contains_words, first_match, words
from gateway.routing.recipients import Recipient, Source
from gateway.routing.trace import Trace

ORDER = (RouteKind.ORDINARY, RouteKind.WILDCARD, RouteKind.FALLBACK)
"""The strict order of classes (B-RT-10)."""

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
    )


def routes_of(setup: Setup, connector: str) -> tuple[Route, ...]:
    """The enabled routes of a connector in the order they are tried; fallback routes are always enabled (B-RT-11)."""
    mine = [route for route in setup.routes if route.connector == connector and (route.enabled or route.kind is RouteKind.FALLBACK)]
    return tuple(sorted(mine, key=lambda route: ORDER.index(route.kind)))


def route_for(recipient: Recipient, subject: Subject, setup: Setup, trace: Trace) -> Route | None:
    """The first route that matches, or None: the mail is then unhandled for this address (B-RT-06, B-RT-11)."""
    connector = setup.connector_named.get(recipient.connector)
    if connector is None:
        return None
    for route in routes_of(setup, connector.name):
        because = _address_misses(route, recipient, connector) or _condition_misses(route, subject)
        name = f"{connector.name} / {route.name} ({route.kind})"
        if not because:
            trace.hit("route", name, f"takes mail for {recipient.base}")
            return route
        trace.miss("route", name, because)
    return None


def _address_misses(route: Route, recipient: Recipient, connector: Connector) -> str:
    if route.kind is RouteKind.WILDCARD:
        return ""
    if recipient.source is Source.BLIND:
        return "no field names an address of ours: only wildcard routes take blind copies (B-RT-12)"
    if route.kind is RouteKind.FALLBACK:
        main = address_key(connector.address)
        return "" if recipient.base == main else f"the fallback serves {main} only, not {recipient.base} (B-RT-11)"
    wanted = address_key(route.address)
    return "" if wanted in (recipient.base, recipient.key) else f"it is for {wanted}"


def _condition_misses(route: Route, subject: Subject) -> str:
    """The first condition that does not hold, or '' (B-RT-03). A fallback has none of its own (B-RT-11)."""
    if route.kind is RouteKind.FALLBACK:
        return ""
    when = route.when
    if route.kind is RouteKind.WILDCARD and not when.sender:
        return "a wildcard route needs a list of senders (B-RT-12)"
    return next((because for name, check in CHECKS if getattr(when, name) and (because := check(when, subject))), "")


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


CHECKS: tuple[tuple[str, Callable[[Conditions, Subject], str]], ...] = (
    ("sender", _sender),
    ("recipient", _recipient),
    ("subject_words", _subject_words),
    ("importance", _importance),
    ("attachment_types", _attachment_types),
    ("sender_company", _sender_company),
)
"""Condition → check; each answers '' or why it does not hold (B-RT-02)."""


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
