"""What `guichet check` and `guichet dkim check` find in the DNS about our own sending domains: DKIM records against the keys, SPF and DMARC; it writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.mail import domain_key
from core.setup import DkimKey, Setup
from gateway.clock import SystemClock
from gateway.finding import Finding, error, fine, warning
from gateway.inbound.mailauth import dns
from gateway.inbound.mailauth.dns import DnsTrouble, Lookups
from gateway.keys import Keys, KeyTrouble
from gateway.outbound.dkim_key import DkimTrouble, PrivateKey, difference, in_test_mode
from gateway.secrets import Secrets, SecretTrouble
from gateway.settings import Settings
from gateway.store.engine import Database

PATIENCE = 10.0
"""Seconds for all answers of the DNS together."""
MOST_QUESTIONS = 300
RESERVED = ("example", "test", "invalid", "localhost")
"""Never in the public DNS (RFC 6761); resolvers that were set may know them."""

Opener = Callable[[str], str]


class Record(StrEnum):
    """What the DNS says of a key."""

    FINE = "fine"
    MISSING = "not published"
    OTHER = "does not fit"
    UNKNOWN = "not known"
    NO_KEY = "no key"


@dataclass(frozen=True, slots=True)
class Looked:
    """How a key and its record fit together; `said` is a sentence."""

    record: Record
    said: str


def our_domains(setup: Setup, settings: Settings) -> Iterator[Finding]:
    """For `guichet check`: `sending` with the installation's secrets and DNS servers."""
    try:
        keys = Keys.load(settings.key_file)
    except KeyTrouble:
        return  # said by another check
    database = Database(settings.database_url)
    try:
        secrets = Secrets(database, keys, SystemClock())
        yield from sending(setup, secrets, settings.mailauth.resolvers, min(PATIENCE, settings.mailauth.timeout.total_seconds()))
    finally:
        database.dispose()


def lookups(resolvers: Sequence[str], seconds: float) -> Lookups:
    """Questions to these servers or those of the system, with so much patience for all of them. Raises DnsTrouble where there are none."""
    return Lookups(dns.resolver(resolvers), seconds, MOST_QUESTIONS)


def record_name(key: DkimKey) -> str:
    """Where the record of a key stands."""
    return f"{key.selector}._domainkey.{domain_key(key.domain)}"


def look(key: DkimKey, secret: Opener, asked: Lookups) -> Looked:
    """One key against its record. Never raises: what cannot be known is said."""
    name = record_name(key)
    try:
        private = PrivateKey(secret(key.secret))
    except (SecretTrouble, DkimTrouble) as trouble:
        return Looked(Record.NO_KEY, f"the secret “{key.secret}” cannot be used, so mail of {key.domain} is not signed with {key.selector}: {trouble}")
    try:
        found = [text.decode("utf-8", "replace") for text in asked.texts(name)]
    except DnsTrouble as trouble:
        return Looked(Record.UNKNOWN, f"{name} could not be looked at: {trouble}")
    records = [text for text in found if "p=" in text]
    if not records:
        return Looked(Record.MISSING, f"{name} is not published; guichet dkim show prints the record")
    if len(records) > 1:
        return Looked(Record.OTHER, f"{name} has {len(records)} records, and receivers take none of them; leave the one that guichet dkim show prints")
    said = difference(records[0], private)
    if said:
        return Looked(Record.OTHER, f"{name} does not fit our key: {said}; guichet dkim show prints the record")
    return Looked(Record.FINE, f"{name} holds our {private.kind} key" + (", in test mode (t=y)" if in_test_mode(records[0]) else ""))


def sending_domains(setup: Setup) -> tuple[str, ...]:
    """The domains that mail of ours comes from, and those that have a key that signs."""
    ours = (key.rpartition("@")[2] for connector in setup.connectors if connector.enabled and connector.sends for key in connector.keys)
    signing = (domain_key(key.domain) for key in setup.dkim_keys if key.enabled)
    return tuple(dict.fromkeys((*ours, *signing)))


def sending(setup: Setup, secret: Opener, resolvers: Sequence[str], seconds: float) -> Iterator[Finding]:
    """Each enabled key, then SPF and DMARC of each sending domain as information. Takes no longer than `seconds`."""
    domains = [domain for domain in sending_domains(setup) if resolvers or domain.rpartition(".")[2] not in RESERVED]
    keys = [key for key in setup.dkim_keys if key.enabled and domain_key(key.domain) in domains]
    if not domains:
        return
    try:
        asked = lookups(resolvers, seconds)
    except DnsTrouble as trouble:
        yield warning("dns", f"the records of our domains could not be looked at: {trouble}")
        return
    for key in keys:
        looked = look(key, secret, asked)
        yield _LEVELS[looked.record](f"dkim {domain_key(key.domain)}", looked.said)
    for domain in domains:
        yield _policies(domain, asked, signed=any(domain_key(key.domain) == domain for key in keys))


_LEVELS = {Record.FINE: fine, Record.MISSING: warning, Record.UNKNOWN: warning, Record.OTHER: error, Record.NO_KEY: error}


def _policies(domain: str, asked: Lookups, *, signed: bool) -> Finding:
    """SPF and DMARC as they are: whether that is right, their owner knows."""
    try:
        spf = [text for text in asked.texts(domain) if text.lower().startswith(b"v=spf1")]
        dmarc = _dmarc(domain, asked)
    except DnsTrouble as trouble:
        return fine(f"dns {domain}", f"not known now: {trouble}")
    said = (
        "an SPF record" if len(spf) == 1 else f"{len(spf)} SPF records, of which receivers take none" if spf else "no SPF record",
        f"DMARC p={dmarc}" if dmarc else "no DMARC record",
        "a DKIM key of ours" if signed else "no DKIM key here (guichet dkim new makes one; the provider may sign)",
    )
    return fine(f"dns {domain}", ", ".join(said))


def _dmarc(domain: str, asked: Lookups) -> str:
    """The policy of the domain or of the nearest one above that has a record, '' where there is none (RFC 9989 walks up the tree)."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        for text in asked.texts(f"_dmarc.{'.'.join(labels[start:])}"):
            tags = dict(part.strip().split(b"=", 1) for part in text.split(b";") if b"=" in part)
            if text.lstrip().startswith(b"v=DMARC1"):
                return tags.get(b"p", b"none").decode("ascii", "replace").strip()[:20]
    return ""
