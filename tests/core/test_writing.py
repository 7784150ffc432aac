"""A mail by a person: its recipients, sender, thread and time, and what writing it does to the item."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.conversation import A_MOMENT, MOST_REFERENCES, Conversation, warnings_before_send
from core.decision import ContactOnItem, Decision
from core.mail import Address, Importance
from core.outbox import OutboxState, Purpose
from core.recipients import MOST_RECIPIENTS, default_recipients, parse_address
from core.refusal import Refused
from core.setup import Setup
from core.status import CLOSED, DRAFT, IN_PROGRESS, RESOLVED, TO_DO, WAIT_INFORMATION, WAIT_PAUSE, Place, ResolutionMethod, Status
from core.transitions import IllegalTransition
from core.work_item import WorkItem
from core.writing import UNDO_CHOICES, Letter, letter_of, write_mail
from tests.core.people import ANN, NOW, SETUP, after, came, carl, kinds, line, made, note, scene, sent

ANN_KEY, BOB_KEY = "ann@demo.example", "bob@demo.example"
TALK = Conversation(contacts=(carl(),), last_mail=came())


def write(item: WorkItem | None = None, talk: Conversation = TALK, *, user: Any = ANN, setup: Setup = SETUP, **letter: Any) -> Decision:
    """A mail on an item."""
    return write_mail(item or made(), Letter(**{"text": "Hello.", **letter}), scene(user, setup=setup), talk, draft_id="o-9")


# ---------------------------------------------------------------- recipients

BOSS = Address("boss@acme.example", "Boss")
RECIPIENTS = [
    ("the primary contact", (carl(),), None, ["carl@acme.example"], []),
    ("who wrote last, with their name", (carl(),), came(), ["carl@acme.example"], []),
    ("at their Reply-To", (carl(),), came(reply_to=(Address("desk@acme.example"),)), ["desk@acme.example"], []),
    ("the primary contact and who wrote last", (carl(),), came(author=BOSS), ["carl@acme.example", "boss@acme.example"], []),
    ("who is tagged Cc", (carl(), ContactOnItem("i-1", BOSS.address, "Boss", ("cc",))), came(), ["carl@acme.example"], ["boss@acme.example"]),
    (
        "each once",
        (carl(), ContactOnItem("i-1", BOSS.address, "Boss", ("cc",))),
        came(author=BOSS),
        ["carl@acme.example", "boss@acme.example"],
        [],
    ),
    ("not Cc who wrote from there", (carl("cc"),), came(reply_to=(BOSS,)), ["boss@acme.example"], []),
    ("never ours", (carl(),), came(author=Address("Help+x@demo.example")), ["carl@acme.example"], []),
    ("never ours by Reply-To", (), came(reply_to=(Address("support@demo.example"), BOSS)), ["boss@acme.example"], []),
    ("not the colleague who handed it on", (carl(),), came(author=Address("ann@demo.example")), ["carl@acme.example"], []),
    (
        "the colleague who is the customer",
        (ContactOnItem("i-1", "ann@demo.example", "Ann", ("primary",)),),
        came(author=Address("ann@demo.example")),
        ["ann@demo.example"],
        [],
    ),
    ("nobody", (carl("subject"),), None, [], []),
    ("a mail without a sender", (carl(),), came(author=None), ["carl@acme.example"], []),
]


@pytest.mark.parametrize(("contacts", "last", "to", "cc"), [one[1:] for one in RECIPIENTS], ids=[one[0] for one in RECIPIENTS])
def test_whom_an_answer_goes_to(contacts: tuple[ContactOnItem, ...], last: Any, to: list[str], cc: list[str]) -> None:
    """C-CO-01, E-40, E-41: the primary contact, whoever wrote last at their Reply-To, the Cc contacts; never an address of ours."""
    found = default_recipients(Conversation(contacts=contacts, last_mail=last), scene())
    assert tuple([one.address for one in some] for some in found) == (to, cc)


def test_named_recipients_replace_the_defaults() -> None:
    """Whoever is named is written to, each once, the first role wins; Bcc is nobody's participant."""
    decision = write(to=("A <a@x.example>", "b@x.example"), cc=("A@x.example",), bcc=("c@x.example",))
    (draft,) = decision.mails
    assert [(one.address.address, one.role) for one in draft.recipients] == [("a@x.example", "to"), ("b@x.example", "to"), ("c@x.example", "bcc")]
    assert draft.recipients[0].address.name == "A"
    assert set(decision.participants) == {("i-1", "a@x.example"), ("i-1", "b@x.example")}


