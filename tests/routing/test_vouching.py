"""Whose word about the author is believed, by the profile of the mailbox: Microsoft 365, Google, trusted forwarders (ARC), and lists of our own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.mail import Address, Envelope, Mail
from core.setup import Connector, Profile, Provider, Setup
from gateway.routing.authentication import Authentication, Dmarc
from gateway.routing.own_lists import real_author
from gateway.routing.vouching import judge
from tests.routing.examples import NOW, SUPPORT, a_mail

TENANT = "0f0c7b0e-8d0a-4d2c-9a37-5f0e3c6f1a2b"
OTHER_TENANT = "11111111-8d0a-4d2c-9a37-5f0e3c6f1a2b"
Header = tuple[str, str]


def a_connector(provider: Provider = Provider.OTHER, trusted: tuple[str, ...] = (), kind: str = "imap", **profile: object) -> Connector:
    return Connector("c", "support", SUPPORT, trusted_authserv_ids=trusted, incoming={"kind": kind}, profile=Profile(provider, **profile))  # type: ignore[arg-type]


def judged(connector: Connector, headers: Iterable[Header], from_: str | tuple[str, ...] = "jo@acme.example", door: str = "imap") -> Authentication:
    return judge(a_mail(from_=from_, headers=headers), Envelope(door, "", (), NOW, connector="support"), (connector,))


# ---------------------------------------------------------------- Microsoft 365

M365 = a_connector(Provider.MICROSOFT365, tenant=TENANT)
HOP = ("Received", "from DB8PR01.eurprd01.prod.outlook.com (2603::1) by AM0PR01.eurprd01.prod.outlook.com with HTTPS; Mon, 2 Mar 2026 09:00:01 +0000")
EDGE = ("Received", "from mail.acme.example (198.51.100.7) by DB5EUR01FT.mail.protection.outlook.com (10.152.4.1) with Microsoft SMTP Server; Mon, 2 Mar 2026")
FOREIGN = ("Received", "from laptop (203.0.113.1) by mail.acme.example with ESMTP; Mon, 2 Mar 2026 08:59:59 +0000")
SOURCE = ("X-MS-Exchange-Organization-AuthSource", "DB5EUR01FT.eop-EUR01.prod.protection.outlook.com")
ANONYMOUS = ("X-MS-Exchange-Organization-AuthAs", "Anonymous")
INTERNAL = ("X-MS-Exchange-Organization-AuthAs", "Internal")
OURS, THEIRS = ("X-MS-Exchange-CrossTenant-id", TENANT), ("X-MS-Exchange-CrossTenant-id", OTHER_TENANT)


def ar(text: str) -> Header:
    return ("Authentication-Results", text)


def said(dmarc: str, compauth: str = "pass reason=100", domain: str = "acme.example") -> Header:
    seen = f"spf=pass (sender IP is 198.51.100.7) smtp.mailfrom={domain}; dkim=pass (signature was verified) header.d={domain}"
    return ar(f"{seen};dmarc={dmarc} action=none header.from={domain};compauth={compauth}")


PASSED = said("pass")
FORGED = ar("spf=pass smtp.mailfrom=acme.example; dkim=pass; dmarc=pass action=none header.from=acme.example;compauth=pass reason=100")

MICROSOFT = [
    ("from outside, passed", [HOP, PASSED, EDGE, SOURCE, ANONYMOUS, THEIRS, FOREIGN], Dmarc.PASS),
    ("failed", [HOP, said("fail", "fail reason=000"), EDGE, SOURCE, ANONYMOUS], Dmarc.FAIL),
    ("implicitly failed", [HOP, said("none", "fail reason=001"), EDGE, SOURCE, ANONYMOUS], Dmarc.FAIL),
    ("no policy, but SPF or DKIM passed for From", [HOP, said("none", "pass reason=100"), EDGE, SOURCE], Dmarc.PASS),
    ("no policy, guessed", [HOP, said("bestguesspass", "pass reason=109"), EDGE, SOURCE], Dmarc.NONE),
    ("no policy, softly passed", [HOP, said("none", "softpass reason=201"), EDGE, SOURCE], Dmarc.NONE),
    ("a forwarder that our administrator trusts", [HOP, said("fail", "pass reason=130"), EDGE, SOURCE], Dmarc.PASS),
    ("passed for somebody else", [HOP, said("pass", domain="evil.example"), EDGE, SOURCE], Dmarc.NONE),
    ("without Microsoft's other fields", [HOP, PASSED, EDGE], Dmarc.NONE),
    ("with one of them twice", [HOP, PASSED, EDGE, SOURCE, SOURCE], Dmarc.NONE),
    ("a forged one below Microsoft's", [HOP, said("fail", "fail reason=000"), EDGE, SOURCE, FOREIGN, FORGED], Dmarc.FAIL),
    ("a forged one alone, below a foreign server", [HOP, EDGE, SOURCE, FOREIGN, FORGED], Dmarc.NONE),
    ("a forged one alone, directly below the edge", [HOP, EDGE, SOURCE, FORGED], Dmarc.NONE),
    ("one with a name on top", [ar("mx.evil.example; dmarc=pass header.from=acme.example"), HOP, PASSED, EDGE, SOURCE], Dmarc.NONE),
    ("no server at all", [PASSED, SOURCE], Dmarc.NONE),
    ("handled by a foreign server afterwards", [FOREIGN, PASSED, EDGE, SOURCE], Dmarc.NONE),
    ("a name that only looks like Microsoft's", [PASSED, ("Received", "from x by outlook.com.evil.example with SMTP"), SOURCE], Dmarc.NONE),
    ("internal", [HOP, SOURCE, INTERNAL, OURS], Dmarc.PASS),
    ("internal in another tenant", [HOP, SOURCE, INTERNAL, THEIRS], Dmarc.NONE),
    ("our tenant, but anonymous", [HOP, SOURCE, ANONYMOUS, OURS], Dmarc.NONE),
    ("internal, said twice", [HOP, SOURCE, INTERNAL, ANONYMOUS, OURS], Dmarc.NONE),
    ("internal in both tenants", [HOP, SOURCE, INTERNAL, OURS, THEIRS], Dmarc.NONE),
]


@pytest.mark.parametrize(("name", "headers", "wanted"), MICROSOFT, ids=[row[0] for row in MICROSOFT])
def test_microsoft_365(name: str, headers: list[Header], wanted: Dmarc) -> None:
    """Its verdict bears no name: only the topmost counts, above the server that took the mail in, beside fields that it takes out of mail from outside."""
    found = judged(M365, headers)
    assert (found.dmarc, bool(found.because)) == (wanted, True), found.because


def test_internal_needs_our_tenant() -> None:
    """Without a tenant in the profile, or with several authors, nobody is inside."""
    headers = [HOP, SOURCE, INTERNAL, OURS]
    assert judged(a_connector(Provider.MICROSOFT365), headers).dmarc is Dmarc.NONE
    assert judged(M365, headers, from_=("jo@acme.example", "x@evil.example")).dmarc is Dmarc.NONE
    assert judged(a_connector(Provider.GOOGLE, tenant=TENANT), headers).dmarc is Dmarc.NONE


# ---------------------------------------------------------------- Google


def google(dmarc: str, domain: str = "acme.example", more: str = "") -> Header:
    seen = f"mx.google.com; dkim=pass header.i=@{domain} header.s=s1; spf=pass smtp.mailfrom=jo@{domain}"
    return ar(f"{seen};{more} dmarc={dmarc} (p=REJECT dis=NONE) header.from={domain}")


def test_google() -> None:
    """Its servers are known by name without being listed, and the topmost of them counts."""
    gmail = a_connector(Provider.GOOGLE)
    assert judged(gmail, [google("pass")]).dmarc is Dmarc.PASS
    assert judged(gmail, [google("fail"), google("pass")]).dmarc is Dmarc.FAIL
    assert judged(gmail, [ar("mx.evil.example; dmarc=pass header.from=acme.example")]).dmarc is Dmarc.NONE
    assert judged(a_connector(), [google("pass")]).dmarc is Dmarc.NONE


@pytest.mark.parametrize(
    ("kind", "door", "wanted"),
    [("imap", "imap", Dmarc.PASS), ("imap", "smtp", Dmarc.NONE), ("imap", "lmtp", Dmarc.NONE), ("smtp", "smtp", Dmarc.PASS)],
)
def test_a_mailbox_that_is_fetched_is_not_served_at_the_door(kind: str, door: str, wanted: Dmarc) -> None:
    """Who brings a mail for a fetched mailbox to our own door has passed none of its servers, and can write their fields."""
    assert judged(a_connector(Provider.GOOGLE, kind=kind), [google("pass")], door=door).dmarc is wanted


def test_several_mailboxes() -> None:
    """A failure seen by the servers of one mailbox is a failure; else one that passed is enough."""
    mail = a_mail(headers=[google("pass"), ar("mx.demo.example; dmarc=fail")])
    both = (a_connector(Provider.GOOGLE), a_connector(trusted=("mx.demo.example",)))
    assert judge(mail, Envelope("imap"), both).dmarc is Dmarc.FAIL
    assert judge(mail, Envelope("imap"), (both[0], a_connector())).dmarc is Dmarc.PASS
    assert judge(mail, Envelope("imap"), ()).dmarc is Dmarc.NONE


# ---------------------------------------------------------------- trusted forwarders

FORWARDER = "forwarder.example"


def arc_set(instance: int, domain: str, results: str, cv: str = "") -> list[Header]:
    return [
        ("ARC-Seal", f"i={instance}; a=rsa-sha256; t=1; cv={cv or ('none' if instance == 1 else 'pass')}; d={domain}; s=s1; b=abc=="),
        ("ARC-Message-Signature", f"i={instance}; a=rsa-sha256; d={domain}; s=s1; h=from; bh=x; b=y"),
        ("ARC-Authentication-Results", f"i={instance}; mx.{domain}; {results}"),
    ]


SAW = "spf=pass; dmarc=pass (p=reject) header.from=acme.example"
BROKE = ar("mx.demo.example; arc=pass (i=1 dmarc=pass); spf=fail; dmarc=fail header.from=acme.example")
TRUSTING = a_connector(trusted=("mx.demo.example",), trusted_forwarders=(FORWARDER,))

ARC = [
    ("vouched for", [BROKE, *arc_set(1, FORWARDER, SAW)], Dmarc.PASS),
    ("the chain is broken", [ar("mx.demo.example; arc=fail; dmarc=fail"), *arc_set(1, FORWARDER, SAW)], Dmarc.FAIL),
    ("nobody says that the chain is whole", [ar("mx.demo.example; dmarc=fail"), *arc_set(1, FORWARDER, SAW)], Dmarc.FAIL),
    ("an untrusted server says so", [ar("mx.evil.example; arc=pass"), *arc_set(1, FORWARDER, SAW)], Dmarc.NONE),
    ("an untrusted forwarder", [BROKE, *arc_set(1, "evil.example", SAW)], Dmarc.FAIL),
    ("an untrusted one after it", [BROKE, *arc_set(2, "evil.example", SAW), *arc_set(1, FORWARDER, SAW)], Dmarc.FAIL),
    ("a trusted one that saw it fail", [BROKE, *arc_set(2, FORWARDER, SAW.replace("dmarc=pass", "dmarc=fail")), *arc_set(1, "evil.example", SAW)], Dmarc.FAIL),
    ("it saw somebody else", [BROKE, *arc_set(1, FORWARDER, "dmarc=pass header.from=evil.example")], Dmarc.FAIL),
    ("it does not say for whom", [BROKE, *arc_set(1, FORWARDER, "dmarc=pass")], Dmarc.FAIL),
    ("our own servers sealed it as well", [BROKE, *arc_set(2, "demo.example", SAW), *arc_set(1, FORWARDER, SAW)], Dmarc.PASS),
    ("a number twice", [BROKE, *arc_set(1, FORWARDER, SAW), *arc_set(1, "evil.example", SAW)], Dmarc.FAIL),
    ("a number missing", [BROKE, *arc_set(2, FORWARDER, SAW)], Dmarc.FAIL),
    ("a seal that says the chain failed", [BROKE, *arc_set(1, FORWARDER, SAW, cv="fail")], Dmarc.FAIL),
    ("a chain without end", [BROKE, *(one for n in range(1, 80) for one in arc_set(n, FORWARDER, SAW))], Dmarc.FAIL),
    ("numbers that are none", [BROKE, ("ARC-Seal", "i=٣; d=forwarder.example; cv=none"), ("ARC-Seal", f"i={'9' * 5000}")], Dmarc.FAIL),
]


@pytest.mark.parametrize(("name", "headers", "wanted"), ARC, ids=[row[0] for row in ARC])
def test_forwarders(name: str, headers: list[Header], wanted: Dmarc) -> None:
    """RFC 8617: the last foreign seal of a chain that a trusted server found whole is a trusted forwarder's, and it saw DMARC pass for From."""
    assert judged(TRUSTING, headers).dmarc is wanted


