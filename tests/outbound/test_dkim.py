"""DKIM signatures: they verify for others, cover what must not be changed, and a key that cannot be used never stops a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.alarms import AlarmKind
from core.mail import Address
from core.outbox import Purpose, Recipient
from core.setup import DkimKey, Setup
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.outbound.bodies import File
from gateway.outbound.compose import seal
from gateway.outbound.dkim import KEY_FRESH_SECONDS, Signer, SigningAlarm, domain_of_author, relaxed, signed
from gateway.outbound.dkim_key import ED25519, RSA, DkimTrouble, PrivateKey, difference, new_key, pieces
from gateway.secrets import Secrets, SecretTrouble
from gateway.store import alarms
from gateway.store.engine import Database
from tests.conftest import missing
from tests.dns_server import DnsServer, text
from tests.outbound.dkim_verifiers import by_dkimpy, by_perl, ed25519_by_hand, perl_missing
from tests.outbound.drafts import NOW, House, Way, make_draft, make_message, with_connector
from tests.postfix import Postfix, missing_reason, wait_for

PEM = {kind: new_key(kind) for kind in (RSA, ED25519)}
KEYS = {kind: PrivateKey(pem) for kind, pem in PEM.items()}
BOTH = (DkimKey("demo.example", "r1", RSA), DkimKey("demo.example", "e1", ED25519))
HEAD = (
    b"From: Ann <ann@demo.example>\r\nTo: carl@acme.example\r\nSubject: Hello\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n"
    b"Message-ID: <1@demo.example>\r\nMIME-Version: 1.0\r\n"
)
PAIRS = [(key, KEYS[key.secret]) for key in BOTH]


@pytest.fixture(scope="module")
def dns() -> Iterator[DnsServer]:
    """A DNS that holds both records."""
    made = DnsServer({(f"{key.selector}._domainkey.demo.example", "TXT"): [text(KEYS[key.secret].record)] for key in BOTH})
    yield made
    made.close()


def _verified(raw: bytes, dns: DnsServer) -> None:
    assert by_dkimpy(raw, dns.port) == [True, True]
    assert ed25519_by_hand(raw, KEYS[ED25519].public)
    if not perl_missing():
        assert by_perl(raw, dns.port)[0] == "rsa-sha256 r1 pass"


def _file(name: str, content: bytes) -> File:
    return File(name, "application/octet-stream", content, "")


MAILS: dict[str, dict[str, Any]] = {
    "plain": {"text": "Hello.\n"},
    "8-bit": {"text": "Grüße, ça va, 你好, \U0001f600\n" * 40},
    "long lines": {"text": "word " * 5_000 + "\n" + "x" * 3_000},
    "dots at line start": {"text": ".\n..\n.hidden\n\n.\n"},
    "folded headers": {"subject": "Re: " + "a long word and ünother " * 30, "references": tuple(f"{n}.{'x' * 60}@acme.example" for n in range(20))},
    "empty body": {"text": ""},
    "blank lines at the end": {"text": "a\n \n\t\n\n\n   \n"},
    "blanks in lines": {"text": "  a \t b  \n\tindented\t\n" + " " * 20_000 + "x\n"},
    "html": {"text": "Hello", "html": "<p>Hello <b>you</b></p>"},
    "many recipients": {"recipients": tuple(Recipient(Address(f"p{n}@acme.example", "Zoë Müller"), ("to", "cc", "bcc")[n % 3]) for n in range(60))},
    "automatic": {"purpose": Purpose.ACKNOWLEDGEMENT, "author": ""},
}


@pytest.mark.parametrize("name", MAILS)
def test_what_we_compose_verifies(name: str, dns: DnsServer, example_setup: Setup, keys: Keys) -> None:
    """Both fields verify, by dkimpy and by Mail::DKIM, for every kind of body and header that we compose."""
    raw = seal(make_draft(**MAILS[name]), example_setup.connectors[0], example_setup, keys, ref="101203-T").bytes
    _verified(signed(raw, PAIRS).encode() + raw, dns)


def test_attachments_verify(dns: DnsServer, example_setup: Setup, keys: Keys) -> None:
    """Files of any bytes, with names that need encoding."""
    files = (_file("Füße.bin", bytes(range(256)) * 500), _file("empty", b""), _file("crlf.txt", b"\r\n" * 500))
    raw = seal(make_draft(), example_setup.connectors[0], example_setup, keys, ref="101203-T", files=files).bytes
    _verified(signed(raw, PAIRS).encode() + raw, dns)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400).map(lambda found: re.sub(rb"\r\n|\r|\n", b"\r\n", found)))
def test_any_body_verifies(dns: DnsServer, body: bytes) -> None:
    """Whatever bytes a body holds (lines end with CRLF), the signature is over what a receiver sees; SMTP ends the last line if we did not."""
    raw = HEAD + b"Content-Type: text/plain\r\n\r\n" + body
    arrived = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    assert by_dkimpy(signed(raw, PAIRS).encode() + arrived, dns.port) == [True, True]


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"\n", b"\r", b"a", b".", b"\xff"]), max_size=60).map(b"".join))
def test_the_canonical_body_is_that_of_the_library(body: bytes) -> None:
    """RFC 6376 section 3.4.4, made in linear time: the same as dkimpy makes of the mail as it arrives, which ends with CRLF."""
    import dkim
    from dkim.canonicalization import Relaxed

    arrived = body if body.endswith(b"\n") or not body else body + b"\r\n"
    assert relaxed(body) == Relaxed.canonicalize_body(dkim.rfc822_parse(HEAD + b"\r\n" + arrived)[1])


def test_a_second_opinion_is_there_where_the_servers_are() -> None:
    """Mail::DKIM is asked in the tests above; without it this one says so."""
    if perl_missing():
        missing(perl_missing())


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"Subject: Hello", b"Subject: Goodbye"),
        (b"Subject: Hello", b"Subject: Hello\r\nSubject: Another"),
        (b"From: Ann", b"From: boss@demo.example\r\nFrom: Ann"),
        (b"To: carl@acme.example", b"To: eve@evil.example"),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.0\r\nReply-To: eve@evil.example"),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.0\r\nCc: eve@evil.example"),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.0\r\nContent-Type: text/html"),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.0\r\nIn-Reply-To: <2@evil.example>"),
        (b"1@demo.example", b"2@demo.example"),
        (b"the body", b"the bodY"),
        (b"the body\r\n", b"the body\r\nand more\r\n"),
    ],
)
def test_nothing_that_counts_can_be_changed_or_added(was: bytes, becomes: bytes, dns: DnsServer) -> None:
    """Changing, doubling or adding a field that people or programs read breaks both signatures; nothing is left unsigned at the end."""
    raw = HEAD + b"\r\nthe body\r\n"
    whole = signed(raw, PAIRS).encode() + raw
    assert by_dkimpy(whole, dns.port) == [True, True]
    spoiled = whole.replace(was, becomes, 1)
    assert spoiled != whole and by_dkimpy(spoiled, dns.port) == [False, False] and not ed25519_by_hand(spoiled, KEYS[ED25519].public)


def test_a_mailing_list_may_add_its_fields(dns: DnsServer) -> None:
    """Fields of lists and servers on the way do not break it."""
    raw = HEAD + b"\r\nthe body\r\n"
    _verified(b"Received: from a by b\r\nList-Id: <l.example>\r\n" + signed(raw, PAIRS).encode() + raw, dns)


def test_the_same_mail_gets_the_same_signature() -> None:
    """No time and no chance is in it, nor a length that would leave room for more text."""
    raw = HEAD + b"\r\nthe body\r\n"
    one = signed(raw, PAIRS)
    assert one == signed(raw, [(key, PrivateKey(PEM[key.secret])) for key in BOTH])
    tags = re.findall(r"[; ]([a-z]+)=", one.replace("\r\n", ""))
    assert set(tags) == {"v", "a", "c", "d", "s", "h", "bh", "b"}
    assert one.endswith("\r\n") and all(len(line) < 80 for line in one.split("\r\n"))


@pytest.mark.parametrize(
    ("field", "domain"),
    [
        ("From: Ann <ann@Demo.Example>", "demo.example"),
        ("From: \"Ann @ other.example\"\r\n <ann@demo.example>", "demo.example"),
        ("from: ann@bücher.example", "xn--bcher-kva.example"),
        ("From: a@one.example, b@two.example", ""),
        ("From: a@one.example\r\nFrom: b@two.example", ""),
        ("From: nobody", ""),
        ("Subject: From: a@one.example", ""),
    ],
)
def test_the_domain_is_that_of_the_one_author(field: str, domain: str) -> None:
    """The domain in From decides; two authors or none: nobody's key."""
    assert domain_of_author(f"To: x@y.example\r\n{field}\r\n\r\nFrom: c@body.example\r\n".encode()) == domain


