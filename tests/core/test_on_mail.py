"""What a mail changes: new items, items that are woken or only marked, held mail, follow-ups, acknowledgements and their brakes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.brakes import Brakes, Lately
from core.decision import ContactOnItem, Decision, Entry, EntryKind, Link
from core.evidence import Evidence
from core.mail import Address, FailedRecipient, Importance, Mail, Report
from core.mail_facts import MailFacts
from core.on_mail import OnMail, on_mail
from core.outbox import Draft, OutboxMessage, OutboxState, Purpose, Recipient
from core.refs import reference
from core.setup import BlockedAddress, BlockEffect, Connector, Setup
from core.status import Place, Reason, ResolutionMethod, Status, WaitType
from core.verdict import Action, Classification, Kind, Resolution, Verdict
from core.wait import UNSEEN, Clocks
from core.work_item import Resolution as Resolved
from core.work_item import WorkItem

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CAME = NOW - timedelta(minutes=5)
JO = Address("jo@acme.example", "Jo Martin")
SUPPORT = "support@demo.example"
CLAIMS = "claims@demo.example"
MAIL = Mail(message_id="new@acme.example", from_=(JO,), to=(Address(SUPPORT),), subject="Printer broken", new_text="It does not print.", references=("a@x",))

OPEN = Verdict(
    SUPPORT,
    Action.OPEN,
    "route “default”",
    connector="support",
    process="General support",
    process_id="p-support",
    category="Question",
    opens=0,
    send_automated_emails=True,
    reply_from=SUPPORT,
    requester=JO,
)
JOIN = Verdict(SUPPORT, Action.JOIN, "In-Reply-To", connector="support", item_id="i1", evidence=Evidence.STRONG, counts=True)


def an_item(number: int = 1, place: Place = Place(Status.TO_DO), **more: object) -> WorkItem:  # noqa: B008
    values: dict[str, object] = {"company": "Acme", "home_queue": "First line", "queue": "First line", "connector": "support", "reply_from": SUPPORT, **more}
    kind = str(values.pop("kind", "ticket"))
    return WorkItem(
        f"i{number}", kind, number, reference(kind, number), "Printer", "p-support", CAME, CAME, place.status, place.wait_type, version=3, **values  # type: ignore[arg-type]
    )


def facts(*items: WorkItem, **more: object) -> MailFacts:
    values: dict[str, object] = {
        "sender_key": JO.key,
        "sender_known": True,
        "items": {item.id: item for item in items},
        "numbers": (101_300, 101_301, 101_302),
        "draft_ids": ("d0", "d1", "d2"),
        **more,
    }
    return MailFacts("in1", CAME, **values)  # type: ignore[arg-type]


def decided(setup: Setup, *verdicts: Verdict, mail: Mail = MAIL, known: MailFacts | None = None, kind: Classification | None = None) -> OnMail:
    return on_mail(Resolution(kind or Classification(), verdicts, ()), mail, known or facts(), setup, NOW)


def the_item(decision: Decision) -> WorkItem:
    (item,) = decision.items
    return item


def kinds(decision: Decision) -> list[EntryKind]:
    return [entry.kind for entry in decision.entries]


def entry_of(decision: Decision, kind: EntryKind) -> Entry:
    return next(entry for entry in decision.entries if entry.kind is kind)


# ---------------------------------------------------------------- a new item


def test_a_mail_opens_a_ticket(example_setup: Setup) -> None:
    """A-ST-07, B-CO-08: in To Do, in the queue of the process, titled by the subject, with company, category and the address written to."""
    found = decided(example_setup, OPEN)
    item = the_item(found.decision)
    assert (item.id, item.ref, item.kind, item.status, item.reason) == ("in1.0", "101300-T", "ticket", Status.TO_DO, Reason.NEWLY_CREATED)
    assert (item.title, item.category, item.company, item.queue, item.home_queue) == ("Printer broken", "Question", "Acme", "First line", "First line")
    assert (item.connector, item.reply_from, item.process_id, item.version, item.assignee) == ("support", SUPPORT, "p-support", 0, "")
    assert found.verdicts[0].item_id == "in1.0"


def test_a_mail_opens_a_case(example_setup: Setup) -> None:
    """A-CS-01: where the route says so, the mail starts a case, in To Do."""
    verdict = replace(OPEN, process="Claim", process_id="p-claim", category="", recipient=CLAIMS, connector="claims")
    item = the_item(decided(example_setup, verdict).decision)
    assert (item.kind, item.ref, item.status) == ("case", "101300-C", Status.TO_DO)


def test_its_timeline(example_setup: Setup) -> None:
    """A-TL-01, A-CM-04: the creation by the system, the mail at its receipt by its sender, the acknowledgement."""
    decision = decided(example_setup, OPEN).decision
    assert kinds(decision) == [EntryKind.CREATED, EntryKind.MAIL_IN, EntryKind.MAIL_OUT]
    mail_in = entry_of(decision, EntryKind.MAIL_IN)
    assert (mail_in.at, mail_in.by, mail_in.inbound_id) == (CAME, JO.key, "in1")


def test_the_sender_becomes_its_contact(example_setup: Setup) -> None:
    """B-CO-03, A-CX-16: primary contact, requester and original requester."""
    assert decided(example_setup, OPEN).decision.contacts == (ContactOnItem("in1.0", JO.address, "Jo Martin", ("primary", "original_requester", "requester")),)


def test_others_become_cc(example_setup: Setup) -> None:
    """Outsiders in To and Cc are Cc contacts; addresses of ours and agents are not; Bcc and broken addresses do not count."""
    mail = replace(MAIL, to=(Address(SUPPORT), Address("boss@acme.example", "Boss")), cc=(Address("ann@demo.example"), Address("undisclosed"), Address("x@y.example")))
    decision = decided(example_setup, OPEN, mail=mail).decision
    assert [(one.address, one.tags) for one in decision.contacts[1:]] == [("boss@acme.example", ("cc",)), ("x@y.example", ("cc",))]


def test_participants(example_setup: Setup) -> None:
    """decisions.md: everyone in From, Reply-To, To and Cc of a joined mail, never an address of ours."""
    mail = replace(MAIL, reply_to=(Address("Other@Acme.example"),), cc=(Address("x@y.example"), Address("support+1-T@demo.example")))
    assert decided(example_setup, OPEN, mail=mail).decision.participants == (
        ("in1.0", "jo@acme.example"),
        ("in1.0", "other@acme.example"),
        ("in1.0", "x@y.example"),
    )


def test_hostile_numbers_of_people(example_setup: Setup) -> None:
    """A mail to ten thousand people brings a bounded number of contacts and participants."""
    mail = replace(MAIL, cc=tuple(Address(f"u{n}@y.example") for n in range(10_000)))
    decision = decided(example_setup, OPEN, mail=mail).decision
    assert len(decision.contacts) == 51
    assert len(decision.participants) == 500


def test_over_long_addresses_are_left_out(example_setup: Setup) -> None:
    """An address longer than any mail system takes is no participant, and does not break the database."""
    mail = replace(MAIL, from_=(Address("a" * 5_000 + "@acme.example"),))
    decision = decided(example_setup, replace(OPEN, requester=mail.from_[0]), mail=mail, known=facts(sender_key=mail.from_[0].key)).decision
    assert decision.contacts == ()
    assert decision.participants == ()
    assert decision.mails == ()
    assert all(len(entry.by) <= 320 for entry in decision.entries)


TITLES = [
    ("Printer broken", "Printer broken"),
    ("Re: [101203-T] Printer", "Re: Printer"),
    ("  two   spaces ", "two spaces"),
    ("[101203-T]", "It does not print."),
    ("", "It does not print."),
    ("Re:", "It does not print."),
    ("x" * 3_000, "x" * 500),
]


@pytest.mark.parametrize(("subject", "title"), TITLES)
def test_titles(example_setup: Setup, subject: str, title: str) -> None:
    """B-CO-08: the subject without our references, else the first line of the text."""
    assert the_item(decided(example_setup, OPEN, mail=replace(MAIL, subject=subject)).decision).title == title


def test_a_mail_without_any_words(example_setup: Setup) -> None:
    """decisions.md 12: a mail of which nothing could be read still opens an item with a title."""
    decision = decided(example_setup, replace(OPEN, requester=None), mail=Mail(partial=True), known=facts(sender_key="")).decision
    assert the_item(decision).title == "(no subject)"
    assert decision.contacts == decision.participants == decision.mails == ()


COMPANIES = [
    ("jo@acme.example", frozenset(), "Acme"),
    ("jo@elsewhere.example", frozenset(), ""),
    ("jo@elsewhere.example", frozenset({"Globex"}), "Globex"),
    ("jo@acme.example", frozenset({"Globex"}), "Acme"),
]


@pytest.mark.parametrize(("address", "contact", "company"), COMPANIES)
def test_companies(example_setup: Setup, address: str, contact: frozenset[str], company: str) -> None:
    """The owner of the sender's domain, else the company of the contact we know."""
    mail = replace(MAIL, from_=(Address(address),))
    known = facts(sender_key=mail.from_[0].key, sender_companies=contact)
    assert the_item(decided(example_setup, replace(OPEN, requester=mail.from_[0]), mail=mail, known=known).decision).company == company


