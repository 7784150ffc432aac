"""DMARC records and the tree walk (RFC 9989): which organization a domain belongs to, whose policy speaks for it, which domains are aligned."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.inbound.mailauth.dmarc import Dmarc, read
from gateway.inbound.mailauth.dns import Lookups, resolver
from tests.dns_server import DnsServer, text

ZONES = {
    "acme.example": "v=DMARC1; p=reject; sp=none",
    "mail.acme.example": "v=DMARC1; p=none",
    "division.big.example": "v=DMARC1; p=none; psd=n",
    "big.example": "v=DMARC1; p=reject",
    "bank": "v=DMARC1; p=reject; psd=y; np=reject",
    "github.io": "v=DMARC1; p=reject",
    "i.h.g.f.e.d.c.b.deep.example": "v=DMARC1; p=reject",
    "deep.example": "v=DMARC1; p=quarantine",
}


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    made = DnsServer({(f"_dmarc.{name}", "TXT"): [text(record)] for name, record in ZONES.items()})
    yield made
    made.close()


@pytest.fixture
def dmarc(server: DnsServer) -> Dmarc:
    server.asked.clear()
    return Dmarc(Lookups(resolver((server.address,)), 5, 200))


ORGANIZATIONS = [
    ("acme.example", "acme.example"),
    ("a.mail.acme.example", "acme.example"),
    ("x.division.big.example", "division.big.example"),
    ("x.other.big.example", "big.example"),
    ("mail.good.bank", "good.bank"),
    ("good.bank", "good.bank"),
    ("bank", "bank"),
    ("nothing.example", "nothing.example"),
    ("deep.nothing.example", "deep.nothing.example"),
    ("mallory.github.io", "mallory.github.io"),
    ("www.mallory.github.io", "mallory.github.io"),
]


@pytest.mark.parametrize(("domain", "wanted"), ORGANIZATIONS)
def test_organizations(dmarc: Dmarc, domain: str, wanted: str) -> None:
    """RFC 9989 section 4.10.2: the highest record is the organization's, `psd=n` and `psd=y` end the walk; a suffix open to all is none."""
    assert dmarc.organization(domain) == wanted


def test_eight_labels_at_most(dmarc: Dmarc, server: DnsServer) -> None:
    """RFC 9989 section 4.10: however long a name is, eight questions are asked."""
    assert dmarc.organization("z." * 60 + "i.h.g.f.e.d.c.b.deep.example") == "deep.example"
    assert len(server.asked) == 8


ALIGNED = [
    ("acme.example", "acme.example", True, True),
    ("mail.acme.example", "acme.example", False, True),
    ("mail.acme.example", "acme.example", True, False),
    ("acme.example", "news.acme.example", False, True),
    ("x.division.big.example", "big.example", False, False),
    ("mallory.github.io", "victim.github.io", False, False),
    ("one.bank", "two.bank", False, False),
    ("notacme.example", "acme.example", False, False),
    ("acme.example.evil.example", "acme.example", False, False),
    ("", "acme.example", False, False),
    ("ACME.example", "acme.Example", True, True),
]


@pytest.mark.parametrize(("domain", "author", "strict", "wanted"), ALIGNED)
def test_alignment(dmarc: Dmarc, domain: str, author: str, strict: bool, wanted: bool) -> None:
    """RFC 9989 section 4.4: relaxed is the same organization, strict the same domain; neighbours under one suffix are strangers."""
    assert dmarc.aligned(domain, author, strict=strict) is wanted


@pytest.mark.parametrize(
    ("domain", "wanted"),
    [("acme.example", "p=reject"), ("news.acme.example", "p=none"), ("mail.acme.example", "p=none"), ("x.good.bank", "p=reject"), ("nothing.example", None)],
)
def test_whose_policy(dmarc: Dmarc, domain: str, wanted: str | None) -> None:
    """RFC 9989 section 4.10.1: the domain's own record, else the organization's with `sp`, else that of the public suffix."""
    record = dmarc.policy(domain)
    assert (record.policy_for(domain) if record else None) == wanted


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (b"v=DMARC1; p=reject", "p=reject"),
        (b" v = DMARC1 ;p = Reject;; t=y", "p=reject, in test mode"),
        (b"v=DMARC1; p=quarantine; pct=0", "p=quarantine, in test mode"),
        (b"v=DMARC1; rua=mailto:x@y.example", "p=none"),
        (b"v=DMARC1; p=smash", "p=none"),
        (b"v=DMARC1", "p=none"),
        (b"p=reject; v=DMARC1", None),
        (b"v=dmarc1; p=reject", None),
        (b"v=spf1 -all", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_records(record: bytes, wanted: str | None) -> None:
    """RFC 9989 section 4.7: the version comes first and exactly so; what is not understood asks for nothing."""
    found = read(record, "acme.example")
    assert (found.policy_for("acme.example") if found else None) == wanted


def test_neighbours_under_a_suffix_are_not_asked(dmarc: Dmarc, server: DnsServer) -> None:
    """Whoever sends for a domain of their own under the suffix of the author's cannot make the answer wait for their DNS."""
    assert dmarc.aligned("evil.co.uk", "bank.co.uk", strict=False) is False
    assert server.asked == []
