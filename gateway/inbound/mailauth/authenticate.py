"""One mail judged by ourselves: SPF and DKIM asked, and their answers weighed by DMARC for the domain in From; never raises, never waits for ever."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from core.agent_trust import Proof
from core.mail import Address, Envelope, Mail
from core.setup import Provider, Setup
from gateway.inbound.mailauth import dkim, dns, spf
from gateway.inbound.mailauth.dmarc import Dmarc as DmarcOfMail
from gateway.inbound.mailauth.dmarc import Record
from gateway.routing.authentication import Authentication, Dmarc
from gateway.routing.recipients import recipients
from gateway.settings import MailauthSettings

log = logging.getLogger("guichet.mailauth")

LIBRARIES = ("dkim", "spf", "dns", "publicsuffixlist")
NEEDS = "the extra “mailauth” is not installed (pip install 'guichet[mailauth]')"


def missing() -> str:
    """Why nothing can be checked, '' if everything is there."""
    return "" if all(find_spec(name) is not None for name in LIBRARIES) else NEEDS


class Authenticator:
    """Checks for one installation. `setup` gives the present setup outside any transaction."""

    def __init__(self, settings: MailauthSettings, setup: Callable[[], Setup]) -> None:
        self._settings = settings
        self._setup = setup
        self._resolver: Any = None
        self._patience = dns.Patience(settings.timeout.total_seconds())

    def __call__(self, raw: bytes, mail: Mail, envelope: Envelope) -> Authentication | None:
        """What DMARC says of the author. None where no connector of the mail's recipients is our own mail exchanger."""
        setup = self._setup()
        if not _is_asked(mail, envelope, setup):
            return None
        absent = missing()
        if absent:
            return Authentication(because=f"the sender was not checked: {absent}")
        try:
            return self._judge(raw, mail, envelope)
        except dns.DnsTrouble as trouble:
            return Authentication(because=f"the sender could not be checked now: {trouble}")
        except Exception as fault:  # the edge to libraries that read hostile bytes and records: nothing is known then, and the mail goes on
            log.exception("mailauth_failed", extra={"fault": type(fault).__name__})
            return Authentication(because=f"the sender could not be checked: a fault of ours ({type(fault).__name__}), see the log")

    def _judge(self, raw: bytes, mail: Mail, envelope: Envelope) -> Authentication:
        domains = {address.domain for address in mail.from_}
        if len(domains) != 1 or "" in domains:
            return Authentication(because="the sender was not checked: the mail has not one author in one domain")
        if self._resolver is None:
            self._resolver = dns.resolver(self._settings.resolvers)
        lookups = dns.Lookups(self._resolver, self._patience.seconds, self._settings.most_queries)
        try:
            found = _weighed(raw, mail.from_, envelope, lookups)
        finally:
            self._patience.waited(lookups.waited)
        if found.dmarc is Dmarc.PASS and len(mail.header_all("From")) != 1:
            return Authentication(because="checked by ourselves: the mail has several From fields, so that nothing vouches for the one that counts")
        return found


def _is_asked(mail: Mail, envelope: Envelope, setup: Setup) -> bool:
    """Whether a connector that the mail is for has nobody in front of it."""
    if not any(connector.profile.provider is Provider.OWN_MX for connector in setup.connectors):
        return False
    found, _ = recipients(mail, envelope, setup)
    named = {recipient.connector for recipient in found} | {envelope.connector}
    return any(connector.name in named and connector.profile.provider is Provider.OWN_MX for connector in setup.connectors)


def _weighed(raw: bytes, authors: Sequence[Address], envelope: Envelope, lookups: dns.Lookups) -> Authentication:
    """Pass as soon as one aligned way passes; a failure only where every way was seen to fail (RFC 9989 section 5.3). The authors are of one domain."""
    author = authors[0].domain
    dmarc = DmarcOfMail(lookups)
    record = dmarc.policy(author)
    if record is None:
        return Authentication(because=f"checked by ourselves: {author} has no DMARC record")
    trouble = unreadable = ""
    signed: tuple[dkim.Signature, ...] = ()
    try:
        signed = dkim.signatures(raw, authors, lookups, lambda domain: dmarc.aligned(domain, author, strict=record.strict_dkim))
    except dkim.Unreadable as fault:  # RFC 6376 section 6.1: no signature then; else whoever is to fail would only have to write such a mail
        unreadable = f"no DKIM signature was verified: {fault}"
    except dns.DnsTrouble as fault:
        trouble = str(fault)
    good = next((one for one in signed if one.passed), None)
    if good is not None:
        return Authentication(Dmarc.PASS, f"checked by ourselves: DMARC passed for {author}: {good}", Proof.DMARC)
    sent, vouched, untold = _by_spf(dmarc, record, author, envelope, lookups)
    details = "; ".join([*map(str, signed), str(sent)] if signed else [unreadable or "no aligned DKIM signature", str(sent)])
    if vouched:
        return Authentication(Dmarc.PASS, f"checked by ourselves: DMARC passed for {author}: {details}", Proof.DMARC)
    undecided = trouble or untold or next((one.because for one in signed if one.passed is None), "")
    if undecided:
        return Authentication(because=f"checked by ourselves without a result for {author}: {details} ({undecided})")
    return Authentication(Dmarc.FAIL, f"checked by ourselves: DMARC failed for {author} ({record.policy_for(author)}): {details}")


def _by_spf(dmarc: DmarcOfMail, record: Record, author: str, envelope: Envelope, lookups: dns.Lookups) -> tuple[spf.SpfResult, bool, str]:
    """SPF, whether it vouches for the author, and why that cannot be told, '' if it can."""
    peer, helo = (envelope.peer, envelope.helo) if envelope.door in ("smtp", "lmtp") else ("", "")
    found = spf.spf(peer, helo, envelope.sender, lookups)
    if found.result is spf.Spf.UNKNOWN:
        return found, False, "SPF can only be checked where the mail first comes in"
    try:
        aligned = dmarc.aligned(found.domain, author, strict=record.strict_spf)
    except dns.DnsTrouble as trouble:
        return found, False, str(trouble)
    return found, aligned and found.result is spf.Spf.PASS, "SPF had no answer" if aligned and found.is_open else ""
