"""What a real Postfix says at each verb when its own rules bite, and what we make of it: limits, rates, policies, content, storage, what it does not offer.

Encryption and log-in are `test_real_sessions.py`; the same answers played by a script are `behaviours.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.delivery import Delivery, Meaning, Stage
from core.mail import address_key
from core.outbox import Outcome
from core.setup import Setup
from gateway.keys import Keys
from gateway.outbound.compose import seal
from gateway.outbound.port import Outgoing
from gateway.outbound.session import Server
from gateway.outbound.smtp import SmtpTransport
from tests.conftest import missing
from tests.outbound.drafts import make_draft
from tests.outbound.test_dkim import MAILS
from tests.postfix import Postfix, missing_reason, wait_for

A, T, P = Outcome.ACCEPTED, Outcome.TEMPORARY, Outcome.PERMANENT
SENDER = "support@demo.example"
ONE = ("fine@mailbox.example",)
GONE = {f"gone{n}@mailbox.example": "550 5.1.1 no such user here" for n in range(8)}
STRANGERS = {"smtpd_client_event_limit_exceptions": ""}

DOORS: dict[str, dict[str, str]] = {
    "small": {"message_size_limit": "3000"},
    "small, unannounced": {"message_size_limit": "3000", "smtpd_discard_ehlo_keywords": "size"},
    "two recipients": {"smtpd_recipient_limit": "2"},
    "few errors": {"smtpd_hard_error_limit": "3", "smtpd_soft_error_limit": "100"},
    "full": {"queue_minfree": "1000000000000000"},
    "one mail a minute": {"smtpd_client_message_rate_limit": "1", **STRANGERS},
    "one recipient a minute": {"smtpd_client_recipient_rate_limit": "1", **STRANGERS},
    "two recipients a minute": {"smtpd_client_recipient_rate_limit": "2", **STRANGERS},
    "one connection a minute": {"smtpd_client_connection_rate_limit": "1", **STRANGERS},
    "one connection": {"smtpd_client_connection_count_limit": "1", **STRANGERS},
    "soft": {"soft_bounce": "yes"},
    "submission": {"smtpd_client_restrictions": "permit_sasl_authenticated, reject"},
    "names": {"smtpd_helo_required": "yes", "smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname"},
    "no relay": {"mynetworks": "192.0.2.0/24", "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", "smtpd_recipient_restrictions": ""},
    "no relay now": {"mynetworks": "192.0.2.0/24", "smtpd_relay_restrictions": "permit_mynetworks, defer_unauth_destination", "smtpd_recipient_restrictions": ""},
    "one by one": {"smtpd_discard_ehlo_keywords": "pipelining", "smtpd_data_restrictions": "reject_unauth_pipelining"},
    "strict": {"smtpd_forbid_bare_newline": "yes", "smtpd_forbid_unauth_pipelining": "yes", "strict_rfc821_envelopes": "yes"},
    "seven bits": {"smtpd_discard_ehlo_keywords": "8bitmime, smtputf8"},
    "nothing offered": {"smtpd_discard_ehlo_keywords": "pipelining, size, vrfy, etrn, starttls, enhancedstatuscodes, 8bitmime, dsn, smtputf8, chunking"},
    "down": {"smtpd_sender_restrictions": "check_policy_service inet:127.0.0.1:9", "smtpd_policy_service_try_limit": "1", "smtpd_policy_service_timeout": "1s"},
    "no sender": {"smtpd_sender_restrictions": "check_sender_access texthash:$config_directory/senders"},
    "milter": {"smtpd_milters": "inet:127.0.0.1:9", "milter_default_action": "tempfail"},
}
FILES = {
    "content": "/^Subject: reject/ REJECT not wanted here\n/^Subject: discard/ DISCARD\n",
    "senders": f"{SENDER} REJECT\n",
}


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """One Postfix with a door for every kind of rule."""
    if missing_reason():
        missing(missing_reason())
    with Postfix(refuse=GONE, doors=DOORS, files=FILES, settings={"header_checks": "regexp:$config_directory/content"}) as running:
        yield running


def transport(postfix: Postfix, door: str = "", **more: object) -> SmtpTransport:
    port = postfix.door_port(door) if door else postfix.port
    return SmtpTransport(Server("127.0.0.1", port, **({"security": "none", "hostname": "out.demo.example", "command_timeout": 30.0} | more)))  # type: ignore[arg-type]


def letter(subject: str = "Hello", text: str = "Hello.", charset: str = "utf-8") -> bytes:
    return f"From: {SENDER}\r\nTo: fine@mailbox.example\r\nSubject: {subject}\r\n\r\n{text}\r\n".encode(charset)


def sent(way: SmtpTransport, *people: str, raw: bytes = b"", mail_id: str = "id", sender: str = SENDER) -> Delivery:
    """One attempt; its recipients in the order in which they were named."""
    found = way.deliver(Outgoing(mail_id, sender, people or ONE, raw or letter()), lambda: None)
    keys = [address_key(one) for one in people or ONE]
    return replace(found, recipients={key: found.recipients[key] for key in keys if key in found.recipients})


def outcomes(delivery: Delivery) -> list[Outcome]:
    return [outcome for outcome, _ in delivery.recipients.values()]


def log_of(postfix: Postfix, delivery: Delivery) -> str:
    """What it wrote about a mail that it took, once that is out of its queue."""
    wait_for(lambda: f"{delivery.queue_id}: removed" in postfix.log(), what=f"{delivery.queue_id} to leave the queue")
    return "\n".join(line for line in postfix.log().splitlines() if delivery.queue_id in line)


REFUSED: list[tuple[str, Stage, Meaning | Outcome, str]] = [
    ("full", Stage.MAIL, Meaning.PASSING, "452 4.3.1 Insufficient system storage"),
    ("milter", Stage.MAIL, Meaning.PASSING, "451 4.7.1 Service unavailable"),
    ("submission", Stage.RCPT, Meaning.TROUBLE, "the connector must log in"),
    ("names", Stage.RCPT, Meaning.TROUBLE, "Helo command rejected: need fully-qualified hostname"),
    ("no relay", Stage.RCPT, P, "look whether the connector logs in"),
    ("no relay now", Stage.RCPT, T, "454 4.7.1"),
    ("no sender", Stage.RCPT, P, "our sender address is not taken"),
    ("down", Stage.RCPT, T, "451 4.3.5"),
]


@pytest.mark.parametrize(("door", "stage", "end", "words"), REFUSED, ids=[one[0] for one in REFUSED])
def test_a_rule_of_the_server(postfix: Postfix, door: str, stage: Stage, end: Meaning | Outcome, words: str) -> None:
    """decisions.md 19: whether a rule is about the mail or about the connector, by the words that Postfix has for it; nothing is handed over."""
    way = transport(postfix, door, hostname="localhost" if door == "names" else "out.demo.example")
    delivery = sent(way, "somebody@elsewhere.example" if door.startswith("no relay") else ONE[0])
    way.close()
    found = delivery.trouble or outcomes(delivery)[0]
    assert (delivery.stage, found) == (stage, end) and words in delivery.words, delivery


RATES = [("one mail a minute", Stage.MAIL), ("one recipient a minute", Stage.RCPT), ("one connection a minute", Stage.BANNER), ("one connection", Stage.BANNER)]


@pytest.mark.parametrize(("door", "stage"), RATES, ids=[one[0] for one in RATES])
def test_a_rate_limit_is_the_connectors(postfix: Postfix, door: str, stage: Stage) -> None:
    """E-23: anvil slows us down at connection, MAIL or RCPT: it passes, and costs no mail a try."""
    first, second = transport(postfix, door), transport(postfix, door)
    assert outcomes(sent(first)) == [A]
    if door == "one connection a minute":
        first.close()
    delivery = sent(second)
    assert (delivery.stage, delivery.trouble) == (stage, Meaning.PASSING), delivery
    first.close()


def test_a_mail_to_more_people_than_a_minute_allows_leaves_bit_by_bit(postfix: Postfix) -> None:
    """Whoever was taken gets it, the others wait; were all to wait, it would meet the same limit every time."""
    people = [f"bit{n}@mailbox.example" for n in range(4)]
    delivery = sent(transport(postfix, "two recipients a minute"), *people)
    assert outcomes(delivery) == [A, A, T, T] and delivery.trouble is None
    wait_for(lambda: sorted(mail["X-Original-To"] for mail in postfix.mails() if mail["X-Original-To"].startswith("bit")) == people[:2], what="two mails")


def test_a_recipient_limit_takes_several_transactions(postfix: Postfix) -> None:
    """452 4.5.3 above two recipients: three transactions at once, everybody has it once."""
    people = [f"crowd{n}@mailbox.example" for n in range(5)]
    delivery = sent(transport(postfix, "two recipients"), *people)
    assert outcomes(delivery) == [A] * 5 and len({words for _, words in delivery.recipients.values()}) == 3
    wait_for(lambda: sorted(mail["X-Original-To"] for mail in postfix.mails() if mail["X-Original-To"].startswith("crowd")) == people, what="one mail each")


def test_so_many_unknown_that_the_server_hangs_up(postfix: Postfix) -> None:
    """421 4.7.0 too many errors: those refused are settled, the others are asked in the next tries, and the mail comes to an end."""
    people = [*GONE, *ONE]
    tries: list[Delivery] = []
    while people and len(tries) < 5:
        tries.append(sent(transport(postfix, "few errors"), *people))
        people = [one for one in people if tries[-1].recipients[one][0] is T]
    assert len(tries) == 3 and tries[-1].recipients[ONE[0]][0] is A


def test_too_big(postfix: Postfix) -> None:
    """E-33: refused by what the server announces without a byte sent; where it announces nothing, by its answer to the dot; a smaller mail goes."""
    large = letter(text="\r\n".join(["x" * 70] * 60))
    announced, unannounced = sent(transport(postfix, "small"), raw=large), sent(transport(postfix, "small, unannounced"), raw=large)
    assert (announced.stage, announced.size_limit, outcomes(announced)) == (Stage.LIMITS, 3000, [P])
    assert (unannounced.stage, unannounced.size_limit, outcomes(unannounced)) == (Stage.DOT, 0, [P]) and "the mail is too big" in unannounced.words
    assert outcomes(sent(transport(postfix, "small"))) == [A]


def test_content_rules(postfix: Postfix) -> None:
    """A filter refuses at the dot: for good, and the session goes on. What a filter swallows is accepted by all that a client can see."""
    way = transport(postfix)
    refused, swallowed, fine = (sent(way, raw=letter(subject)) for subject in ("reject me", "discard me", "fine"))
    way.close()
    assert (refused.stage, outcomes(refused)) == (Stage.DOT, [P]) and "550 5.7.1 not wanted here" in refused.words
    assert [outcomes(swallowed), outcomes(fine)] == [[A], [A]]
    assert "status=sent" in log_of(postfix, fine) and f"{swallowed.queue_id}: discard: header" in postfix.log()


def test_a_server_that_refuses_only_for_now(postfix: Postfix) -> None:
    """soft_bounce: its 550 becomes 450, and so the recipient is asked again; the other one has the mail."""
    delivery = sent(transport(postfix, "soft"), "gone1@mailbox.example", *ONE)
    assert outcomes(delivery) == [T, A] and delivery.recipients["gone1@mailbox.example"][1].startswith("450 4.1.1")


@pytest.mark.parametrize("door", ["", "one by one", "strict", "seven bits", "nothing offered"])
def test_only_what_is_offered_is_used(postfix: Postfix, door: str) -> None:
    """With and without PIPELINING (where a server that watches would refuse it), 8BITMIME, SIZE, DSN: two mails on one session, one refused between them."""
    way, before = transport(postfix, door), len(postfix.log())
    assert [outcomes(sent(way, *people)) for people in (ONE, ("gone1@mailbox.example",), (*ONE, "gone2@mailbox.example"))] == [[A], [P], [A, P]]
    way.close()
    wait_for(lambda: " rcpt=2/4 " in postfix.log()[before:], what="the end of one session for all three")


def test_nobody_is_sent_an_empty_mail(postfix: Postfix) -> None:
    """RFC 2920 3.1: DATA was on its way when nobody was taken; Postfix refuses it, and the next mail goes by the same session."""
    way = transport(postfix)
    assert outcomes(sent(way, *GONE)) == [P] * len(GONE)
    after = sent(way, "after@mailbox.example")
    way.close()
    assert outcomes(after) == [A] and "status=sent" in log_of(postfix, after)
    assert not [mail for mail in postfix.mails() if mail["X-Original-To"] in GONE]


def test_addresses_beyond_ascii(postfix: Postfix) -> None:
    """E-29: with SMTPUTF8 both get it; without, the one in ASCII does, and the other is refused by us. A domain goes as its A-label."""
    people = ("josé@mailbox.example", "ascii@mailbox.example")
    both = sent(transport(postfix), *people)
    assert outcomes(both) == [A, A] and "to=<josé@mailbox.example>" in log_of(postfix, both)
    assert outcomes(sent(transport(postfix, "seven bits"), *people)) == [P, A]


BODIES = {"empty": "", "dots": ".\r\n..\r\n...\r\n.end", "one dot": ".", "long lines": "x" * 5000 + "\r\n" + "y" * 998, "blank lines": "\r\n\r\n", "8-bit": "Grüße, 你好"}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_arrives_as_it_was(postfix: Postfix, name: str) -> None:
    """Byte for byte, whatever stands at the start of a line and however long it is; at a server that is strict about line ends and early commands."""
    raw = letter(f"body {name}", BODIES[name])
    delivery = sent(transport(postfix, "strict"), raw=raw)
    assert outcomes(delivery) == [A]
    log_of(postfix, delivery)
    (kept,) = [one for one in postfix.raw_mails() if f"Subject: body {name}\n".encode() in one]
    assert kept.partition(b"\n\n")[2].replace(b"\n", b"\r\n") == raw.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("name", MAILS)
def test_a_real_server_rewrites_nothing(postfix: Postfix, example_setup: Setup, keys: Keys, name: str) -> None:
    """Every kind of mail that we compose passes a server that mends the headers of its own users, with the bytes that we signed."""
    raw = seal(make_draft(**MAILS[name]), example_setup.connectors[0], example_setup, keys, ref="101203-T").bytes
    delivery = sent(transport(postfix), f"{name.replace(' ', '-')}@mailbox.example", raw=raw)
    assert outcomes(delivery) == [A]
    log_of(postfix, delivery)
    (kept,) = [one for one in postfix.raw_mails() if f"X-Original-To: {name.replace(' ', '-')}@".encode() in one]
    assert kept.endswith(b"\n" + raw.replace(b"\r\n", b"\n")), kept