def test_google_seals_what_it_takes_in() -> None:
    """Above the forwarder's seal stands Google's own; it is passed over."""
    gmail = a_connector(Provider.GOOGLE, trusted_forwarders=(FORWARDER,))
    headers = [*arc_set(2, "google.com", SAW), google("fail", more=" arc=pass (i=1 dmarc=pass fromdomain=acme.example);"), *arc_set(1, FORWARDER, SAW)]
    assert judged(gmail, headers).dmarc is Dmarc.PASS
    assert judged(a_connector(Provider.GOOGLE), headers).dmarc is Dmarc.FAIL


# ---------------------------------------------------------------- lists of our own

LIST = "all@demo.example"
GROUP = a_connector(Provider.GOOGLE, own_lists=(LIST,))
FROM_LIST = google("pass", domain="demo.example")
KEPT = ("X-Original-From", "Jo Smith <jo@acme.example>")
SEEN = ("X-Original-Authentication-Results", "mx.google.com; dkim=pass; dmarc=pass (p=REJECT) header.from=acme.example")


def saw(server: str, dmarc: str, domain: str) -> Header:
    return ("X-Original-Authentication-Results", f"{server}; dmarc={dmarc} header.from={domain}")


def through_list(
    *headers: Header, connector: Connector = GROUP, reply_to: tuple[str, ...] = (), from_: str = LIST, setup: Setup | None = None
) -> tuple[Mail, Authentication, str]:
    mail = replace(a_mail(from_=from_, to=(LIST,), headers=headers), reply_to=tuple(map(Address, reply_to)))
    found = real_author(mail, Envelope("imap", connector="support"), (connector,), setup or Setup(connectors=(connector,)))
    return found.mail, found.authentication, found.said