BAD = ["", "x", "x@", "@y", "a b@y.example", "a@y.example, b@y.example", "a@b@c.example", "a@y.example>", "<a@y.example> x", "a\r\nBcc: v@y.example", "A <>"]


@pytest.mark.parametrize("address", BAD)
def test_what_is_no_address_is_refused(address: str) -> None:
    """One address at a time, and nothing that could become a header."""
    with pytest.raises(Refused, match="is not an e-mail address"):
        parse_address(address)


@given(st.text(max_size=200))
def test_no_text_makes_an_address_with_line_ends(text: str) -> None:
    """Header injection: whatever is typed, an accepted address and name have neither controls nor spaces in the wrong place."""
    try:
        address = parse_address(text)
    except Refused:
        return
    assert not set("\r\n\x00\t <>") & set(address.address)
    assert not set("\r\n\x00") & set(address.name)


def test_a_mail_needs_somebody_and_not_everybody() -> None:
    """No recipient, or more than a hundred, is refused."""
    with pytest.raises(Refused, match="nobody to write to"):
        write(talk=Conversation())
    with pytest.raises(Refused, match="at most 100"):
        write(to=tuple(f"a{n}@x.example" for n in range(MOST_RECIPIENTS + 1)))


# ---------------------------------------------------------------- sender, subject, thread

FROM = [
    ("the address they wrote to", {"reply_from": "help@demo.example"}, ("support", "help@demo.example")),
    ("the connector of the item", {"reply_from": ""}, ("support", "support@demo.example")),
    ("a mailbox that only receives, by the desk's connector", {"reply_from": "inbox@demo.example", "connector": "inbox"}, ("support", "inbox@demo.example")),
    ("not an address that is gone", {"reply_from": "old@demo.example", "connector": "old"}, ("support", "support@demo.example")),
]


@pytest.mark.parametrize(("more", "found"), [one[1:] for one in FROM], ids=[one[0] for one in FROM])
def test_from_where_an_answer_comes(more: dict[str, str], found: tuple[str, str]) -> None:
    """C-GW-02, E-36: the address the customer wrote to if it may send, else the item's connector, else the desk's."""
    (draft,) = write(made(**more)).mails
    assert (draft.connector, draft.from_.address, draft.from_.name) == (*found, "Ann Agent")


def test_without_a_connector_that_sends_nothing_is_written() -> None:
    """C-GW-02: the sentence says who can help."""
    with pytest.raises(Refused, match="administrator"):
        write(made(connector="", reply_from=""), setup=replace(SETUP, default_connector=""))


SUBJECTS = [
    ("", came(subject="Printer"), "Re: Printer"),
    ("", came(subject="RE: Printer"), "RE: Printer"),
    ("", came(subject="Aw: Printer"), "Aw: Printer"),
    ("", came(subject=""), "Re: Printer"),
    ("", None, "Printer"),
    ("Your\r\nBcc: x order", came(), "Your Bcc: x order"),
]


@pytest.mark.parametrize(("typed", "last", "subject"), SUBJECTS)
def test_the_subject(typed: str, last: Any, subject: str) -> None:
    """An answer says so once; a new mail carries the title; what is typed is one line."""
    (draft,) = write(talk=Conversation(contacts=(carl(),), last_mail=last), subject=typed).mails
    assert draft.subject == subject


def test_the_thread_is_first_and_newest() -> None:
    """Contract section 6: In-Reply-To the newest mail in, References bounded, the first kept, the answered one last."""
    ids = tuple(f"id-{n}@x" for n in range(100))
    (draft,) = write(talk=replace(TALK, references=(*ids, "last@acme.example", "ours@demo"))).mails
    assert draft.in_reply_to == "last@acme.example"
    assert len(draft.references) == MOST_REFERENCES
    assert (draft.references[0], draft.references[-2:]) == ("id-0@x", ("ours@demo", "last@acme.example"))
    (alone,) = write(talk=Conversation(contacts=(carl(),), references=("ours@demo",))).mails
    assert (alone.in_reply_to, alone.references) == ("", ("ours@demo",))