LANGUAGES = [
    ("Bonjour, nous avons un problème avec notre imprimante, merci pour votre aide.", "fr"),
    ("Hello, our printer is not working and we need it, please help.", "en"),
    ("???", "en"),
]


@pytest.mark.parametrize(("text", "language"), LANGUAGES)
def test_languages(example_setup: Setup, text: str, language: str) -> None:
    """The item speaks the mail's language if it is clearly one of ours, else the desk's; the acknowledgement follows."""
    decision = decided(example_setup, OPEN, mail=replace(MAIL, new_text=text, subject="x")).decision
    assert (the_item(decision).language, decision.mails[0].language) == (language, language)


def test_its_id_is_known_from_now_on(example_setup: Setup) -> None:
    """Answers to the customer's own mail find the item; a mail without id leaves none."""
    known = decided(example_setup, OPEN).decision.known_ids
    assert [(one.message_id, one.item_id, one.direction, one.source_id) for one in known] == [("new@acme.example", "in1.0", "in", "in1")]
    assert decided(example_setup, OPEN, mail=replace(MAIL, message_id="")).decision.known_ids == ()


def test_one_mail_to_two_addresses(example_setup: Setup) -> None:
    """decisions.md 7, B-RT-07: one item each, linked to each other, each saying where the other is."""
    second = replace(OPEN, recipient=CLAIMS, connector="claims", reply_from=CLAIMS, process="Claim", process_id="p-claim", opens=1)
    found = decided(example_setup, OPEN, second)
    assert [item.ref for item in found.decision.items] == ["101300-T", "101301-C"]
    assert found.decision.links == (Link("in1.0", "in1.1", "same_mail"),)
    said = [entry.text for entry in found.decision.entries if entry.kind is EntryKind.LINK]
    assert said == ["Also 101301-C at Claim: the same mail.", "Also 101300-T at General support: the same mail."]
    assert [verdict.item_id for verdict in found.verdicts] == ["in1.0", "in1.1"]


