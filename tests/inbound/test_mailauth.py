"""Senders checked by ourselves: SPF, DKIM and DMARC against a DNS server of the test, with mails signed here (profile `own_mx`)."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from core.mail import Envelope
from core.setup import Profile, Provider, Setup
from gateway import checkup
from gateway.inbound.mailauth import authenticate
from gateway.inbound.mailauth import dkim as our_dkim
from gateway.inbound.mailauth.authenticate import Authenticator
from gateway.inbound.mailauth.dns import Lookups, Patience, resolver, server_of
from gateway.inbound.parse import parse
from gateway.routing.authentication import Authentication, Dmarc
from gateway.settings import MailauthSettings
from tests.dns_server import SERVFAIL, SILENT, DnsServer, text

PEER = "198.51.100.7"
OTHER_PEER = "203.0.113.9"
MAIL = (
    b"From: Jo <jo@acme.example>\r\nTo: support@demo.example\r\nSubject: Printer\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n"
    b"Message-ID: <one@acme.example>\r\n\r\nIt does not print.\r\n\r\nJo\r\n"
)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def _record(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return text(f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}")


KEY = rsa.generate_private_key(65537, 2048)
WEAK = rsa.generate_private_key(65537, 1024)
EDWARDS = ed25519.Ed25519PrivateKey.generate()
EDWARDS_PUBLIC = base64.b64encode(EDWARDS.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)).decode()
EDWARDS_PRIVATE = base64.b64encode(EDWARDS.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()))

ZONES = {
    ("acme.example", "TXT"): [text("v=spf1 ip4:198.51.100.0/24 -all")],
    ("_dmarc.acme.example", "TXT"): [text("v=DMARC1; p=reject; sp=quarantine")],
    ("s1._domainkey.acme.example", "TXT"): [_record(KEY)],
    ("s1._domainkey.news.acme.example", "TXT"): [_record(KEY)],
    ("s1._domainkey.other.example", "TXT"): [_record(KEY)],
    ("ed._domainkey.acme.example", "TXT"): [text(f"v=DKIM1; k=ed25519; p={EDWARDS_PUBLIC}")],
    ("other.example", "TXT"): [text("v=spf1 ip4:203.0.113.0/24 -all")],
    ("_dmarc.strict.example", "TXT"): [text("v=DMARC1; p=none; adkim=s; aspf=s")],
    ("strict.example", "TXT"): [text("v=spf1 -all")],
    ("s1._domainkey.mail.strict.example", "TXT"): [_record(KEY)],
}


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    made = DnsServer()
    yield made
    made.close()


@pytest.fixture
def dns(server: DnsServer) -> DnsServer:
    server.zones = dict(ZONES)
    server.asked.clear()
    server.over_tcp = 0
    return server


Judge = Callable[..., Authentication]


@pytest.fixture
def judge(dns: DnsServer, example_setup: Setup) -> Judge:
    """The finding for a mail that came to our own mail exchanger."""
    connectors = tuple(replace(one, profile=Profile(Provider.OWN_MX)) for one in example_setup.connectors)
    setup = replace(example_setup, connectors=connectors)

    def judged(
        raw: bytes = MAIL, *, peer: str = OTHER_PEER, sender: str = "jo@acme.example", door: str = "smtp", seconds: float = 5, most: int = 60
    ) -> Authentication:
        settings = MailauthSettings(resolvers=(dns.address,), timeout=timedelta(seconds=seconds), most_queries=most)
        envelope = Envelope(door, sender, ("support@demo.example",), peer=peer, helo="mx.acme.example")
        found = Authenticator(settings, lambda: setup)(raw, parse(raw), envelope)
        assert found is not None
        return found

    return judged


def signed(raw: bytes = MAIL, domain: str = "acme.example", selector: str = "s1", key: bytes = b"", **more: object) -> bytes:
    values: dict[str, object] = {"canonicalize": (b"relaxed", b"relaxed"), **more}
    return bytes(dkim.sign(raw, selector.encode(), domain.encode(), key or _pem(KEY), **values)) + raw


def from_(address: str) -> bytes:
    return MAIL.replace(b"jo@acme.example", address.encode())


def made_up(domain: bytes) -> bytes:
    """A hundred signatures of as many domains below one."""
    return b"".join(b"DKIM-Signature: v=1; a=rsa-sha256; d=n%d.%s; s=s1; h=from; bh=eA==; b=eA==\r\n" % (number, domain) for number in range(100))


def from_last() -> bytes:
    """Signed, and From is the last field: behind a thousand others it is none of those that are kept."""
    field, _, rest = MAIL.partition(b"\r\n")
    head, _, body = rest.partition(b"\r\n\r\n")
    return signed(head + b"\r\n" + field + b"\r\n\r\n" + body)


# ---------------------------------------------------------------- what DMARC makes of SPF and DKIM

ROWS = [
    ("SPF alone", lambda: MAIL, {"peer": PEER}, Dmarc.PASS, "SPF pass for acme.example"),
    ("DKIM alone", lambda: signed(), {}, Dmarc.PASS, "DKIM pass for acme.example"),
    ("DKIM simple/simple", lambda: signed(canonicalize=(b"simple", b"simple")), {}, Dmarc.PASS, "DKIM pass"),
    ("Ed25519", lambda: signed(selector="ed", key=EDWARDS_PRIVATE, signature_algorithm=b"ed25519-sha256"), {}, Dmarc.PASS, "DKIM pass"),
    ("DKIM of a subdomain", lambda: signed(domain="news.acme.example"), {}, Dmarc.PASS, "DKIM pass for news.acme.example"),
    ("neither", lambda: MAIL, {}, Dmarc.FAIL, "SPF fail for acme.example"),
    ("signed by somebody else", lambda: signed(domain="other.example"), {}, Dmarc.FAIL, "no aligned DKIM"),
    ("SPF of somebody else", lambda: MAIL, {"sender": "x@other.example"}, Dmarc.FAIL, "SPF pass for other.example"),
    ("changed on the way", lambda: signed().replace(b"does not print", b"does print"), {}, Dmarc.FAIL, "DKIM fail"),
    ("changed on the way, but from its server", lambda: signed().replace(b"does not print", b"does print"), {"peer": PEER}, Dmarc.PASS, "SPF pass"),
    ("rsa-sha1", lambda: signed().replace(b"rsa-sha256", b"rsa-sha1"), {}, Dmarc.FAIL, "proves nothing"),
    ("From is not signed", lambda: signed().replace(b"h=from", b"h=fro"), {}, Dmarc.FAIL, "DKIM fail"),
    ("no key there", lambda: signed(selector="gone"), {}, Dmarc.FAIL, "DKIM fail"),
    ("a subdomain of the author", lambda: signed(from_("jo@deep.acme.example")), {"sender": ""}, Dmarc.PASS, "for deep.acme.example"),
    ("no DMARC record", lambda: from_("jo@nothing.example"), {}, Dmarc.NONE, "no DMARC record"),
    ("strict, and only a subdomain signs", lambda: signed(from_("jo@strict.example"), domain="mail.strict.example"), {}, Dmarc.FAIL, "no aligned"),
    ("null sender, by HELO", lambda: MAIL, {"sender": "", "peer": PEER}, Dmarc.FAIL, "SPF none for mx.acme.example"),
    ("several authors", lambda: MAIL.replace(b"<jo@acme.example>", b"<jo@acme.example>, x@other.example"), {"peer": PEER}, Dmarc.NONE, "one author"),
    ("two From fields", lambda: signed(b"From: x@acme.example\r\n" + MAIL), {"peer": PEER}, Dmarc.NONE, "several From"),
    ("two From fields, from elsewhere", lambda: signed(b"From: x@acme.example\r\n" + MAIL), {}, Dmarc.FAIL, "not the same"),
    ("made-up signatures", lambda: made_up(b"a.b.c.d.e.acme.example") + MAIL, {}, Dmarc.FAIL, "DKIM fail for n0.a.b"),
    ("made-up signatures before a good one", lambda: made_up(b"other.example") + signed(), {}, Dmarc.PASS, "DKIM pass"),
    ("a header too long to be verified", lambda: b"X: " + b"y" * 200_000 + b"\r\n" + MAIL, {}, Dmarc.FAIL, "SPF fail"),
    ("a signed header too long to be verified", lambda: signed().replace(b"\r\nFrom:", b"\r\nX: " + b"y" * 200_000 + b"\r\nFrom:"), {}, Dmarc.FAIL, "longer than"),
    ("a From that only we see", lambda: b"X: y\r\nFrom : Boss <boss@acme.example>\r\n" + b"X: y\r\n" * 993 + from_last(), {}, Dmarc.FAIL, "not the same"),
    ("from inside", lambda: MAIL, {"peer": "127.0.0.1"}, Dmarc.NONE, "where the mail first comes in"),
    ("from a mailbox", lambda: MAIL, {"door": "imap", "peer": PEER}, Dmarc.NONE, "where the mail first comes in"),
    ("from inside, signed", lambda: signed(), {"peer": "10.1.2.3"}, Dmarc.PASS, "DKIM pass"),
    ("IPv6 that is an IPv4", lambda: MAIL, {"peer": f"::ffff:{PEER}"}, Dmarc.PASS, "SPF pass"),
]


@pytest.mark.parametrize(("name", "raw", "came", "wanted", "said"), ROWS, ids=[row[0] for row in ROWS])
def test_judged(judge: Judge, name: str, raw: Callable[[], bytes], came: dict[str, str], wanted: Dmarc, said: str) -> None:
    """RFC 9989 section 5.3: one aligned pass is enough, a failure needs every way to fail, and the trace says what was seen."""
    found = judge(raw(), **came)
    assert (found.dmarc, said in found.because) == (wanted, True), found.because


def test_text_behind_the_signed_length(judge: Judge) -> None:
    """RFC 6376 section 8.2: with `l=` only the beginning is signed; text added behind it may be anybody's."""
    whole = signed(length=True)
    assert judge(whole).dmarc is Dmarc.PASS
    found = judge(whole + b"Send the money to mallory.\r\n")
    assert (found.dmarc, "only a part" in found.because) == (Dmarc.FAIL, True)


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ([_record(WEAK)], Dmarc.PASS),
        (['"v=DKIM1; k=rsa; p="'], Dmarc.FAIL),
        (['"v=DKIM1; k=rsa; p=AAAA"'], Dmarc.FAIL),
        (['"nonsense"'], Dmarc.FAIL),
        ([_record(WEAK), _record(KEY)], Dmarc.FAIL),
    ],
    ids=["1024 bits", "revoked", "no key", "no record", "two keys"],
)
def test_keys(judge: Judge, dns: DnsServer, record: list[str], wanted: Dmarc) -> None:
    """RFC 8301: 1024 bits are the least; revoked, broken and ambiguous keys verify nothing."""
    dns.zones["weak._domainkey.acme.example", "TXT"] = record
    assert judge(signed(selector="weak", key=_pem(WEAK))).dmarc is wanted