LISTS = [
    ("who wrote, and Google saw it", (FROM_LIST, KEPT, SEEN), "jo@acme.example", Dmarc.PASS),
    ("who wrote, and nobody saw it", (FROM_LIST, KEPT), "jo@acme.example", Dmarc.NONE),
    ("Google saw somebody else", (FROM_LIST, KEPT, saw("mx.google.com", "pass", "evil.example")), "jo@acme.example", Dmarc.NONE),
    ("another server says so", (FROM_LIST, KEPT, saw("mx.evil.example", "pass", "acme.example")), "jo@acme.example", Dmarc.NONE),
    ("it failed before", (FROM_LIST, KEPT, saw("mx.google.com", "fail", "acme.example")), "jo@acme.example", Dmarc.FAIL),
    ("said twice", (FROM_LIST, KEPT, SEEN, SEEN), "jo@acme.example", Dmarc.NONE),
    ("two authors kept", (FROM_LIST, KEPT, ("X-Original-From", "x@evil.example"), SEEN), LIST, Dmarc.PASS),
    ("nothing kept", (FROM_LIST,), LIST, Dmarc.PASS),
    ("the list itself failed", (google("fail", domain="demo.example"), KEPT, SEEN), LIST, Dmarc.FAIL),
    ("nobody knows whether it came through the list", (KEPT, SEEN), "jo@acme.example", Dmarc.FAIL),
]


