"""Which mails are by one of our people and believed: answers to what they were told, mail to everybody on an item, commands out of place (Agents by mail, 2 to 4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.agent_trust import SENTENCES, Distrust, Proof
from core.evidence import Evidence
from core.mail import Address, Envelope, Mail
from core.setup import Setup
from core.verdict import Action, Resolution, Verdict
from gateway.routing.agent import CHECKS
from gateway.routing.facts import Answered
from gateway.routing.recipients import Recipient
from gateway.routing.resolve import resolve
from tests.routing.examples import JO, NOW, PASS, STRANGER, SUPPORT, a_mail, a_target, closed, over_smtp, resolved, some_facts

ANN, BOB = "ann@demo.example", "bob@demo.example"
TAGGED = "support+a.out1.mac@demo.example"
TOLD = Answered("out1", ANN, "i101203", NOW - timedelta(hours=1), "notification", by_address=True, subject="[101203-T] Printer")
THEIRS = "theirs@acme.example"
KNOWN = {THEIRS: ("i101203",)}
REF = "Re: [101203-T] Printer"


def an_answer(**more: object) -> Mail:
    """An answer by Ann to what she was told, to its signed address."""
    values: dict[str, object] = {"from_": ANN, "to": (TAGGED,), "subject": REF, "text": "It is done.", "new_text": "It is done.", "date": NOW, **more}
    return a_mail(**values)  # type: ignore[arg-type]


def to_agent(setup: Setup, mail: Mail, envelope: Envelope | None = None, **more: object) -> Resolution:
    """What becomes of a mail that came to the signed address."""
    envelope = envelope or over_smtp(TAGGED, sender=ANN)
    values: dict[str, object] = {"answered": TOLD, "user": ANN, "proof": Proof.DMARC, "sender_authentication": PASS, **more}
    facts = some_facts(setup, mail, envelope, a_target(), **values)  # type: ignore[arg-type]
    marked = tuple(replace(one, agent_of="out1") if "+a." in one.key else one for one in facts.recipients)
    return resolve(mail, envelope, replace(facts, recipients=marked))


def the_one(found: Resolution) -> Verdict:
    (verdict,) = found.verdicts
    return verdict


def test_an_answer_is_carried_out(example_setup: Setup) -> None:
    """The signed address names agent, item and age; From and a proof agree: it is handed on to be carried out, and joins nothing."""
    verdict = the_one(to_agent(example_setup, an_answer()))
    assert (verdict.action, verdict.refused, verdict.item_id, verdict.agent, verdict.answers) == (Action.AGENT, "", "i101203", ANN, "out1")
    assert verdict.evidence is Evidence.STRONG and len(verdict.fingerprint) == 64


def test_an_answer_by_its_message_id(example_setup: Setup) -> None:
    """Where plus-addresses are not proved, In-Reply-To with our signed id is enough, if To or Cc names the mailbox."""
    told = replace(TOLD, by_address=False)
    mail = an_answer(to=(SUPPORT,), in_reply_to=("out1.mac@demo.example",))
    assert the_one(to_agent(example_setup, mail, over_smtp(sender=ANN), answered=told)).refused == ""
    hidden = an_answer(to=(STRANGER,), in_reply_to=("out1.mac@demo.example",))
    assert the_one(to_agent(example_setup, hidden, over_smtp(sender=ANN), answered=told)).refused == Distrust.NOT_ADDRESSED


DKIM_WITHOUT_TO = ("DKIM-Signature", "v=1; d=demo.example; h=from:subject:date; b=QUJD")
DKIM_WITHOUT_SUBJECT = ("DKIM-Signature", "v=1; d=demo.example; h=from:to:date; b=QUJD")
OLD = replace(TOLD, outdated=True)
NOWHERE = replace(TOLD, item_id="")
GONE = replace(TOLD, user_key="gone@demo.example")
LATER = replace(TOLD, at=NOW + timedelta(days=2))

REFUSED: list[tuple[str, dict[str, object], dict[str, object], Distrust]] = [
    ("an out-of-office", {"headers": [("Auto-Submitted", "auto-replied")]}, {}, Distrust.AUTOMATIC),
    ("one without a mark", {"subject": "Automatic reply: Printer"}, {}, Distrust.AUTOMATIC),
    ("one by a stranger", {"from_": STRANGER, "headers": [("Auto-Submitted", "auto-replied")]}, {"user": "", "proof": ""}, Distrust.AUTOMATIC),
    ("a list", {"headers": [("List-Id", "<x.demo.example>")]}, {}, Distrust.AUTOMATIC),
    ("the null sender", {}, {"null_sender": True}, Distrust.AUTOMATIC),
    ("one with a Message-ID of ours", {}, {"is_own_id": True}, Distrust.AUTOMATIC),
    ("a copy at another address of ours", {}, {"seen": "copy"}, Distrust.COPY),
    ("somebody who left", {}, {"answered": GONE}, Distrust.LEFT),
    ("several authors", {"from_": (ANN, BOB)}, {"user": "", "proof": ""}, Distrust.SEVERAL_AUTHORS),
    ("a stranger", {"from_": STRANGER}, {"user": "", "proof": ""}, Distrust.NOT_THEIRS),
    ("a look-alike domain", {"from_": "ann@dem0.example"}, {"user": "", "proof": ""}, Distrust.NOT_THEIRS),
    ("a customer of the item", {"from_": JO}, {"user": "", "proof": ""}, Distrust.NOT_THEIRS),
    ("a colleague", {"from_": BOB}, {"user": BOB}, Distrust.NOT_THEIRS),
    ("handed in by a colleague", {}, {"submitted_by": BOB}, Distrust.NOT_THEIRS),
    ("a forged From", {}, {"proof": ""}, Distrust.NOT_PROVED),
    ("a subject that is not signed", {"headers": [DKIM_WITHOUT_SUBJECT]}, {}, Distrust.NOT_PROVED),
    ("sent again", {}, {"seen": "replayed"}, Distrust.REPLAYED),
    ("written before what it answers", {}, {"answered": LATER}, Distrust.REPLAYED),
    ("written to somebody else", {"to": (STRANGER,)}, {}, Distrust.NOT_ADDRESSED),
    ("recipients changed, no reference", {"headers": [DKIM_WITHOUT_TO], "subject": "Yes"}, {}, Distrust.NOT_ADDRESSED),
    ("a signed text that says nothing of the item", {"subject": REF}, {"proof": Proof.SIGNATURE}, Distrust.NOT_ADDRESSED),
    ("too old", {}, {"answered": OLD}, Distrust.TOO_OLD),
    ("encrypted", {"protection": ("smime_encrypted",)}, {}, Distrust.UNREADABLE),
    ("too large", {"partial": True}, {}, Distrust.UNREADABLE),
    ("about no item", {}, {"answered": NOWHERE}, Distrust.NO_ITEM),
]


@pytest.mark.parametrize(("name", "mail", "facts", "wanted"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_not_carried_out(example_setup: Setup, name: str, mail: dict[str, object], facts: dict[str, object], wanted: Distrust) -> None:
    """Agents by mail, 4: each is one verdict with its reason, and never a customer's mail on the item, whoever wrote it."""
    given = dict(facts)
    if given.pop("is_own_id", False):
        from tests.routing.test_match import SENT_TO_CLAIMS

        given["own"] = SENT_TO_CLAIMS
    verdict = the_one(to_agent(example_setup, an_answer(**mail), **given))
    assert (verdict.action, verdict.refused) == (Action.AGENT, wanted)
    assert (verdict.counts, verdict.adds_cc, verdict.opens) == (False, False, None)