def test_the_draft_says_who_and_why() -> None:
    """What the outbox shows of a mail by a person."""
    (draft,) = write(importance=Importance.HIGH, html="<p>Hello.</p>").mails
    assert (draft.purpose, draft.author, draft.system_generated, draft.importance) == (Purpose.PERSON, ANN_KEY, False, Importance.HIGH)
    assert (draft.id, draft.item_id, draft.text, draft.html) == ("o-9", "i-1", "Hello.", "<p>Hello.</p>")


# ---------------------------------------------------------------- when


@pytest.mark.parametrize("undo", [timedelta(seconds=-1), timedelta(hours=1, seconds=1)])
def test_an_undo_delay_has_bounds(undo: timedelta) -> None:
    """decisions.md 14."""
    with pytest.raises(Refused, match="between 0 seconds and 1 hour"):
        write(undo=undo)


@pytest.mark.parametrize("at", [NOW, NOW - timedelta(days=1)])
def test_a_past_time_is_refused(at: datetime) -> None:
    """decisions.md 23."""
    with pytest.raises(Refused, match="is past"):
        write(send_at=at)


def test_the_choices_of_the_page() -> None:
    """decisions.md 14: 0 (off), 5, 10, 15, 20, 30, 60, 120 seconds, all of them possible."""
    assert [choice.total_seconds() for choice in UNDO_CHOICES] == [0, 5, 10, 15, 20, 30, 60, 120]
    assert all(write(undo=choice).mails[0].due_at == NOW + choice for choice in UNDO_CHOICES)


# ---------------------------------------------------------------- the item

TAKES = [
    ("ticket", TO_DO, {}, IN_PROGRESS, (ANN_KEY, "")),
    ("ticket", TO_DO, {"assignee": ANN_KEY}, IN_PROGRESS, (ANN_KEY, "")),
    ("ticket", TO_DO, {"assignee": BOB_KEY}, TO_DO, (BOB_KEY, "")),
    ("ticket", IN_PROGRESS, {"assignee": BOB_KEY}, IN_PROGRESS, (BOB_KEY, "")),
    ("ticket", IN_PROGRESS, {}, IN_PROGRESS, (ANN_KEY, "")),
    ("case", TO_DO, {}, IN_PROGRESS, ("", ANN_KEY)),
    ("case", TO_DO, {"owner": BOB_KEY}, TO_DO, ("", BOB_KEY)),
    ("ticket", WAIT_INFORMATION, {"owner": ANN_KEY}, WAIT_INFORMATION, ("", ANN_KEY)),
    ("case", WAIT_PAUSE, {"owner": BOB_KEY}, WAIT_PAUSE, ("", BOB_KEY)),
    ("ticket", RESOLVED, {"owner": BOB_KEY}, RESOLVED, ("", BOB_KEY)),
    ("ticket", CLOSED, {}, CLOSED, ("", "")),
    ("ticket", DRAFT, {"assignee": ANN_KEY}, DRAFT, (ANN_KEY, "")),
]


@pytest.mark.parametrize(("kind", "place", "more", "to", "people"), TAKES, ids=str)
def test_what_an_answer_does_to_the_item(kind: str, place: Place, more: dict[str, str], to: Place, people: tuple[str, str]) -> None:
    """A-ST-09, decisions.md 10, C-CO-05: it takes what nobody has, never from a colleague, and moves nothing else."""
    item = after(decision := write(made(kind, place, **more)))
    assert (item.place, (item.assignee, item.owner)) == (to, people)
    assert kinds(decision)[-1] == "mail_out"
    assert ("status" in kinds(decision)) == (to != place)


def test_the_mail_on_the_timeline() -> None:
    """A-CM-04, A-OB-02: what, to whom, by whom; scheduled mails with their time."""
    told = line(write(cc=("b@x.example",), to=("a@x.example",), send_at=NOW + timedelta(hours=1)), "mail_out")
    assert (told.text, told.by, told.outbox_id) == ("Hello.", ANN_KEY, "o-9")
    assert (told.facts["to"], told.facts["cc"], told.facts["scheduled_for"]) == (["a@x.example"], ["b@x.example"], "2026-03-02T10:00:00+00:00")


def test_an_empty_draft_takes_title_and_description_from_its_mail() -> None:
    """A-TK-05: only where it has neither."""
    filled = after(write(made(place=DRAFT, title=""), subject="A chair", text="Mine squeaks."))
    assert (filled.title, filled.description) == ("A chair", "Mine squeaks.")
    kept = after(write(made(place=DRAFT), subject="A chair"))
    assert (kept.title, kept.description) == ("Printer", "")