@pytest.mark.parametrize(("name", "headers", "author", "wanted"), LISTS, ids=[row[0] for row in LISTS])
def test_own_lists(name: str, headers: tuple[Header, ...], author: str, wanted: Dmarc) -> None:
    """The person behind a list of ours is the sender, and only Google's own word from before it rewrote the mail vouches for them."""
    mail, known, told = through_list(*headers)
    assert mail.author is not None
    assert (mail.author.key, known.dmarc, bool(told)) == (author, wanted, "failed" not in name or author != LIST)


def test_reply_to_behind_a_list() -> None:
    """Where the list kept nothing else, Reply-To tells the author; it vouches for nobody, and an address of ours is no author."""
    mail, known, told = through_list(FROM_LIST, reply_to=(SUPPORT, "jo@acme.example"))
    assert (mail.from_[0].key, known.dmarc, "Reply-To" in told) == ("jo@acme.example", Dmarc.NONE, True)
    assert through_list(FROM_LIST, reply_to=(LIST,))[0].from_[0].key == LIST


def test_only_lists_of_ours() -> None:
    """Nobody else's list, and no person's mail, is rewritten; without Google nobody vouches."""
    assert through_list(google("pass"), KEPT, SEEN, from_="kim@acme.example")[0].from_[0].key == "kim@acme.example"
    assert through_list(FROM_LIST, KEPT, SEEN, connector=a_connector(Provider.GOOGLE))[0].from_[0].key == LIST
    other = a_connector(trusted=("mx.google.com",), own_lists=(LIST,))
    assert through_list(FROM_LIST, KEPT, SEEN, connector=other)[1].dmarc is Dmarc.NONE


# ---------------------------------------------------------------- nothing that an outsider writes

NAMES = """Authentication-Results ARC-Seal ARC-Authentication-Results ARC-Message-Signature Received X-Original-From X-Original-Authentication-Results
    Authentication-Results-Original Received-SPF X-Google-Group-Id List-Id Reply-To X-MS-Exchange-CrossTenant-id X-MS-Exchange-CrossTenant-AuthAs""".split()