GOOD: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"headers": [DKIM_WITHOUT_TO]}, {}),
    ({"headers": [DKIM_WITHOUT_TO], "subject": "Yes", "text": "Yes.\n\n> Reference: 101203-T"}, {}),
    ({"text": "Yes.\n\n> 101203-T"}, {"proof": Proof.SIGNATURE}),
    ({"headers": [("X-Auto-Response-Suppress", "All")]}, {"proof": Proof.INTERNAL}),
    ({"cc": (JO,)}, {}),
    ({}, {"proof": Proof.SUBMISSION, "submitted_by": ANN}),
    ({"date": NOW - timedelta(hours=20)}, {}),
]


@pytest.mark.parametrize(("mail", "facts"), GOOD)
def test_what_is_carried_out(example_setup: Setup, mail: dict[str, object], facts: dict[str, object]) -> None:
    """Microsoft signs no recipients, phones quote nothing, clocks go wrong by hours: all of that is understood."""
    assert the_one(to_agent(example_setup, an_answer(**mail), **facts)).refused == ""


def test_the_same_mail_twice(example_setup: Setup) -> None:
    """The door brings a mail twice: the second is a copy, written down and answered by nobody."""
    from gateway.routing.facts import Taken

    mail = an_answer()
    before = {("support", TAGGED): (Taken("earlier", mail.message_id, mail.content_key, NOW),)}
    assert the_one(to_agent(example_setup, mail, taken=before)).refused == Distrust.COPY