class _Store:
    """A secret store as a table, that counts."""

    def __init__(self, **values: str) -> None:
        self.values, self.asked = values, 0

    def __call__(self, name: str) -> str:
        self.asked += 1
        if name not in self.values:
            raise SecretTrouble(f"There is no secret “{name}”.")
        return self.values[name]


def _setup(setup: Setup, *keys: DkimKey) -> Setup:
    return replace(setup, dkim_keys=keys)


def test_only_enabled_keys_of_the_authors_domain_sign(example_setup: Setup) -> None:
    """Disabled ones and those of other domains do not; without any the secret store is not even asked."""
    store, raw = _Store(**PEM), HEAD + b"\r\nbody\r\n"
    signer = Signer(store)
    off, other = replace(BOTH[0], enabled=False), replace(BOTH[0], domain="other.example")
    assert signer(_setup(example_setup, off, other), make_message(), raw) == "" and store.asked == 0
    assert signer(_setup(example_setup, off, other, BOTH[1]), make_message(), raw).count("DKIM-Signature:") == 1
    assert signer(_setup(example_setup, *BOTH), make_message(), raw).count("DKIM-Signature:") == 2


def test_keys_are_kept_for_a_while(example_setup: Setup) -> None:
    """The store is asked once in half a minute, and a key that was replaced is used then."""
    now = [0.0]
    store, raw = _Store(**PEM), HEAD + b"\r\nbody\r\n"
    signer = Signer(store, monotonic=lambda: now[0])
    setup = _setup(example_setup, BOTH[1])
    first = [signer(setup, make_message(), raw) for _ in range(5)]
    assert len(set(first)) == 1 and store.asked == 1
    store.values[ED25519] = new_key(ED25519)
    now[0] += KEY_FRESH_SECONDS
    assert signer(setup, make_message(), raw) not in ("", first[0]) and store.asked == 2