def test_two_addresses_that_share_an_item(example_setup: Setup) -> None:
    """decisions.md 7: two verdicts with one number make one item, one entry and one acknowledgement."""
    found = decided(example_setup, OPEN, replace(OPEN, recipient="help@demo.example"))
    assert len(found.decision.items) == len(found.decision.mails) == 1
    assert [verdict.item_id for verdict in found.verdicts] == ["in1.0", "in1.0"]


def test_another_copy_of_the_same_mail(example_setup: Setup) -> None:
    """A copy fetched from another mailbox opens an item that is linked to the first copy's."""
    assert decided(example_setup, OPEN, known=facts(same_mail=("i9",))).decision.links == (Link("in1.0", "i9", "same_mail"),)


def test_numbers_go_on_after_a_replay(example_setup: Setup) -> None:
    """Items that an earlier run opened keep their ids; the next one gets the next."""
    assert the_item(decided(example_setup, OPEN, known=facts(first=1)).decision).id == "in1.1"


def test_the_requester_may_be_somebody_else(example_setup: Setup) -> None:
    """decisions.md 11: the person behind a form or a forward is the contact; the acknowledgement still goes to the author alone."""
    decision = decided(example_setup, replace(OPEN, requester=Address("real@globex.example", "Real"))).decision
    assert decision.contacts[0].address == "real@globex.example"
    assert the_item(decision).company == "Globex"
    assert [one.address.address for one in decision.mails[0].recipients] == [JO.address]


def test_rejected_as_spam(example_setup: Setup) -> None:
    """B-BL-02, A-MG-T3: the ticket is created and at once closed, without a word to anybody."""
    decision = decided(example_setup, replace(OPEN, action=Action.REJECT_AS_SPAM, send_automated_emails=False)).decision
    item = the_item(decision)
    assert (item.status, item.resolution_method, item.queue) == (Status.CLOSED, ResolutionMethod.REJECTED_AS_SPAM, "")
    assert decision.mails == ()
    assert entry_of(decision, EntryKind.STATUS).facts["resolution_method"] == "rejected_as_spam"


# ---------------------------------------------------------------- onto an item


