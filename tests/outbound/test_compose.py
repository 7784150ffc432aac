"""Whole mails as they leave: threading, reference, Reply-To, automatic headers, determinism, and what cannot be injected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.mail import Address, Importance
from core.outbox import Purpose, Recipient
from core.setup import Connector, PlusMode, Setup
from gateway.keys import Keys
from gateway.outbound.bodies import File
from gateway.outbound.compose import references, seal, subject_with_reference
from tests.outbound.drafts import REF, make_draft

GOLDEN = Path(__file__).parent / "golden"
KEYS = Keys((b"k" * 32,))
SUPPORT = Connector("c-support", "support", "support@demo.example", plus_addressing=PlusMode.MIXED, plus_proved=True)


def sealed(setup: Setup, ref: str = REF, *, plus: bool = False, **more: Any) -> tuple[Message, Any]:
    connector = replace(setup.connector_named["support"], plus_addressing=PlusMode.MIXED if plus else PlusMode.OFF, plus_proved=plus)
    made = seal(make_draft(**more), connector, setup, KEYS, ref=ref)
    return message_from_bytes(made.bytes), made


def test_an_answer(example_setup: Setup) -> None:
    """Everything a person's mail carries (contract section 6)."""
    people = (
        Recipient(Address("carl@acme.example", "Carl Çustomer")),
        Recipient(Address("dora@acme.example"), "cc"),
        Recipient(Address("boss@demo.example"), "bcc"),
    )
    mail, made = sealed(
        example_setup,
        recipients=people,
        subject="Re: Écran",
        text="Bonjour,\nça marche.",
        html="<p>Ça marche.</p>",
        in_reply_to="q2@acme.example",
        references=("q1@acme.example", "q2@acme.example"),
        importance=Importance.HIGH,
    )
    assert mail["Date"] == "Mon, 02 Mar 2026 09:00:00 +0000"
    assert mail["From"] == "Ann Agent <support@demo.example>"
    assert str(make_header(decode_header(mail["To"]))) == "Carl Çustomer <carl@acme.example>"
    assert mail["Cc"] == "dora@acme.example"
    assert mail["Bcc"] is None and b"boss@demo.example" not in made.bytes
    assert str(make_header(decode_header(mail["Subject"]))) == made.subject == f"Re: [{REF}] Écran"
    assert mail["Message-ID"] == f"<{made.message_id}>"
    assert KEYS.verified_message_id(made.message_id) == "d1"
    assert mail["In-Reply-To"] == "<q2@acme.example>"
    assert mail["References"].split() == ["<q1@acme.example>", "<q2@acme.example>"]
    assert mail["Reply-To"] is None and mail["Auto-Submitted"] is None
    assert mail["Importance"] == "high"
    assert made.envelope_from == "support@demo.example"
    text, html = mail.get_payload()  # type: ignore[misc]
    assert text.get_payload(decode=True).decode() == "Bonjour,\r\nça marche.\r\n"  # type: ignore[union-attr]
    assert html.get_content_type() == "text/html"  # type: ignore[union-attr]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_acknowledgement_is_the_same_bytes_for_ever(example_setup: Setup, language: str) -> None:
    """The same draft gives the same bytes: golden file. (Changed on purpose? Delete the file and run the test twice.)"""
    _, made = sealed(
        example_setup,
        plus=True,
        purpose=Purpose.ACKNOWLEDGEMENT,
        from_=Address("support@demo.example", "Demo desk"),
        author="",
        language=language,
        facts={"subject": "Écran cassé"},
        in_reply_to="q1@acme.example",
    )
    file = GOLDEN / f"acknowledgement.{language}.eml"
    if not file.exists():
        GOLDEN.mkdir(exist_ok=True)
        file.write_bytes(made.bytes)
        pytest.fail(f"{file} was not there and has been written; look at it")
    assert made.bytes == file.read_bytes()


def test_automatic_mail_says_so(example_setup: Setup) -> None:
    """RFC 3834, contract section 6: Auto-Submitted, X-Auto-Response-Suppress, the null sender."""
    for purpose, word in ((Purpose.ACKNOWLEDGEMENT, "auto-replied"), (Purpose.NO_ANSWER, "auto-generated"), (Purpose.SEND_FAILED, "auto-generated")):
        mail, made = sealed(example_setup, purpose=purpose)
        assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"], made.envelope_from) == (word, "All", "")
        assert REF in mail["Subject"] and made.text.strip()


def test_a_stranger_gets_a_neutral_subject(example_setup: Setup) -> None:
    """decisions.md 9: without facts["subject"] none of the sender's words are in the mail."""
    mail, made = sealed(example_setup, purpose=Purpose.ACKNOWLEDGEMENT, subject="Buy pills")
    assert mail["Subject"] == f"[{REF}] We have received your message"
    assert b"pills" not in made.bytes


def test_a_signed_reply_address(example_setup: Setup) -> None:
    """Where the connector has plus-addresses, answers and bounces come back to one that we signed; where it has none, to the sender."""
    mail, made = sealed(example_setup, plus=True)
    tag = made.envelope_from.partition("+")[2].partition("@")[0]
    assert KEYS.verified_reply_tag(tag) == REF
    assert made.envelope_from in mail["Reply-To"]
    assert sealed(example_setup, plus=True, ref="")[1].envelope_from == "support@demo.example"
    long = "l" * 40 + "@demo.example"
    made = seal(make_draft(from_=Address(long)), replace(SUPPORT, address=long), example_setup, KEYS, ref=REF)
    assert made.envelope_from == long, "a local part has 64 characters at the most"