def test_a_key_that_takes_long_to_calculate_with(dns: DnsServer) -> None:
    """A hostile key with a huge modulus or exponent is not used at all."""
    for bits, exponent in ((512, 65537), (16_384, 65537), (2048, 2**2000 + 1)):
        numbers = bytes_of_key(2 ** (bits - 1) + 1, exponent)
        assert not our_dkim._is_sane(b"v=DKIM1; p=" + base64.b64encode(numbers))


def bytes_of_key(modulus: int, exponent: int) -> bytes:
    """A SubjectPublicKeyInfo by hand: libraries refuse to make such keys."""

    def der(tag: int, content: bytes) -> bytes:
        size = len(content)
        length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
        return bytes([tag]) + length + content

    def number(value: int) -> bytes:
        return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))

    algorithm = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    return der(0x30, algorithm + der(3, b"\0" + der(0x30, number(modulus) + number(exponent))))


# ---------------------------------------------------------------- trouble with the DNS


@pytest.mark.parametrize("trouble", [SERVFAIL, SILENT])
@pytest.mark.parametrize("name", ["_dmarc.acme.example", "s1._domainkey.acme.example", "acme.example"])
def test_trouble_is_no_failure(judge: Judge, dns: DnsServer, name: str, trouble: str) -> None:
    """Where the DNS does not answer nothing is known: never a failure, never an exception, and no longer than the patience given."""
    dns.zones[name, "TXT"] = trouble
    began = time.monotonic()
    found = judge(signed().replace(b"print", b"smoke"), seconds=0.6)
    assert (found.dmarc, time.monotonic() - began < 2) == (Dmarc.NONE, True), found.because