def test_joined(example_setup: Setup) -> None:
    """B-EF-01: appended at its receipt, marked, its people tied to the item, its id known; no acknowledgement."""
    decision = decided(example_setup, JOIN, known=facts(an_item())).decision
    assert (the_item(decision).new_information, the_item(decision).version, the_item(decision).status) == (True, 3, Status.TO_DO)
    assert kinds(decision) == [EntryKind.MAIL_IN]
    assert decision.participants == (("i1", JO.key),)
    assert [one.message_id for one in decision.known_ids] == ["new@acme.example"]
    assert decision.mails == decision.contacts == ()


WAKES = [
    ("ticket", Place(Status.DRAFT), Place(Status.DRAFT)),
    ("ticket", Place(Status.TO_DO), Place(Status.TO_DO)),
    ("ticket", Place(Status.IN_PROGRESS), Place(Status.IN_PROGRESS)),
    ("ticket", Place(Status.WAIT, WaitType.MORE_INFORMATION), Place(Status.TO_DO)),
    ("ticket", Place(Status.WAIT, WaitType.UNTIL), Place(Status.WAIT, WaitType.UNTIL)),
    ("ticket", Place(Status.WAIT, WaitType.SPLIT), Place(Status.WAIT, WaitType.SPLIT)),
    ("ticket", Place(Status.WAIT, WaitType.CASE_LAUNCHED), Place(Status.WAIT, WaitType.CASE_LAUNCHED)),
    ("ticket", Place(Status.RESOLVED), Place(Status.TO_DO)),
    ("case", Place(Status.WAIT, WaitType.PAUSE), Place(Status.WAIT, WaitType.PAUSE)),
    ("case", Place(Status.WAIT, WaitType.MORE_INFORMATION), Place(Status.TO_DO)),
    ("case", Place(Status.RESOLVED), Place(Status.TO_DO)),
]


@pytest.mark.parametrize(("kind", "was", "becomes"), WAKES)
def test_what_a_mail_wakes(example_setup: Setup, kind: str, was: Place, becomes: Place) -> None:
    """The wait for information and a resolution end; all other states stay, marked.

    B-EF-01, B-EF-02, B-EF-03, B-EF-05, B-EF-06, A-TK-11, A-TK-22, A-CS-12, decisions.md 6, E-10.
    """
    item = the_item(decided(example_setup, JOIN, known=facts(an_item(place=was, kind=kind))).decision)
    assert item.place == becomes
    assert item.new_information


@pytest.mark.parametrize("was", [row[1] for row in WAKES if row[0] == "ticket"])
def test_what_does_not_count_wakes_nothing(example_setup: Setup, was: Place) -> None:
    """decisions.md 2, E-08: automatic mail is appended and shown; no state changes, no clock is touched."""
    clocks = Clocks(answer_within=timedelta(days=2), answer_due=NOW + timedelta(days=1))
    verdict = replace(JOIN, action=Action.APPEND, counts=False)
    decision = decided(example_setup, verdict, known=facts(an_item(place=was, clocks=clocks))).decision
    item = the_item(decision)
    assert (item.place, item.clocks, item.new_information) == (was, clocks, True)
    assert EntryKind.STATUS not in kinds(decision)
    assert decision.participants == ()
    assert entry_of(decision, EntryKind.MAIL_IN).facts["counts"] is False


def test_a_woken_item_has_no_clocks(example_setup: Setup) -> None:
    """A-TK-11, B-EF-03, B-CO-09: when the answer has come, the countdown is over; whoever had the item has it again (D2); the reason is told."""
    clocks = Clocks(answer_within=timedelta(days=2), answer_due=NOW + timedelta(days=1), close_if_no_answer=True)
    was = an_item(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), clocks=clocks, owner="ann@demo.example", queue="")
    decision = decided(example_setup, JOIN, known=facts(was)).decision
    item = the_item(decision)
    assert item.clocks == Clocks()
    assert (item.assignee, item.owner, item.queue) == ("ann@demo.example", "", "First line")
    status = entry_of(decision, EntryKind.STATUS)
    assert (status.facts["from"], status.facts["to"], status.facts["reason"], status.system) == ("wait", "to_do", "new_information_received", True)