@pytest.mark.parametrize("broken", [None, "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_key_that_cannot_be_used_stops_nothing(broken: str | None, example_setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    """The other key goes on signing, the error is logged and told once, the words hold nothing of the secret, and mended it is told as over."""
    now, told = [0.0], list[tuple[str, str]]()
    store = _Store(**{ED25519: PEM[ED25519]}, **({} if broken is None else {RSA: broken}))
    signer, raw = Signer(store, lambda domain, trouble: told.append((domain, trouble)), lambda: now[0]), HEAD + b"\r\nbody\r\n"
    setup = _setup(example_setup, *BOTH)
    for _ in range(3):
        assert signer(setup, make_message(), raw).count("DKIM-Signature:") == 1
    assert [record.levelname for record in caplog.records if record.message == "dkim_key_unusable"] == ["ERROR"]
    assert len(told) == 1 and told[0][0] == "demo.example" and "r1" in told[0][1] and "AAAA" not in caplog.text + told[0][1]
    store.values[RSA] = PEM[RSA]
    now[0] += KEY_FRESH_SECONDS
    assert signer(setup, make_message(), raw).count("DKIM-Signature:") == 2 and told[1:] == [("demo.example", "")]


def test_a_mail_leaves_unsigned_and_administrators_hear_of_it(
    database: Database, example_setup: Setup, keys: Keys, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With its only key gone the mail is sent all the same; one alarm lasts until the key is there again."""
    house = House(database, _setup(example_setup, DkimKey("demo.example", "r1", "gone")), keys, clock)
    house.item()
    now, secrets = [0.0], Secrets(database, keys, clock)
    signer = Signer(secrets, SigningAlarm(database, house.setups, house.apply, clock), lambda: now[0])
    way = Way()
    dispatcher = house.dispatcher(way, sign=signer)
    house.queue("d1")
    dispatcher.run_due(1)
    assert house.state("d1") == "sent" and b"DKIM-Signature" not in way.given[0].data
    with database.read() as connection:
        assert [one.alarm.kind for one in alarms.lasting(connection).values()] == [AlarmKind.DKIM]
    secrets.set("gone", PEM[RSA], "root@demo.example")
    now[0] += KEY_FRESH_SECONDS
    house.queue("d2")
    dispatcher.run_due(5)
    dispatcher.close()
    assert any(one.id == "d2" and one.data.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;") for one in way.given)
    with database.read() as connection:
        assert alarms.lasting(connection) == {}


def test_a_repeat_says_the_same_bytes(house: House, example_setup: Setup) -> None:
    """The signature is made once and kept: a second try, even after the key was changed, sends exactly what the first one sent."""
    from core.outbox import Outcome

    store = _Store(**PEM)
    house.save(_setup(example_setup, *BOTH))
    house.item()
    house.queue()
    way = Way(Outcome.TEMPORARY, Outcome.ACCEPTED)
    house.dispatcher(way, sign=Signer(store)).run_due(1)
    store.values = {RSA: new_key(RSA)}
    house.clock.set(house.get().due_at)
    house.dispatcher(way, holder="host/2/b", sign=Signer(store)).run_due(1)
    assert house.state() == "sent" and len(way.given) == 2
    assert way.given[0].data == way.given[1].data and way.given[0].data.count(b"DKIM-Signature:") == 2


def test_it_verifies_after_a_real_server(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock, dns: DnsServer) -> None:
    """Through our SMTP dialogue (dots doubled) and Postfix: both verifiers say pass for what lies in the mailbox."""
    if missing_reason():
        missing(missing_reason())
    with Postfix() as postfix:
        outgoing = {"kind": "smtp", "host": "127.0.0.1", "port": postfix.port, "security": "none"}
        house = House(database, _setup(with_connector(example_setup, outgoing=outgoing), *BOTH), keys, clock)
        house.item()
        body = "Grüße\n.\n..two dots\n" + "long line " * 200 + "\n \n\n"
        house.queue(recipients=(Recipient(Address("carl@mailbox.example", "Zoë")),), text=body, subject="Déjà vu " * 20)
        dispatcher = house.dispatcher(sign=Signer(_Store(**PEM)))
        dispatcher.run_due(1)
        dispatcher.close()
        (raw,) = wait_for(postfix.raw_mails, what="the mail")
    _verified(re.sub(rb"\r?\n", b"\r\n", raw), dns)


@pytest.mark.parametrize("kind", [RSA, ED25519])
def test_the_record_fits_the_key(kind: str) -> None:
    """Our own record is taken as it is written, also cut, padded and with other tags; any other is told apart in words."""
    key, other = KEYS[kind], PrivateKey(new_key(kind))
    assert "".join(pieces(key.record)) == key.record and all(len(one) <= 255 for one in pieces(key.record))
    fits = [key.record, f" p = {key.public[:20]} {key.public[20:]} ; k={kind}", f"v=DKIM1;t=y;n=note;k={kind};s=email;h=sha256:sha1;p={key.public}"]
    assert [difference(one, key) for one in fits] == ["", "", ""]
    wrong = [
        (other.record, "another key"),
        (f"v=DKIM1; k={kind}; p=", "revoked"),
        (f"v=DKIM2; k={kind}; p={key.public}", "version"),
        (f"k={'rsa' if kind == ED25519 else 'ed25519'}; p={key.public}", "kind"),
        (f"k={kind}; s=tlsrpt; p={key.public}", "not for e-mail"),
        (f"k={kind}; h=sha1; p={key.public}", "sha256"),
    ]
    assert [words in difference(record, key) for record, words in wrong] == [True] * len(wrong)


@pytest.mark.parametrize("pem", ["", "x", PEM[RSA].replace("A", "B", 40), "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"])
def test_what_is_no_key_is_said_without_showing_it(pem: str) -> None:
    """A sentence, without the text."""
    with pytest.raises(DkimTrouble) as trouble:
        PrivateKey(pem)
    assert len(str(trouble.value)) < 100 and (not pem or pem[30:60] not in str(trouble.value) or not pem[30:60])


def test_keys_of_other_kinds_and_sizes_are_refused() -> None:
    """RFC 8301: RSA from 1024 to 4096 bits; an elliptic curve that DKIM does not know is none."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    def pem(key: Any, form: Any = PrivateFormat.PKCS8) -> str:
        return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode())

    with pytest.raises(DkimTrouble, match="neither"):
        PrivateKey(pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(DkimTrouble, match="4096"):
        PrivateKey(pem(rsa.generate_private_key(65_537, 4_104)))
    assert PrivateKey(pem(rsa.generate_private_key(65_537, 1_024), PrivateFormat.TraditionalOpenSSL)).kind == RSA


def test_the_date_of_the_mail_is_signed_as_it_was_composed(example_setup: Setup, keys: Keys) -> None:
    """Composing the same draft again gives bytes that the stored signature fits."""
    one, two = (seal(make_draft(due_at=NOW), example_setup.connectors[0], example_setup, keys, ref="101203-T").bytes for _ in range(2))
    assert one == two and signed(one, PAIRS) == signed(two, PAIRS)