def test_history_is_not_carried_out(example_setup: Setup) -> None:
    """An imported archive may hold old answers to notifications."""
    archive = replace(over_smtp(TAGGED), archive=True)
    assert the_one(to_agent(example_setup, an_answer(), archive)).action is Action.IGNORE


def test_a_customer_with_a_notification_in_the_thread(example_setup: Setup) -> None:
    """A customer to whom an agent handed a notification on answers the agent: `answered` is not set for them, and the mail goes its usual way."""
    found = resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, a_target(), known=KNOWN)
    assert [one.action for one in found.verdicts] == [Action.JOIN]


# ---------------------------------------------------------------- on an item


def on_item(setup: Setup, *, target=None, mail: dict[str, object] | None = None, **facts: object) -> Resolution:  # type: ignore[no-untyped-def]
    """What becomes of a mail by Ann to a customer with the mailbox in Cc."""
    values: dict[str, object] = {"user": ANN, "proof": Proof.DMARC, "sender_authentication": PASS, "known": KNOWN, **facts}
    written: dict[str, object] = {"from_": ANN, "to": (JO,), "cc": (SUPPORT,), "in_reply_to": (THEIRS,), "subject": REF, **(mail or {})}
    return resolved(setup, a_mail(**written), over_smtp(sender=ANN), target or a_target(people=(JO, ANN)), **values)  # type: ignore[arg-type]


def test_reply_all_with_the_mailbox_in_cc(example_setup: Setup) -> None:
    """Agents by mail, 2: filed as ours, although a customer's reply-all made her a participant; nothing wakes."""
    verdict = the_one(on_item(example_setup))
    assert (verdict.action, verdict.item_id, verdict.agent, verdict.refused, verdict.counts) == (Action.FILE, "i101203", ANN, "", False)
    weak = on_item(example_setup, known={}, mail={"in_reply_to": ()})
    assert the_one(weak).action is Action.FILE
    assert the_one(on_item(example_setup, target=a_target(closed()))).action is Action.FILE


def test_whoever_may_not_see_the_item_is_a_stranger_there(example_setup: Setup) -> None:
    """Rights as on the page: a user outside of its queues files nothing as ours, withdraws no mail that waits and ties nobody to it."""
    users = tuple(replace(one, queues=("Claims",), team="") if one.email == ANN else one for one in example_setup.users)
    found = on_item(replace(example_setup, users=users))
    assert the_one(found).action is Action.HOLD
    assert any("they may not see" in one.because for one in found.trace)


STRANGERS = [
    ("nothing proves it", {"proof": "", "sender_authentication": None}, {}),
    ("sent again", {"seen": "replayed"}, {}),
    ("only the text is signed", {"proof": Proof.SIGNATURE}, {}),
    ("recipients changed, no reference", {}, {"subject": "Yes", "headers": [DKIM_WITHOUT_TO]}),
    ("the subject is not signed", {}, {"headers": [DKIM_WITHOUT_SUBJECT]}),
]


@pytest.mark.parametrize(("name", "facts", "mail"), STRANGERS)
def test_what_may_not_be_theirs_is_held(example_setup: Setup, name: str, facts: dict[str, object], mail: dict[str, object]) -> None:
    """As a stranger's mail: never joined as if the customer wrote, although an earlier Cc made the address a participant."""
    assert the_one(on_item(example_setup, mail=mail, **facts)).action is Action.HOLD
    unsigned = on_item(example_setup, mail={**mail, "in_reply_to": ()}, **{**facts, "known": {}})
    assert the_one(unsigned).action is Action.OPEN


def test_on_their_own_item_they_are_a_customer(example_setup: Setup) -> None:
    """Agents by mail, 6: an agent who is a contact of the item writes as one, also without any proof."""
    for proof in (Proof.DMARC, ""):
        verdict = the_one(on_item(example_setup, contact_on=frozenset({"i101203"}), proof=proof))
        assert (verdict.action, verdict.counts) == (Action.JOIN, True)


def test_commands_on_an_item_are_not_carried_out(example_setup: Setup) -> None:
    """Without a signed address: filed, and the agent is told how it is done; not proved, they are somebody's words."""
    command = {"text": "#resolve\nDone.", "new_text": "#resolve\nDone.", "to": (SUPPORT,), "cc": ()}
    assert (the_one(found := on_item(example_setup, mail=command)).action, the_one(found).refused) == (Action.FILE, Distrust.NOT_AN_ANSWER)
    assert the_one(on_item(example_setup, mail=command, proof="")).action is Action.HOLD
    subject = {"subject": f"#resolve {REF}"}
    assert the_one(on_item(example_setup, mail=subject)).refused == Distrust.NOT_AN_ANSWER