def test_a_reopened_item_keeps_its_resolution(example_setup: Setup) -> None:
    """A-ST-16, A-TK-22, B-CO-10: reopened by the system; who resolved it and how is kept, the method is no longer its state."""
    resolution = Resolved("ann@demo.example", CAME, ResolutionMethod.WITH_CUSTOMER_RESPONSE)
    was = an_item(
        place=Place(Status.RESOLVED),
        resolution=resolution,
        resolution_method=ResolutionMethod.WITH_CUSTOMER_RESPONSE,
        clocks=Clocks(feedback_window=timedelta(days=5), feedback_until=NOW + timedelta(days=1)),
    )
    item = the_item(decided(example_setup, JOIN, known=facts(was)).decision)
    assert (item.status, item.resolution, item.resolution_method, item.clocks.alarm_at) == (Status.TO_DO, resolution, None, None)


def test_a_clock_of_a_wait_that_stays_goes_on(example_setup: Setup) -> None:
    """decisions.md 6: a mail does not end a wait until a date; its alarm stays."""
    was = an_item(place=Place(Status.WAIT, WaitType.UNTIL), clocks=Clocks(wait_until=NOW + timedelta(days=3)))
    assert the_item(decided(example_setup, JOIN, known=facts(was)).decision).clocks.wait_until == NOW + timedelta(days=3)


def test_doubtful_mail_stops_the_countdowns(example_setup: Setup) -> None:
    """decisions.md 1: mail of doubtful nature stops the countdowns from its receipt on, until somebody has seen it; the state stays."""
    clocks = Clocks(answer_within=timedelta(days=2), answer_due=NOW + timedelta(days=1))
    was = an_item(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), clocks=clocks)
    item = the_item(decided(example_setup, replace(JOIN, action=Action.APPEND, counts=False, doubtful=True), known=facts(was)).decision)
    assert (item.status, item.clocks.stopped_by, item.clocks.stopped_at, item.clocks.alarm_at) == (Status.WAIT, (f"{UNSEEN}in1",), CAME, None)


def test_a_quiet_mail_changes_nothing(example_setup: Setup) -> None:
    """History and reports are written down on the item, which is not even saved; so closed items stay as they are."""
    decision = decided(example_setup, replace(JOIN, counts=False, quiet=True), known=facts(an_item(place=Place(Status.CLOSED)))).decision
    assert decision.items == ()
    assert kinds(decision) == [EntryKind.MAIL_IN]


def test_the_sender_is_added_as_cc(example_setup: Setup) -> None:
    """Evidence table, B-CO-06: a colleague who joins becomes a Cc contact; the contacts of the item are never replaced."""
    decision = decided(example_setup, replace(JOIN, adds_cc=True), known=facts(an_item())).decision
    assert decision.contacts == (ContactOnItem("i1", JO.address, "Jo Martin", ("cc",)),)


def test_two_addresses_of_one_item(example_setup: Setup) -> None:
    """Two addresses of ours that lead to one item make one entry and one change."""
    decision = decided(example_setup, JOIN, replace(JOIN, recipient=CLAIMS), known=facts(an_item())).decision
    assert len(decision.items) == len(decision.entries) == 1


def test_several_items(example_setup: Setup) -> None:
    """E-04: each referenced item is appended to."""
    decision = decided(example_setup, JOIN, replace(JOIN, item_id="i2"), known=facts(an_item(1), an_item(2))).decision
    assert [item.id for item in decision.items] == ["i1", "i2"]
    assert [one.item_id for one in decision.known_ids] == ["i1", "i2"]


# ---------------------------------------------------------------- held


def test_held(example_setup: Setup) -> None:
    """decisions.md: a held mail is shown, marks the item, stops its countdowns from its receipt on, wakes nothing, ties nobody, is never acknowledged."""
    clocks = Clocks(answer_within=timedelta(days=2), answer_due=NOW + timedelta(days=1))
    was = an_item(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), clocks=clocks, owner="ann@demo.example", queue="")
    found = decided(example_setup, replace(JOIN, action=Action.HOLD, counts=False), known=facts(was))
    item = the_item(found.decision)
    assert (item.status, item.new_information, item.clocks.stopped_by, item.clocks.stopped_at) == (Status.WAIT, True, ("in1",), CAME)
    assert item.clocks.alarm_at is None
    assert kinds(found.decision)[0] is EntryKind.MAIL_HELD
    assert found.decision.participants == found.decision.contacts == found.decision.known_ids == found.decision.mails == ()


def test_a_held_mail_brings_the_item_to_the_inbox(example_setup: Setup) -> None:
    """B-EF-05b: the mark puts the item before an assignee and into its queue while it still waits."""
    was = an_item(place=Place(Status.WAIT, WaitType.UNTIL), owner="ann@demo.example", queue="")
    item = the_item(decided(example_setup, replace(JOIN, action=Action.HOLD, counts=False), known=facts(was)).decision)
    assert (item.assignee, item.owner, item.queue) == ("ann@demo.example", "", "First line")


