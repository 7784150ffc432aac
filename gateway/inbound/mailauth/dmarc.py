"""DMARC (RFC 9989): the policy of an author's domain, its organizational domain by the tree walk, and whether a domain is aligned with it."""

from __future__ import annotations

from dataclasses import dataclass

from core.mail import domain_key
from gateway.inbound.mailauth.dns import Lookups

MOST_LABELS = 8
"""Longer names are shortened to seven labels after the first question (RFC 9989 section 4.10)."""
POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class Record:
    """One DMARC record. `psd` is `y` for a public suffix, `n` for the top of an organization, `u` where it does not say."""

    domain: str
    policy: str = "none"
    subdomains: str = ""
    missing: str = ""
    """`np`: for subdomains that do not exist."""
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    testing: bool = False

    def policy_for(self, domain: str) -> str:
        """The policy for mail from `domain`, in words for the trace."""
        asked = self.policy if domain == self.domain else (self.subdomains or self.policy)
        return f"p={asked}{', in test mode' if self.testing else ''}"


def read(text: bytes, domain: str) -> Record | None:
    """A TXT record as a DMARC record, None if it is none (RFC 9989 section 4.7)."""
    try:
        pieces = [piece.partition("=") for piece in text.decode("ascii").split(";")]
    except UnicodeDecodeError:
        return None
    tags = {name.strip().lower(): value.strip() for name, equals, value in pieces if equals}
    if not pieces or pieces[0][0].strip().lower() != "v" or pieces[0][2].strip() != "DMARC1":
        return None
    policy = tags.get("p", "").lower()
    if policy not in POLICIES:
        policy = "none"  # RFC 9989 section 4.7: such a record is read as one that only wants reports
    below, missing = (tags.get(name, "").lower() for name in ("sp", "np"))
    return Record(
        domain,
        policy,
        below if below in POLICIES else "",
        missing if missing in POLICIES else "",
        strict_dkim=tags.get("adkim", "").lower() == "s",
        strict_spf=tags.get("aspf", "").lower() == "s",
        psd=tags.get("psd", "u").lower(),
        testing=tags.get("t", "").lower() == "y" or tags.get("pct", "") == "0",
    )


class Dmarc:
    """The DMARC questions of one mail; every method raises DnsTrouble."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._organizations: dict[str, str] = {}

    def policy(self, domain: str) -> Record | None:
        """The record that speaks for an author's domain: its own, else that of its organization, else that of the public suffix above."""
        own = self._record(domain)
        if own is not None:
            return own
        walked = self._walk(domain)
        organization = self._record(self.organization(domain))
        return organization or next((record for record in reversed(walked) if record.psd == "y"), None)

    def aligned(self, domain: str, author: str, *, strict: bool) -> bool:
        """Whether a domain that SPF or DKIM vouched for stands for the author's (RFC 9989 section 4.4)."""
        domain, author = domain_key(domain), domain_key(author)
        if not domain or not author:
            return False
        if domain == author:
            return True
        if strict or not _may_be_related(domain, author):
            return False
        return self.organization(domain) == self.organization(author)

    def organization(self, domain: str) -> str:
        """The organizational domain (RFC 9989 section 4.10.2); a public suffix that forgot to say so is taken for none."""
        domain = domain_key(domain)
        if domain not in self._organizations:
            self._organizations[domain] = _not_a_suffix(self._top(domain), domain)
        return self._organizations[domain]

    def _top(self, domain: str) -> str:
        walked = self._walk(domain)
        for record in walked:
            if record.psd == "n":
                return record.domain
            if record.psd == "y" and record.domain != domain:
                labels = domain.split(".")
                return ".".join(labels[-(record.domain.count(".") + 2) :])
        return min((record.domain for record in walked), key=lambda one: one.count("."), default=domain)

    def _walk(self, domain: str) -> list[Record]:
        """The records on the way from a domain to the root, the nearest first; it ends where one says that it is the end."""
        found: list[Record] = []
        for name in _names(domain):
            record = self._record(name)
            if record is not None:
                found.append(record)
                if record.psd == "n" or (record.psd == "y" and name != domain):
                    break
        return found

    def _record(self, domain: str) -> Record | None:
        """Several records are none (RFC 9989 section 4.10)."""
        read_ones = [record for text in self._lookups.texts(f"_dmarc.{domain}") if (record := read(text, domain)) is not None]
        return read_ones[0] if len(read_ones) == 1 else None


def _names(domain: str) -> list[str]:
    labels = domain.split(".")
    upper = labels[1:] if len(labels) < MOST_LABELS else labels[-(MOST_LABELS - 1) :]
    return [domain, *(".".join(upper[start:]) for start in range(len(upper)))]


def _may_be_related(domain: str, author: str) -> bool:
    """Two domains of one organization end alike, below the suffix under which anybody can register; for others nobody is asked, least of all their DNS."""
    if domain.split(".")[-2:] != author.split(".")[-2:]:
        return False
    suffixes = _suffixes()
    return bool(suffixes.privatesuffix(domain) == suffixes.privatesuffix(author))  # type: ignore[attr-defined]


def _not_a_suffix(organization: str, domain: str) -> str:
    """Where a suffix under which anybody can register publishes a record of its own without `psd=y`, its customers are no organization."""
    suffixes = _suffixes()
    if organization == domain or suffixes.publicsuffix(organization) != organization:  # type: ignore[attr-defined]
        return organization
    return suffixes.privatesuffix(domain) or domain  # type: ignore[attr-defined]


_LOADED: list[object] = []


def _suffixes() -> object:
    """The public suffix list as its package has it; read once, when first asked."""
    if not _LOADED:
        from publicsuffixlist import PublicSuffixList

        _LOADED.append(PublicSuffixList())
    return _LOADED[0]