WRITTEN = [PASSED, FORGED, google("pass"), SEEN, KEPT, EDGE, HOP, FOREIGN, OURS, INTERNAL, *arc_set(1, FORWARDER, SAW), *arc_set(2, FORWARDER, SAW)]
VALUES = [*(value for _, value in WRITTEN), BROKE[1].replace("fail", "pass"), "mx.demo.example; dmarc=pass; arc=pass"]
OUTSIDE = st.lists(st.tuples(st.sampled_from(NAMES), st.one_of(st.sampled_from(VALUES), st.text(max_size=60))), max_size=8)

NOTHING_CERTAIN = said("none", "none reason=405")

BEHIND = {
    "microsoft365": (a_connector(Provider.MICROSOFT365, tenant=TENANT, own_lists=(LIST,)), [HOP, NOTHING_CERTAIN, EDGE, SOURCE, ANONYMOUS]),
    "microsoft365, failed": (a_connector(Provider.MICROSOFT365, tenant=TENANT), [HOP, said("fail", "fail reason=000"), EDGE, SOURCE, ANONYMOUS]),
    "google": (a_connector(Provider.GOOGLE, own_lists=(LIST,), trusted_forwarders=(FORWARDER,)), [google("none", more=" arc=none;")]),
    "google, failed": (a_connector(Provider.GOOGLE, trusted_forwarders=(FORWARDER,)), [google("fail", more=" arc=fail;")]),
    "a server of ours": (TRUSTING, [ar("mx.demo.example; arc=none; dmarc=none header.from=acme.example")]),
    "nobody": (a_connector(own_lists=(LIST,), trusted_forwarders=(FORWARDER,)), []),
}
"""Profile, and what its servers write above everything that came with the mail."""


@pytest.mark.parametrize("front", BEHIND)
@given(headers=OUTSIDE, author=st.sampled_from(["jo@acme.example", LIST]), reply_to=st.sampled_from([(), ("jo@acme.example",)]))
@settings(max_examples=150, deadline=None)
def test_nothing_from_outside_vouches(front: str, headers: list[Header], author: str, reply_to: tuple[str, ...]) -> None:
    """Whatever fields a mail brings along, it does not pass where the servers in front of the mailbox did not say so."""
    connector, written = BEHIND[front]
    mail = replace(a_mail(from_=author, headers=[*written, *headers]), reply_to=tuple(map(Address, reply_to)))
    found = real_author(mail, Envelope("imap", connector="support"), (connector,), Setup(connectors=(connector,)))
    assert found.authentication.dmarc is not Dmarc.PASS


@pytest.mark.parametrize("provider", list(Provider))
@given(headers=OUTSIDE)
@settings(max_examples=60, deadline=None)
def test_fetched_mailboxes_at_our_door(provider: Provider, headers: list[Header]) -> None:
    """At our own door, a mail for a mailbox that is fetched elsewhere proves nothing, even with every field of its servers."""
    connector = a_connector(provider, trusted=("mx.demo.example",), tenant=TENANT, trusted_forwarders=(FORWARDER,))
    everything = [HOP, PASSED, EDGE, SOURCE, INTERNAL, OURS, google("pass"), ar("mx.demo.example; dmarc=pass; arc=pass"), *headers]
    assert judged(connector, everything, door="smtp").dmarc is Dmarc.NONE


CHECKS = [
    (None, "dmarc=pass header.from=acme.example", Dmarc.PASS),
    (Authentication(because="no answer"), "dmarc=pass header.from=acme.example", Dmarc.PASS),
    (Authentication(because="no answer"), "dmarc=none", Dmarc.NONE),
    (Authentication(Dmarc.FAIL, "checked"), "dmarc=pass header.from=acme.example", Dmarc.FAIL),
    (Authentication(Dmarc.PASS, "checked"), "dmarc=fail", Dmarc.PASS),
]


@pytest.mark.parametrize(("checked", "results", "wanted"), CHECKS)
def test_what_we_checked_ourselves_goes_first(checked: Authentication | None, results: str, wanted: Dmarc) -> None:
    """Our own finding stands; where there is none, the trusted servers in front are asked, and our sentence is kept if they know nothing either."""
    connector = a_connector(Provider.OWN_MX, trusted=("mx.demo.example",), kind="smtp")
    mail = a_mail(headers=[ar(f"mx.demo.example; {results}")])
    found = real_author(mail, Envelope("smtp"), (connector,), Setup(connectors=(connector,)), checked)
    assert found.authentication.dmarc is wanted
    assert checked is None or wanted is not Dmarc.NONE or found.authentication is checked