def test_what_stood_still_for_a_quarantined_mail_goes_on(example_setup: Setup) -> None:
    """decisions.md 1: once the mail has been read after all, clocks that stood still because of it go on with the time that was left."""
    clocks = Clocks(answer_within=timedelta(days=2), answer_due=NOW, stopped_by=("in1",), stopped_at=NOW - timedelta(hours=3))
    was = an_item(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), clocks=clocks)
    item = the_item(decided(example_setup, Verdict(SUPPORT, Action.IGNORE, "x"), known=facts(was)).decision)
    assert (item.clocks.stopped_by, item.clocks.answer_due) == ((), NOW + timedelta(hours=3))


# ---------------------------------------------------------------- follow-ups

FOLLOW = replace(OPEN, action=Action.FOLLOW_UP, link="follow_up_of", old_id="i1", copies=True)
OLD = an_item(1, Place(Status.CLOSED), category="Incident/Network", language="fr")
OLD_CONTACTS = (
    ContactOnItem("i1", "old@acme.example", "Old", ("primary", "requester", "original_requester")),
    ContactOnItem("i1", "cc@acme.example", "Cc", ("cc",)),
    ContactOnItem("i1", "subject@acme.example", "Subject", ("primary", "subject")),
)


def test_a_follow_up(example_setup: Setup) -> None:
    """A-TK-24, decisions.md 4: a new item in To Do, linked to the closed one, which stays as it is and says so."""
    decision = decided(example_setup, FOLLOW, known=facts(OLD, contacts={"i1": OLD_CONTACTS})).decision
    assert (the_item(decision).status, decision.links) == (Status.TO_DO, (Link("in1.0", "i1", "follow_up_of"),))
    assert next(entry for entry in decision.entries if entry.item_id == "i1").text == "101300-T follows this up."
    assert entry_of(decision, EntryKind.CREATED).facts["follow_up_of"] == "1-T"


def test_a_follow_up_copies_contacts_and_data(example_setup: Setup) -> None:
    """decisions.md 4, E-15: contacts of the old item come along, but the new one has its own requester; language and company are kept."""
    mail = replace(MAIL, from_=(Address("cc@acme.example"),))
    verdict = replace(FOLLOW, requester=mail.from_[0], category="")
    decision = decided(example_setup, verdict, mail=mail, known=facts(OLD, sender_key="cc@acme.example", contacts={"i1": OLD_CONTACTS})).decision
    assert [(one.address, one.tags) for one in decision.contacts] == [
        ("cc@acme.example", ("primary", "original_requester", "requester")),
        ("old@acme.example", ("cc",)),
        ("cc@acme.example", ("cc",)),
        ("subject@acme.example", ("subject",)),
    ]
    assert (the_item(decision).language, the_item(decision).category) == ("fr", "Incident/Network")


def test_a_follow_up_by_somebody_else_copies_nothing(example_setup: Setup) -> None:
    """E-15: who took no part gets nothing of the old item."""
    stranger = Address("stranger@elsewhere.example")
    mail = replace(MAIL, from_=(stranger,))
    verdict = replace(FOLLOW, requester=stranger, copies=False, category="")
    decision = decided(example_setup, verdict, mail=mail, known=facts(OLD, sender_key=stranger.key, contacts={"i1": OLD_CONTACTS})).decision
    assert [one.address for one in decision.contacts] == [stranger.address]
    assert (the_item(decision).company, the_item(decision).category, the_item(decision).language) == ("", "", "en")


def test_a_marked_item(example_setup: Setup) -> None:
    """Evidence table: the new item is marked "may belong to", and the other item says that it was opened."""
    decision = decided(example_setup, replace(OPEN, link="may_belong_to", old_id="i1"), known=facts(an_item())).decision
    assert decision.links == (Link("in1.0", "i1", "may_belong_to"),)
    assert entry_of(decision, EntryKind.CREATED).facts["may_belong_to"] == "1-T"
    assert [item.id for item in decision.items] == ["in1.0"]


# ---------------------------------------------------------------- acknowledgements


def the_draft(found: OnMail) -> Draft:
    (draft,) = found.decision.mails
    return draft