def test_trouble_beside_a_pass(judge: Judge, dns: DnsServer) -> None:
    """What passes, passes: SPF may be silent where DKIM is aligned."""
    dns.zones["acme.example", "TXT"] = SERVFAIL
    assert judge(signed()).dmarc is Dmarc.PASS


def test_no_server_at_all(example_setup: Setup) -> None:
    """A DNS server that is not there is trouble, and the mail goes on."""
    setup = replace(example_setup, connectors=tuple(replace(one, profile=Profile(Provider.OWN_MX)) for one in example_setup.connectors))
    settings = MailauthSettings(resolvers=("127.0.0.1:1",), timeout=timedelta(seconds=0.3))
    found = Authenticator(settings, lambda: setup)(MAIL, parse(MAIL), Envelope("smtp", "jo@acme.example", ("support@demo.example",), peer=PEER))
    assert found is not None
    assert (found.dmarc, "could not be checked" in found.because) == (Dmarc.NONE, True)


def test_a_hundred_lookups(judge: Judge, dns: DnsServer) -> None:
    """RFC 7208 section 4.6.4: SPF records that include a hundred others are wrong, and cost ten questions."""
    dns.zones["acme.example", "TXT"] = [text("v=spf1 " + " ".join(f"include:s{n}.acme.example" for n in range(100)) + " -all")]
    for n in range(100):
        dns.zones[f"s{n}.acme.example", "TXT"] = [text("v=spf1 ip4:192.0.2.1 -all")]
    found = judge(peer=PEER)
    assert (found.dmarc, "SPF permerror" in found.because) == (Dmarc.FAIL, True), found.because
    assert len(dns.asked) < 20


