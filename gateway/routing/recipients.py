"""For which addresses of ours a mail is: the envelope, else trusted header fields, then To and Cc; their fate is the matter of `resolve.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.mail import Envelope, Mail, address_key, split_tag
from core.refs import is_reference
from core.setup import Connector, Setup

MAX_RECIPIENTS = 1_000
LONGEST = 320
"""Characters of an address key (RFC 5321 section 4.5.3.1); a plus-tag that makes it longer is none of ours and is left out."""
DEFAULT_TRUSTED = ("delivered-to", "x-original-to", "envelope-to")


class Source(StrEnum):
    """Where a recipient was found; BLIND: the mailbox itself, because no field names an address of ours (B-UH-01)."""

    ENVELOPE = "envelope"
    HEADER = "delivery header"
    NAMED = "To or Cc"
    BLIND = "blind copy"


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address of ours that a mail is for. `key` is the whole address key, `base` the one without its plus-tag.

    `plain_ref` is the unsigned reference in the plus-tag, `signed_ref` the one that was verified, `outdated_ref` one that was verified and is
    older than our signatures count. `bounce_of` is the outbox id of our mail whose bounce address it is; the reference of that mail's item then
    is `signed_ref` or `outdated_ref`. '' where there is none.
    """

    key: str
    base: str
    connector: str
    source: Source
    tag: str = ""
    plain_ref: str = ""
    signed_ref: str = ""
    outdated_ref: str = ""
    bounce_of: str = ""
    agent_of: str = ""
    """Outbox id of our mail to one of our people whose address for answers it is, as we signed it."""
    named: bool = True
    """It also stands in To or Cc."""


@dataclass(frozen=True, slots=True)
class Strange:
    """An envelope recipient that belongs to no connector: it is answered with *unhandled* (contract section 4)."""

    key: str


def recipients(mail: Mail, envelope: Envelope, setup: Setup) -> tuple[tuple[Recipient, ...], tuple[Strange, ...]]:
    """The addresses of ours that this mail is for, each once, and the envelope recipients that are nobody's.

    Over SMTP and LMTP the envelope decides alone, so that a blind copy is routed like any other (decisions.md, "recipients"; E-17).
    A mail fetched from a mailbox is for the addresses of that mailbox only: the others get their own copy.
    """
    named = frozenset(address.key for address in (*mail.to, *mail.cc))
    if envelope.recipients:
        return _from_envelope(envelope.recipients[:MAX_RECIPIENTS], setup, named)
    fetched = setup.connector_named.get(envelope.connector)
    found = _from_headers(mail, setup, fetched, named)
    if not found and fetched is not None:
        base = address_key(fetched.address)
        found = (Recipient(base, base, fetched.name, Source.BLIND, named=False),)
    return found, ()


def _from_envelope(listed: tuple[str, ...], setup: Setup, named: frozenset[str]) -> tuple[tuple[Recipient, ...], tuple[Strange, ...]]:
    ours: dict[str, Recipient] = {}
    strange: dict[str, Strange] = {}
    for address in listed:
        key = address_key(address)
        connector = setup.receiver(key)
        if connector is None:
            strange[key] = Strange(key)
        else:
            found = _recipient(key, connector, setup, Source.ENVELOPE, named)
            ours.setdefault(found.key, found)
    return tuple(ours.values()), tuple(strange.values())


def _from_headers(mail: Mail, setup: Setup, fetched: Connector | None, named: frozenset[str]) -> tuple[Recipient, ...]:
    trusted = fetched.trusted_recipient_headers if fetched is not None else DEFAULT_TRUSTED
    found: dict[str, Recipient] = {}
    for name in trusted:
        for value in mail.header_all(name):
            _add(found, address_key(value.strip().strip("<>")), setup, fetched, Source.HEADER, named)
    for address in (*mail.to, *mail.cc)[:MAX_RECIPIENTS]:
        _add(found, address.key, setup, fetched, Source.NAMED, named)
    return tuple(found.values())


def _add(found: dict[str, Recipient], key: str, setup: Setup, fetched: Connector | None, source: Source, named: frozenset[str]) -> None:
    if key in found:
        return
    connector = setup.receiver(key)
    if connector is not None and (fetched is None or connector.name == fetched.name):
        recipient = _recipient(key, connector, setup, source, named)
        found.setdefault(recipient.key, recipient)


def _recipient(key: str, connector: Connector, setup: Setup, source: Source, named: frozenset[str]) -> Recipient:
    base, tag = (key, "") if key in setup.connector_of else split_tag(key)
    key, tag = (key, tag) if len(key) <= LONGEST else (base, "")
    ref = tag.upper() if is_reference(tag) else ""
    return Recipient(key, base, connector.name, source, tag, plain_ref=ref, named=key in named or base in named)