def test_an_acknowledgement(example_setup: Setup) -> None:
    """B-RT-17, C-TP-01, E-36: from the address that was written to, to the author alone, in the thread of the mail, at once."""
    draft = the_draft(decided(example_setup, OPEN))
    assert (draft.id, draft.item_id, draft.purpose, draft.connector, draft.due_at) == ("d0", "in1.0", Purpose.ACKNOWLEDGEMENT, "support", NOW)
    assert draft.from_ == Address(SUPPORT, "Demo desk")
    assert draft.recipients == (Recipient(JO),)
    assert (draft.in_reply_to, draft.references) == ("new@acme.example", ("a@x", "new@acme.example"))
    assert (draft.author, draft.importance, draft.hold_reason) == ("", Importance.NORMAL, "")


SUBJECTS = [(True, False, True), (False, True, True), (False, False, False)]


@pytest.mark.parametrize(("known", "authenticated", "shown"), SUBJECTS)
def test_the_subject_of_an_acknowledgement(example_setup: Setup, known: bool, authenticated: bool, shown: bool) -> None:
    """decisions.md 9: a neutral subject unless the sender is known or DMARC passed."""
    draft = the_draft(decided(example_setup, OPEN, known=facts(sender_known=known, authenticated=authenticated)))
    assert (draft.facts.get("subject") == "Printer broken") is shown
    assert ("title" in draft.facts, "contact_name" in draft.facts, bool(draft.recipients[0].address.name)) == (shown, shown, shown)


def test_copies_of_an_acknowledgement(example_setup: Setup) -> None:
    """decisions.md 9: Cc only to known contacts of the sender's company."""
    mail = replace(MAIL, cc=(Address("kim@acme.example"), Address("new@acme.example"), Address("x@globex.example"), Address(SUPPORT), JO))
    known = facts(known_people={"kim@acme.example": "Acme", "x@globex.example": "Globex", JO.key: "Acme", SUPPORT: "Acme"})
    assert [(one.address.address, one.role) for one in the_draft(decided(example_setup, OPEN, mail=mail, known=known)).recipients] == [
        (JO.address, "to"),
        ("kim@acme.example", "cc"),
    ]
    listed = replace(example_setup, blocked_addresses=(BlockedAddress("kim@acme.example", BlockEffect.NO_AUTOMATED_EMAILS),))
    assert len(the_draft(decided(listed, OPEN, mail=mail, known=known)).recipients) == 1, "nor to one on the block list"
    stranger = Address("x@elsewhere.example")
    outside = replace(mail, from_=(stranger,))
    assert len(the_draft(decided(example_setup, replace(OPEN, requester=stranger), mail=outside, known=known)).recipients) == 1


NO_ANSWER = [
    ("the route says no", {"verdict": {"send_automated_emails": False}}, "route"),
    ("automatic mail", {"kind": Classification(Kind.AUTO_GENERATED, may_answer=False, reasons=("List-Id: x",))}, "List-Id"),
    ("DMARC failed", {"facts": {"dmarc_failed": True}}, "DMARC"),
    ("archive", {"facts": {"archive": True}}, "archive"),
    ("suppressed", {"facts": {"suppressed": frozenset({JO.key})}}, "came back"),
    ("no author", {"mail": {"from_": ()}}, "no address"),
    ("unwritable author", {"mail": {"from_": (Address("jo martin@acme.example"),)}}, "no address"),
    ("header injection", {"mail": {"from_": (Address("jo@acme.example\r\nBcc: x@y.example"),)}}, "no address"),
    ("sender had 20 today", {"facts": {"lately": Lately(sender=20)}}, "24 hours"),
    ("item had one just now", {"facts": {"lately": Lately(item=1)}}, "5 minutes"),
]


@pytest.mark.parametrize(("name", "change", "because"), NO_ANSWER, ids=[row[0] for row in NO_ANSWER])
def test_no_acknowledgement(example_setup: Setup, name: str, change: dict[str, object], because: str) -> None:
    """Contract section 6, decisions.md 9, E-09: no automatic mail in these cases, and the trace says why; the item is opened all the same."""
    found = decided(
        example_setup,
        replace(OPEN, **change.get("verdict", {})),  # type: ignore[arg-type]
        mail=replace(MAIL, **change.get("mail", {})),  # type: ignore[arg-type]
        known=facts(**change.get("facts", {})),  # type: ignore[arg-type]
        kind=change.get("kind"),  # type: ignore[arg-type]
    )
    assert found.decision.mails == ()
    assert len(found.decision.items) == 1
    assert EntryKind.MAIL_OUT not in kinds(found.decision)
    (step,) = found.trace
    assert (step.step, step.outcome) == ("acknowledge", "none")
    assert because in step.because


