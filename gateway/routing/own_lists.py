"""Mail that a list of our own (Google Groups) sent on under its own name: who really wrote it, and what is known of them.

The list writes `Kim via Support <support@ours>` into From where the author's domain forbids others to send for it. The author stands in
X-Original-From, else in Reply-To; anybody can write those fields, so that they prove nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from core.mail import Address, Envelope, Mail, address_key, domain_key
from core.setup import Connector, Provider, Setup
from gateway.routing.authentication import Authentication, Dmarc, read
from gateway.routing.vouching import judge, servers

ORIGINAL_FROM, ORIGINAL_RESULTS = "X-Original-From", "X-Original-Authentication-Results"
LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Author:
    """The mail with its real author in From, and what is known of them; `said` is the sentence for the trace, '' where no list of ours rewrote it."""

    mail: Mail
    authentication: Authentication
    said: str = ""


def real_author(mail: Mail, envelope: Envelope, connectors: Iterable[Connector], setup: Setup, checked: Authentication | None = None) -> Author:
    """The mail as it was before a list of ours rewrote it; `checked` is the sender as we checked it ourselves: where that found nothing, the servers
    in front are asked all the same.

    A list mail that failed DMARC is not the list's, and is left as it is.
    """
    listed = tuple(connectors)
    known = checked or Authentication()
    if known.dmarc is Dmarc.NONE:
        told = judge(mail, envelope, listed)
        known = told if checked is None or told.dmarc is not Dmarc.NONE else checked
    through = [one for one in listed if mail.author is not None and mail.author.key in {address_key(name) for name in one.profile.own_lists}]
    author = mail.author
    if not through or author is None or len(mail.from_) != 1 or known.dmarc is Dmarc.FAIL:
        return Author(mail, known)
    behind, where = _behind(mail, author, setup)
    if behind is None:
        return Author(mail, known, f"{author.key} is a list of ours, and the mail does not say who wrote to it")
    said = f"{author.key} is a list of ours: {behind.key} wrote ({where})"
    return Author(replace(mail, from_=(behind,)), _vouched(mail, behind, known, through), said)


def _behind(mail: Mail, author: Address, setup: Setup) -> tuple[Address | None, str]:
    """The author as the list kept it. A field that is there twice is one that somebody else wrote as well."""
    kept = mail.header_all(ORIGINAL_FROM)
    if len(kept) == 1 and (found := _address(kept[0])) is not None and found.key != author.key:
        return found, ORIGINAL_FROM
    others = [one for one in mail.reply_to if one.key != author.key and not setup.is_ours(one.address)]
    return (others[0], "Reply-To") if others else (None, "")


def _vouched(mail: Mail, behind: Address, known: Authentication, through: list[Connector]) -> Authentication:
    """Only Google says what it saw before it rewrote the mail, and only where the rewritten one is its own."""
    nothing = Authentication(because=f"the list hands on what {behind.key} wrote, and says nothing certain about the sender")
    values = mail.header_all(ORIGINAL_RESULTS)
    if known.dmarc is Dmarc.NONE and any(servers(one) for one in through):
        # Whoever forges the list would else be believed where forging its author would not: the servers in front judge the list's domain only.
        return Authentication(Dmarc.FAIL, f"nobody vouches for the list, and so for {behind.key}: its domain should publish DMARC")
    if known.dmarc is not Dmarc.PASS or len(values) != 1:
        return nothing
    server, results = read(values[0])
    if not server or not any(one.profile.provider is Provider.GOOGLE and server in servers(one) for one in through):
        return nothing
    dmarc = [result for result in results if result.method == "dmarc"]
    if len(dmarc) != 1 or domain_key(dmarc[0].of("header.from")) != behind.domain:
        return nothing
    if dmarc[0].result == "fail":
        return Authentication(Dmarc.FAIL, f"{server} says that DMARC failed before the list sent it on")
    return Authentication(Dmarc.PASS, f"{server} says that DMARC passed for {behind.domain} before the list sent it on") if dmarc[0].result == "pass" else nothing


def _address(written: str) -> Address | None:
    """`Kim <kim@x.example>` or the address alone."""
    text = written[:LONGEST].strip()
    name, bracket, rest = text.rpartition("<")
    address = rest.partition(">")[0].strip() if bracket else text
    local, at, domain = address.rpartition("@")
    if not (at and local and "." in domain) or len(address) > 254 or any(char.isspace() or char in '<>,;"' for char in address):
        return None
    return Address(address, name.strip().strip('"').strip() if bracket else "")