def test_answering_puts_out_the_marks_of_ones_own_item() -> None:
    """B-CO-11: whoever has the item has dealt with the news; a colleague's mark stays."""
    assert not after(write(made(new_information=True))).new_information
    assert not after(write(made(place=WAIT_PAUSE, owner=ANN_KEY, new_information=True))).new_information
    assert after(write(made(assignee=BOB_KEY, new_information=True))).new_information


def test_send_and_resolve() -> None:
    """A-TK-20, E-32, decisions.md 15: with customer response, at the click, the draft says so; the window waits for this very mail."""
    decision = write(resolve=True)
    item = after(decision)
    assert (item.status, item.resolution_method) == (Status.RESOLVED, ResolutionMethod.WITH_CUSTOMER_RESPONSE)
    assert (item.clocks.after_mail, decision.mails[0].resolves, decision.mails[0].starts_clock) == ("o-9", True, True)
    assert item.before is not None and (item.before.place, item.before.outbox_id) == (TO_DO, "o-9")
    assert [entry.kind for entry in decision.entries] == ["status", "allocation", "mail_out", "status", "allocation"]
    with pytest.raises(IllegalTransition):
        write(made(place=RESOLVED), resolve=True)


def test_send_and_resolve_without_a_window() -> None:
    """decisions.md 5 and 15: it is resolved until the mail has left, then closed; an undo in between works."""
    item = after(write(made(process_id="p-l"), resolve=True))
    assert (item.status, item.clocks.after_mail, item.clocks.feedback_window) == (Status.RESOLVED, "o-9", timedelta(0))
    assert item.before is not None


@pytest.mark.parametrize("text", ["", "  \n ", "\x00"])
def test_an_empty_mail_is_refused(text: str) -> None:
    """A mail says something."""
    with pytest.raises(Refused, match="no text"):
        write(text=text)


def test_letters_from_the_outside() -> None:
    """Choices come as texts, lists as lists, what is not given as None; nonsense is refused with a sentence."""
    letter = letter_of({"text": "x", "to": ["a@x.example"], "importance": "high", "method": "rejected", "undo": None, "cc": None})
    assert letter == Letter("x", to=("a@x.example",), importance=Importance.HIGH, method=ResolutionMethod.REJECTED)
    for wrong in ({"importance": "red"}, {"method": "magic"}, {"send_at": datetime(2030, 1, 1)}):  # noqa: DTZ001  # a naive moment is what is refused
        with pytest.raises(Refused):
            letter_of({"text": "x", **wrong})


# ---------------------------------------------------------------- warnings

BEFORE, SINCE = NOW - timedelta(minutes=10), NOW - timedelta(minutes=1)
WARNINGS = [
    ("all quiet", Conversation(last_mail=came(at=BEFORE)), NOW, 0),
    ("the customer wrote since", Conversation(last_mail=came(at=NOW)), SINCE, 1),
    ("not compared", Conversation(last_mail=came(at=NOW)), None, 0),
    ("an answer waits, the customer wrote after it", Conversation(last_mail=came(at=NOW), said=(replace(sent(OutboxState.QUEUED), at=BEFORE),)), None, 1),
    ("my own answer waits", Conversation(last_mail=came(at=BEFORE), said=(sent(OutboxState.QUEUED),)), None, 0),
    ("a colleague's answer waits", Conversation(said=(sent(OutboxState.QUEUED, by=BOB_KEY),)), None, 1),
    ("a colleague answered a moment ago", Conversation(said=(replace(sent(by=BOB_KEY), at=NOW - A_MOMENT),)), None, 1),
    ("a colleague answered long ago", Conversation(said=(replace(sent(by=BOB_KEY), at=NOW - A_MOMENT - timedelta(seconds=1)),)), None, 0),
    ("a colleague's mail was cancelled", Conversation(said=(sent(OutboxState.CANCELLED, by=BOB_KEY),)), None, 0),
    ("a colleague noted something", Conversation(said=(note(by=BOB_KEY),)), None, 0),
]


@pytest.mark.parametrize(("talk", "seen_at", "many"), [one[1:] for one in WARNINGS], ids=[one[0] for one in WARNINGS])
def test_what_the_author_should_know(talk: Conversation, seen_at: datetime | None, many: int) -> None:
    """decisions.md 16: the customer wrote while an answer waits, a colleague answers or answered a moment ago."""
    assert len(warnings_before_send(talk, by="ANN@demo.example", now=NOW, seen_at=seen_at)) == many