def test_a_reply_address_only_where_it_was_shown_to_work(example_setup: Setup) -> None:
    """plus_addressing is off until proved, and for an alias nothing was proved: answers go to the plain address."""
    wanted = replace(example_setup.connector_named["support"], plus_addressing=PlusMode.MIXED)
    for connector, sender in ((wanted, "support@demo.example"), (replace(wanted, plus_proved=True), "help@demo.example")):
        made = seal(make_draft(from_=Address(sender)), connector, example_setup, KEYS, ref=REF)
        assert made.envelope_from == sender and b"Reply-To" not in made.bytes


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        ("Printer", f"[{REF}] Printer"),
        ("Re: Printer", f"Re: [{REF}] Printer"),
        ("RE : Imprimante", f"RE : [{REF}] Imprimante"),
        ("Aw: Drucker", f"Aw: [{REF}] Drucker"),
        (f"Re: [{REF}] Printer", f"Re: [{REF}] Printer"),
        (f"Re: [{REF.lower()}] Printer", f"Re: [{REF.lower()}] Printer"),
        (f"[101999-T] [{REF}] Printer", f"[101999-T] [{REF}] Printer"),
        ("Re: [101999-T] Printer", f"Re: [{REF}] [101999-T] Printer"),
        ("", f"[{REF}]"),
        ("Re:", f"Re: [{REF}]"),
    ],
)
def test_the_reference_stands_in_the_subject_once(subject: str, wanted: str) -> None:
    """Contract section 6, also for an answer to an answer to an answer."""
    once = subject_with_reference(subject, REF)
    assert once == wanted
    assert subject_with_reference(once, REF) == once


@given(some.lists(some.integers(0, 60).map(lambda n: f"m{n}@x"), max_size=80), some.sampled_from(["", "m1@x", "new@x"]))
def test_references_keep_the_first_and_the_last_twenty(chain: list[str], parent: str) -> None:
    """Contract section 6: at most 21, each once, the thread's first stays first, the mail answered is last."""
    named = references(parent, chain)
    assert len(named) <= 21 and len(set(named)) == len(named)
    assert set(named) <= {*chain, parent}
    if parent:
        assert named[-1] == parent
    others = [one for one in chain if one != parent]
    if others:
        assert named[0] == others[0]


HOSTILE = some.text(alphabet="a\r\n\0: @<>\"é\u2028,;=?\ud800", max_size=60)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE, some.sampled_from(list(Purpose)))
def test_no_value_becomes_a_header(subject: str, name: str, address: str, identifier: str, purpose: Purpose) -> None:
    """Whatever stands in subject, names, addresses, ids and facts: the header fields are ours, and nothing raises."""
    setup = Setup(name=f"Desk {name}", connectors=(SUPPORT,))
    draft = make_draft(
        subject=subject,
        text=subject,
        purpose=purpose,
        from_=Address(address, name),
        recipients=(Recipient(Address(address, name)), Recipient(Address("carl@acme.example", name), "cc")),
        in_reply_to=identifier,
        references=(identifier, address),
        facts={"subject": subject, "failures": name},
    )
    made = seal(draft, SUPPORT, setup, KEYS, ref=REF)
    mail = message_from_bytes(made.bytes)
    allowed = set(
        """Date From To Cc Subject Message-ID In-Reply-To References Reply-To Auto-Submitted X-Auto-Response-Suppress MIME-Version Content-Type
        Content-Transfer-Encoding""".split()
    )
    assert set(mail.keys()) <= allowed and len(mail.keys()) == len(set(mail.keys()))
    assert mail["From"] and mail["Cc"] and mail["Message-ID"]
    assert made.bytes.count(b"\r\n") == made.bytes.count(b"\n") == made.bytes.count(b"\r")
    assert not mail.defects


def test_what_is_not_given_has_its_stand_in(example_setup: Setup) -> None:
    """Only hidden recipients: RFC 5322's empty group; no sender: the connector under the desk's name; only HTML: a text made from it."""
    mail, made = sealed(example_setup, recipients=(Recipient(Address("a@b.example"), "bcc"),), from_=Address(""), text="", html="<p>Hello</p>")
    assert mail["To"] == "undisclosed-recipients:;"
    assert mail["From"] == "Demo desk <support@demo.example>"
    assert made.text == "Hello"


def test_files_are_attached(example_setup: Setup) -> None:
    """A mail with a file: mixed, the file last, its name in any script."""
    made = seal(make_draft(html="<p>x</p>"), example_setup.connector_named["support"], example_setup, KEYS, ref=REF, files=(File("été.pdf", "application/pdf", b"%PDF"),))
    mail = message_from_bytes(made.bytes)
    body, file = mail.get_payload()  # type: ignore[misc]
    assert (mail.get_content_type(), body.get_content_type()) == ("multipart/mixed", "multipart/alternative")  # type: ignore[union-attr]
    assert (file.get_filename(), file.get_payload(decode=True)) == ("été.pdf", b"%PDF")  # type: ignore[union-attr]
    assert made.attachment_count == 1


def test_the_date_is_the_time_it_is_due(example_setup: Setup) -> None:
    """Architecture section 5: a mail that is sent at nine says nine, whenever it was written."""
    mail, _ = sealed(example_setup, due_at=datetime(2026, 7, 14, 7, 0, tzinfo=UTC))
    assert mail["Date"] == "Tue, 14 Jul 2026 07:00:00 +0000"