def test_commands_about_nothing(example_setup: Setup) -> None:
    """No item is opened for them, and the agent is told; not proved, or by a customer, they are text."""
    mail = a_mail(from_=ANN, subject="Printer", text="#take", new_text="#take")
    verdict = the_one(resolved(example_setup, mail, user=ANN, proof=Proof.DMARC))
    assert (verdict.action, verdict.refused, verdict.item_id, verdict.agent) == (Action.AGENT, Distrust.NOT_AN_ANSWER, "", ANN)
    assert the_one(resolved(example_setup, mail, user=ANN)).action is Action.OPEN
    assert the_one(resolved(example_setup, replace(mail, from_=(Address(JO),)))).action is Action.OPEN
    words = replace(mail, text="#5 on your list", new_text="#5 on your list")
    assert the_one(resolved(example_setup, words, user=ANN, proof=Proof.DMARC)).action is Action.OPEN


def test_an_agent_is_a_customer_elsewhere(example_setup: Setup) -> None:
    """Agents by mail, 6: a new mail from a registered address to a mailbox opens an item for them."""
    verdict = the_one(resolved(example_setup, a_mail(from_=ANN), user=ANN, proof=Proof.DMARC))
    assert (verdict.action, verdict.created_by, verdict.requester) == (Action.OPEN, "", Address(ANN))


def test_a_customer_commands_nothing(example_setup: Setup) -> None:
    """A command in a customer's mail is text like any other."""
    mail = a_mail(in_reply_to=(THEIRS,), text="#resolve", new_text="#resolve")
    verdict = the_one(resolved(example_setup, mail, None, a_target(), known=KNOWN))
    assert (verdict.action, verdict.agent) == (Action.JOIN, "")


def test_automatic_mail_of_an_agent_never_counts(example_setup: Setup) -> None:
    """Their out-of-office and what comes by lists is shown, and wakes nothing, although they are participants."""
    for header in (("Auto-Submitted", "auto-replied"), ("List-Id", "<x>"), ("Precedence", "bulk")):
        verdict = the_one(on_item(example_setup, mail={"headers": [header]}))
        assert (verdict.action, verdict.counts) == (Action.APPEND, False)


# ---------------------------------------------------------------- handed in


def test_handed_in_for_people_outside(example_setup: Setup) -> None:
    """Agents by mail, 5: one verdict, whatever else it names; the mailbox in Cc neither opens nor wakes anything."""
    envelope = Envelope("submission", SUPPORT, (JO, SUPPORT), NOW, submitted_by=ANN)
    found = resolved(example_setup, a_mail(from_=SUPPORT, to=(JO,), cc=(SUPPORT,)), envelope, submitted_by=ANN)
    assert (the_one(found).action, the_one(found).agent) == (Action.SEND, ANN)


def test_handed_in_for_us(example_setup: Setup) -> None:
    """To addresses of ours it is a mail like any other, proved by the log-in."""
    envelope = Envelope("submission", ANN, (SUPPORT,), NOW, submitted_by=ANN)
    verdict = the_one(resolved(example_setup, a_mail(from_=ANN), envelope, user=ANN, proof=Proof.SUBMISSION, submitted_by=ANN))
    assert verdict.action is Action.OPEN


def test_the_trace_says_why(example_setup: Setup) -> None:
    """`explain` shows which mail is answered, whose it is, and what proves it or speaks against it."""
    steps = [(one.check, one.outcome) for one in to_agent(example_setup, an_answer(), proof="").trace if one.step == "agent"]
    assert steps == [("answers our mail out1", "hit"), (ANN, "not_proved")]


def test_the_signed_address_without_its_mail(example_setup: Setup) -> None:
    """Where the mail that it names is gone, the address leads nowhere; the trace says so."""
    lost = Recipient(TAGGED, SUPPORT, "support", "envelope", "a.out1.mac", agent_of="out1")  # type: ignore[arg-type]
    facts = some_facts(example_setup, an_answer(), over_smtp(TAGGED), user=ANN)
    found = resolve(an_answer(subject="Printer"), over_smtp(TAGGED), replace(facts, recipients=(lost,)))
    assert [one.action for one in found.verdicts] == [Action.OPEN]
    assert any("leads no customer's mail anywhere" in one.because for one in found.trace)


def test_the_reasons_stand_in_the_order_of_the_documents() -> None:
    """docs/agent-trust.md says that the first reason that holds decides: the list there and the checks here agree."""
    looked_at = [reason for reason, _ in CHECKS]
    assert [one for one in SENTENCES if one in looked_at] == looked_at