def test_names_without_records(judge: Judge, dns: DnsServer) -> None:
    """RFC 7208 section 4.6.4: more than two void lookups are an error."""
    dns.zones["acme.example", "TXT"] = [text("v=spf1 a:n1.acme.example a:n2.acme.example a:n3.acme.example ip4:198.51.100.0/24 -all")]
    assert "SPF permerror" in judge(peer=PEER).because


def test_a_chain_without_end(judge: Judge, dns: DnsServer) -> None:
    """Records that lead in a circle end, whatever they are."""
    dns.zones["acme.example", "TXT"] = [text("v=spf1 redirect=acme.example")]
    assert judge(peer=PEER).dmarc is Dmarc.FAIL
    dns.zones["acme.example", "TXT"] = [text("v=spf1 exists:%{l1r-}.%{d}.acme.example -all")]
    assert judge(peer=PEER, sender=f"{'a-' * 400}@acme.example").dmarc is Dmarc.FAIL


def test_more_questions_than_one_mail_may_ask(judge: Judge, dns: DnsServer) -> None:
    """The questions of one mail are counted, and beyond the most nothing is known."""
    found = judge(signed().replace(b"print", b"smoke"), most=1)
    assert (found.dmarc, len(dns.asked)) == (Dmarc.NONE, 1)


def test_each_question_is_asked_once(judge: Judge, dns: DnsServer) -> None:
    """Answers are kept for the mail."""
    judge(signed(domain="news.acme.example"))
    assert len(dns.asked) == len(set(dns.asked))


def test_huge_records(judge: Judge, dns: DnsServer) -> None:
    """A record too large for UDP comes over TCP; one of sixty thousand bytes is none that we look for."""
    filler = " ".join(f"ip4:192.0.2.{n}" for n in range(60))
    dns.zones["acme.example", "TXT"] = [text(f"v=spf1 {filler} ip4:198.51.100.0/24 -all")]
    assert judge(peer=PEER).dmarc is Dmarc.PASS
    assert dns.over_tcp
    dns.zones["acme.example", "TXT"] = [text("v=spf1 " + "x" * 60_000)]
    assert "SPF none" in judge(peer=PEER).because


def test_wildcards(judge: Judge, dns: DnsServer) -> None:
    """A wildcard that answers everything with something else is neither policy nor key; two policies are none."""
    dns.zones["*.wild.example", "TXT"] = [text("v=spf1 -all"), text("google-site-verification=abc")]
    assert judge(signed(from_("jo@wild.example"), domain="wild.example")).dmarc is Dmarc.NONE
    dns.zones["_dmarc.acme.example", "TXT"] = [text("v=DMARC1; p=none"), text("v=DMARC1; p=reject")]
    assert "no DMARC record" in judge(signed()).because


def test_servers_as_written() -> None:
    """DNS servers stand in the settings as addresses, with a port or without."""
    written = ("192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353")
    assert [server_of(one) for one in written] == [("192.0.2.1", 53), ("192.0.2.1", 5353), ("2001:db8::1", 53), ("2001:db8::1", 5353)]
    with pytest.raises(ValueError, match="does not appear"):
        server_of("dns.example")


