"""Whole mails as they leave: threading, reference, Reply-To, automatic headers, determinism, and what cannot be injected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.policy import default
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


def tag_of(address: str) -> str:
    return address.partition("+")[2].partition("@")[0]


@pytest.mark.parametrize("mode", [PlusMode.MIXED, PlusMode.ONLY])
def test_a_signed_reply_address(example_setup: Setup, mode: PlusMode) -> None:
    """B-MT-02, B-MT-04: in modes mixed and only From stays plain, and answers come back to a plus-address that we signed."""
    made = seal(make_draft(), replace(SUPPORT, plus_addressing=mode), example_setup, KEYS, ref=REF)
    mail = message_from_bytes(made.bytes)
    address = str(mail["Reply-To"]).partition("<")[2].rstrip(">")
    assert (KEYS.verified_reply_tag(tag_of(address)), mail["From"]) == (REF, "Ann Agent <support@demo.example>")
    assert message_from_bytes(seal(make_draft(), SUPPORT, example_setup, KEYS, ref="").bytes)["Reply-To"] is None


NO_REPORTS = frozenset({Purpose.SEND_FAILED, Purpose.ALARM})


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("mode", PlusMode)
def test_a_bounce_address_for_each_mail(example_setup: Setup, purpose: Purpose, mode: PlusMode) -> None:
    """decisions.md 3: where plus-addresses are in force, reports about a mail come to an address that names it, a person's or automatic; else a
    person's mail has the plain sender and an automatic one none. What tells our own people of trouble never comes back."""
    made = [seal(make_draft(id=name, purpose=purpose), replace(SUPPORT, plus_addressing=mode), example_setup, KEYS, ref=REF) for name in ("d1", "d2")]
    if mode is PlusMode.OFF or purpose in NO_REPORTS:
        assert {one.envelope_from for one in made} == {"support@demo.example" if purpose is Purpose.PERSON else ""}
    else:
        assert [KEYS.verified_bounce_tag(tag_of(one.envelope_from)) for one in made] == ["d1", "d2"]


def test_a_bounce_address_fits_where_it_can(example_setup: Setup) -> None:
    """A local part has 64 characters: beside an id of ours there is room for 18, beside a reference for more; else the plain address is taken."""
    for length, kind in ((18, "bounce"), (19, "reply"), (40, "plain")):
        address = "l" * length + "@demo.example"
        draft = make_draft(id="i" * 26, from_=Address(address))
        sender = seal(draft, replace(SUPPORT, address=address), example_setup, KEYS, ref=REF).envelope_from
        found = "bounce" if KEYS.verified_bounce_tag(tag_of(sender)) else "reply" if KEYS.verified_reply_tag(tag_of(sender)) else "plain"
        assert (found, len(sender.rpartition("@")[0]) <= 64) == (kind, True)
        assert kind != "plain" or sender == address


def test_plus_addresses_only_where_they_were_shown_to_work(example_setup: Setup) -> None:
    """plus_addressing is off until proved; for an alias nothing was proved, so that its answers go to the plain address and its reports, in the same
    domain, to the address that was tested."""
    wanted = replace(example_setup.connector_named["support"], plus_addressing=PlusMode.MIXED)
    proved = replace(wanted, plus_proved=True)
    senders = {}
    for name, connector, sender in (("unproved", wanted, "support@"), ("alias", proved, "help@"), ("elsewhere", proved, "help@other.example")):
        address = sender if "example" in sender else f"{sender}demo.example"
        made = seal(make_draft(from_=Address(address)), connector, example_setup, KEYS, ref=REF)
        assert b"Reply-To" not in made.bytes
        senders[name] = made.envelope_from
    assert (senders["unproved"], senders["elsewhere"]) == ("support@demo.example", "help@other.example")
    assert senders["alias"].startswith("support+b.") and KEYS.verified_bounce_tag(tag_of(senders["alias"])) == "d1"