def test_the_hourly_brake_holds(example_setup: Setup) -> None:
    """decisions.md 9: above 600 an hour automatic mails are held for a person to release."""
    found = decided(example_setup, OPEN, known=facts(lately=Lately(over_hour=True)))
    assert "600 automatic mails within an hour" in the_draft(found).hold_reason
    assert found.trace[0].outcome == "held"


def test_the_brake_counts_this_mail_too(example_setup: Setup) -> None:
    """Two items from one mail: the second acknowledgement meets the sender's brake that the first one filled."""
    second = replace(OPEN, recipient=CLAIMS, opens=1)
    found = decided(example_setup, OPEN, second, known=facts(lately=Lately(sender=19)))
    assert len(found.decision.mails) == 1
    assert len(decided(example_setup, OPEN, second, known=facts(brakes=Brakes(per_sender_day=2))).decision.mails) == 2


def test_a_connector_that_only_receives(example_setup: Setup) -> None:
    """C-GW-02, E-36: the desk's default connector takes its mail out, and From stays the address that was written to; with none that sends there is no
    acknowledgement."""
    claims: Connector = replace(example_setup.connectors[1], direction="incoming")
    setup = replace(example_setup, connectors=(example_setup.connectors[0], claims))
    verdict = replace(OPEN, recipient=CLAIMS, connector="claims", reply_from=CLAIMS)
    draft = the_draft(decided(setup, verdict))
    assert (draft.connector, draft.from_.address) == ("support", CLAIMS)
    silent = replace(setup, connectors=tuple(replace(one, direction="incoming") for one in setup.connectors))
    found = decided(silent, verdict)
    assert found.decision.mails == ()
    assert "no connector" in found.trace[0].because


# ---------------------------------------------------------------- bounces and nothing


def returned(purpose: Purpose = Purpose.PERSON) -> OutboxMessage:
    return OutboxMessage(
        "out1",
        1,
        "i1",
        OutboxState.SENT,
        CAME,
        CAME,
        "ann@demo.example" if purpose is Purpose.PERSON else "",
        purpose,
        purpose is not Purpose.PERSON,
        "support",
        Importance.NORMAL,
        "out1.mac@demo.example",
        SUPPORT,
        "Re: Printer",
        (Recipient(JO),),
    )


BOUNCE = Verdict(SUPPORT, Action.BOUNCE, "it returns a mail of ours", item_id="i1", outbox_id="out1")
REPORT = replace(MAIL, from_=(Address("mailer-daemon@acme.example"),), report=Report((FailedRecipient(JO.address, "failed", "5.1.1", "no such user"),)))


def test_a_persons_mail_comes_back(example_setup: Setup) -> None:
    """decisions.md 3: the item goes to To Do because the delivery failed, its countdown is off, the recipient is marked, the report is shown."""
    clocks = Clocks(answer_within=timedelta(days=2), answer_due=NOW + timedelta(days=1))
    was = an_item(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), clocks=clocks)
    decision = decided(example_setup, BOUNCE, mail=REPORT, known=facts(was, returned=returned())).decision
    item = the_item(decision)
    assert (item.status, item.reason, item.clocks.alarm_at) == (Status.TO_DO, Reason.DELIVERY_FAILED, None)
    assert decision.outbox[0].recipients[JO.key][0] == "bounced"
    assert EntryKind.MAIL_IN in kinds(decision)
    assert decision.suppressions[0].address_key == JO.key


def test_an_automatic_mail_comes_back(example_setup: Setup) -> None:
    """decisions.md 3: the bounce of an automatic mail marks the mail only."""
    decision = decided(example_setup, BOUNCE, mail=REPORT, known=facts(an_item(), returned=returned(Purpose.ACKNOWLEDGEMENT))).decision
    assert decision.items == ()
    assert decision.outbox[0].outbox_id == "out1"


@pytest.mark.parametrize("action", [Action.IGNORE, Action.UNHANDLED, Action.DUPLICATE])
def test_nothing_happens(example_setup: Setup, action: Action) -> None:
    """What is ignored, unhandled or a duplicate changes no item."""
    assert decided(example_setup, Verdict(SUPPORT, action, "because"), known=facts(an_item())).decision == Decision()


def test_a_bounce_of_nothing(example_setup: Setup) -> None:
    """A report that could not be tied changes nothing."""
    assert decided(example_setup, Verdict(SUPPORT, Action.BOUNCE, "untied"), mail=REPORT).decision == Decision()