# ---------------------------------------------------------------- hostile mails


SIGNATURE = b"DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; s=s1; h=from; bh=eA==; b=eA==\r\n"

HOSTILE = [
    ("a line of blanks", lambda: signed() + b" " * 3_000_000 + b"x\r\n"),
    ("a header of folds", lambda: SIGNATURE + b"X: y\r\n" + b" \r\n" * 2_000_000 + MAIL),
    ("nine hundred signatures", lambda: SIGNATURE * 900 + MAIL),
    ("a signature of blanks", lambda: SIGNATURE.replace(b"b=eA==", b"b=" + b" " * 3_500 + b"!") + MAIL),
    ("many signed fields", lambda: SIGNATURE.replace(b"h=from", b"h=from:" + b":".join(b"x%d" % n for n in range(600))) + MAIL),
    ("empty lines", lambda: signed().replace(b"print", b"smoke") + b"\r\n" * 900_000),
    ("not a header", lambda: b" folded first\r\n" + signed()),
    ("bytes", lambda: b"DKIM-Signature: \xff\xfe; d=\xff; a=\x00\r\n" + MAIL),
]


@pytest.mark.parametrize(("name", "raw"), HOSTILE, ids=[row[0] for row in HOSTILE])
def test_hostile_mails_cost_little(dns: DnsServer, name: str, raw: Callable[[], bytes]) -> None:
    """Nothing that a mail carries makes checking it slow, or raises."""
    made = raw()
    began = time.monotonic()
    lookups = Lookups(resolver((dns.address,)), 5, 60)
    found = authenticate._weighed(made, parse(MAIL).from_, Envelope("smtp", "x@elsewhere.example", peer=OTHER_PEER), lookups)
    assert (found.dmarc is not Dmarc.PASS, time.monotonic() - began < 3) == (True, True), found.because


def test_a_fault_of_ours_is_no_verdict(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks in the check, the mail goes on and the trace says so."""

    def broken(*arguments: object, **more: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(authenticate, "_weighed", broken)
    found = judge()
    assert (found.dmarc, "a fault of ours" in found.because) == (Dmarc.NONE, True)


# ---------------------------------------------------------------- who asks


def test_only_where_nobody_stands_in_front(example_setup: Setup) -> None:
    """Connectors that do not say `own_mx` cause no question to the DNS."""
    ask = Authenticator(MailauthSettings(resolvers=("127.0.0.1:1",)), lambda: example_setup)
    assert ask(MAIL, parse(MAIL), Envelope("smtp", "x@y.example", ("support@demo.example",))) is None


def test_without_the_extra(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the libraries are not installed nothing is known, and the sentence says what to install."""
    monkeypatch.setattr(authenticate, "LIBRARIES", ("no_such_library",))
    found = judge()
    assert (found.dmarc, "guichet[mailauth]" in found.because) == (Dmarc.NONE, True)


def test_the_check_command_tells_what_is_missing(example_setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """`guichet check` warns where senders should be checked and cannot be; it says nothing where nobody asked for it."""
    assert list(checkup.senders(example_setup)) == []
    own = replace(example_setup, connectors=tuple(replace(one, profile=Profile(Provider.OWN_MX)) for one in example_setup.connectors))
    assert [one.level for one in checkup.senders(own)] == [checkup.Level.FINE]
    monkeypatch.setattr(authenticate, "LIBRARIES", ("no_such_library",))
    (found,) = checkup.senders(own)
    assert (found.level, "guichet[mailauth]" in found.sentence, "support, claims" in found.sentence) == (checkup.Level.WARNING, True, True)


def test_servers_that_never_answer_do_not_stop_all_reading() -> None:
    """A flood of mails from domains without a DNS leaves each of them a second; it is as before after a while."""
    now = [0.0]
    patience = Patience(10.0, lambda: now[0])
    waits = []
    for _ in range(20):
        waits.append(patience.seconds)
        patience.waited(patience.seconds)
    assert waits[0] == 10.0
    assert waits[-1] == pytest.approx(1.0)
    now[0] += 300
    assert patience.seconds == 10.0
    for _ in range(1_000):
        patience.waited(0.2)
    assert patience.seconds == 10.0, "who answers at once costs nothing"