@pytest.mark.parametrize("proved", ["mailbox", "way out"])
def test_plus_addresses_are_those_of_the_mailbox_that_answers_come_to(example_setup: Setup, proved: str) -> None:
    """C-GW-02, B-MT-02: a mailbox that only receives, and another connector that takes its mail out: answers and reports come to the mailbox, so that
    what was proved of it counts, and not what was proved of the other."""
    plus = {"plus_addressing": PlusMode.ONLY, "plus_proved": True}
    claims = replace(example_setup.connector_named["claims"], direction="incoming", **(plus if proved == "mailbox" else {}))
    way = replace(example_setup.connector_named["support"], **(plus if proved == "way out" else {}))
    setup = replace(example_setup, connectors=(way, claims))
    made = seal(make_draft(from_=Address("claims@demo.example")), way, setup, KEYS, ref=REF)
    back = str(message_from_bytes(made.bytes)["Reply-To"] or "").rpartition("<")[2].rstrip(">")
    if proved == "mailbox":
        assert back.startswith("claims+") and KEYS.verified_reply_tag(tag_of(back)) == REF
        assert made.envelope_from.startswith("claims+b.") and KEYS.verified_bounce_tag(tag_of(made.envelope_from)) == "d1"
    else:
        assert (back, made.envelope_from) == ("", "claims@demo.example")


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
    """RFC 5322 section 3.6.1: Date is when the mail was complete and ready to go, so that one scheduled for nine says nine, whenever it was written
    and however long a server is away."""
    mail, _ = sealed(example_setup, due_at=datetime(2026, 7, 14, 7, 0, tzinfo=UTC))
    assert mail["Date"] == "Tue, 14 Jul 2026 07:00:00 +0000"


def test_nothing_of_the_installation_leaves_with_a_mail(example_setup: Setup) -> None:
    """No name of a program, a machine, an account or a user's id stands in the header; the Message-ID carries the connector's domain."""
    made = seal(make_draft(author="ann.private@intern.example"), SUPPORT, example_setup, KEYS, ref=REF)
    header = made.bytes.partition(b"\r\n\r\n")[0].lower()
    for leaked in (b"guichet", b"python", b"x-mailer", b"user-agent", b"localhost", b"intern.example", b"u-ann", b"c-support", b"received"):
        assert leaked not in header
    assert made.message_id.endswith("@demo.example")


def test_the_message_id_is_the_mails_own(example_setup: Setup) -> None:
    """Contract section 6: subject, text, recipients, time and who is reached may change; the Message-ID and the bounce address stay."""
    first = seal(make_draft(), SUPPORT, example_setup, KEYS, ref=REF)
    elsewhere = (Recipient(Address("dora@acme.example")),)
    changed = make_draft(subject="Other", text="Other.", due_at=datetime(2026, 7, 14, 7, 0, tzinfo=UTC), recipients=elsewhere, scheduled=True)
    again = seal(changed, SUPPORT, example_setup, KEYS, ref=REF)
    assert (again.message_id, again.envelope_from) == (first.message_id, first.envelope_from)
    assert again.bytes != first.bytes


EAI = Address("zoë@dü.example", "Zoë")


@pytest.mark.parametrize("role", ["to", "cc"])
def test_addresses_beyond_ascii_do_not_bar_the_others(example_setup: Setup, role: str) -> None:
    """RFC 6857: beside somebody who can be reached without SMTPUTF8, a local part beyond ASCII is only named; alone it stands as it is (RFC 6532)."""
    mixed = seal(make_draft(recipients=(Recipient(Address("carl@acme.example")), Recipient(EAI, role))), SUPPORT, example_setup, KEYS, ref=REF).bytes
    assert mixed.partition(b"\r\n\r\n")[0].isascii()
    parsed = BytesParser(policy=default).parsebytes(mixed)
    (group,) = [one for one in parsed[role].groups if one.display_name]
    named = str(make_header(decode_header(str(message_from_bytes(mixed)[role]))))
    assert "Internationalized Address zoë@xn--d-eha.example Removed" in named and group.addresses == ()
    assert "carl@acme.example" in parsed["To"] and not parsed[role].defects
    alone = seal(make_draft(recipients=(Recipient(EAI),)), SUPPORT, example_setup, KEYS, ref=REF).bytes
    assert "<zoë@xn--d-eha.example>".encode() in alone
