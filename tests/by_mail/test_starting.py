"""Work that an agent starts by mail: a customer's mail handed on, and the process chosen by a command (Agents by mail, 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from core.agent_trust import Distrust, Proof
from core.mail import Address, Forwarded, Mail
from core.setup import Process, Setup
from core.verdict import Action, Verdict
from gateway.clock import FakeClock
from gateway.inbound import rehearse
from gateway.keys import Keys
from gateway.routing.starting import without_command
from gateway.store.engine import Database
from gateway.store.schema import participant
from tests.by_mail.mailroom import VOUCHED, MailRoom
from tests.inbound.way_in import ANN, JO, SUPPORT, a_raw
from tests.routing.examples import PASS, a_mail, a_target, resolved

FORWARDED = Forwarded(Address(JO, "Jo Martin"), subject="Printer", text="It is broken.")
BELIEVED: dict[str, object] = {"user": ANN, "proof": Proof.DMARC, "sender_authentication": PASS}


def a_forward(text: str = "Please take this.", subject: str = "Fwd: Printer", **more: object) -> Mail:
    """Jo's mail to Ann, handed on to the mailbox."""
    return a_mail(from_=ANN, subject=subject, text=text, new_text=text, **{"forwarded": FORWARDED, **more})


def opened(setup: Setup, mail: Mail, *targets, **facts: object) -> list[Verdict]:  # type: ignore[no-untyped-def]
    return list(resolved(setup, mail, None, *targets, **{**BELIEVED, **facts}).verdicts)  # type: ignore[arg-type]


def test_a_forward(example_setup: Setup) -> None:
    """decisions.md 11: the original sender asks, the agent started it, and automatic mail is as the route says."""
    (verdict,) = opened(example_setup, a_forward())
    assert (verdict.action, verdict.requester, verdict.created_by) == (Action.OPEN, Address(JO, "Jo Martin"), ANN)
    assert (verdict.process, verdict.category, verdict.send_automated_emails) == ("General support", "Question", True)


NOT_PROVED: list[dict[str, object]] = [{"proof": "", "sender_authentication": None}, {"seen": "replayed"}]


@pytest.mark.parametrize("facts", NOT_PROVED)
def test_a_forward_that_may_be_forged(example_setup: Setup, facts: dict[str, object]) -> None:
    """It is opened for the original sender, who gets no automatic mail, now or later; nobody is named as having started it, no process is chosen."""
    (verdict,) = opened(example_setup, a_forward("#case Claim\nPlease."), **facts)
    assert (verdict.action, verdict.requester, verdict.created_by) == (Action.OPEN, Address(JO, "Jo Martin"), "")
    assert (verdict.process, verdict.send_automated_emails) == ("General support", False)


CHOICES = [
    ("#case Claim", "Claim"),
    ("#dossier claim", "Claim"),
    ("#case cl", "Claim"),
    ("#case", "Claim"),
    ("#ticket", "General support"),
    ("#ticket general", "General support"),
    ("#ticket Hardware", "Hardware"),
]


def with_more(setup: Setup) -> Setup:
    return replace(setup, processes=(*setup.processes, Process("p-hard", "ticket", "Hardware", queue="First line")))


@pytest.mark.parametrize(("command", "wanted"), CHOICES)
def test_the_process_is_chosen(example_setup: Setup, command: str, wanted: str) -> None:
    """By its name or a beginning that only one has; without a name the route's own, or the only one of its kind."""
    (verdict,) = opened(with_more(example_setup), a_forward(f"{command}\nPlease take this."))
    assert (verdict.action, verdict.process, verdict.created_by) == (Action.OPEN, wanted, ANN)
    assert verdict.category == ("Question" if wanted == "General support" else "")


IN_VAIN = [("#case Nonsense", ("Claim",)), ("#ticket Claim", ("General support", "Hardware"))]


@pytest.mark.parametrize(("command", "possible"), IN_VAIN)
def test_a_process_that_there_is_not(example_setup: Setup, command: str, possible: tuple[str, ...]) -> None:
    """The mail goes by its route all the same, and the agent learns what there is."""
    verdict, told = opened(with_more(example_setup), a_forward(command))
    assert (verdict.action, verdict.process, verdict.created_by) == (Action.OPEN, "General support", ANN)
    assert (told.action, told.refused, told.agent, told.possible, told.item_id) == (Action.AGENT, Distrust.UNKNOWN_PROCESS, ANN, possible, "")


def test_other_commands_besides(example_setup: Setup) -> None:
    """There is no item yet that they could be about: it is opened, and the agent is told."""
    verdict, told = opened(example_setup, a_forward("#case Claim\n#take\nPlease."))
    assert (verdict.action, verdict.process) == (Action.OPEN, "Claim")
    assert (told.action, told.refused) == (Action.AGENT, Distrust.NOT_AN_ANSWER)


def test_in_the_subject(example_setup: Setup) -> None:
    """A command before the prefix of the forward, or instead of the subject; the command of a customer's subject behind it says nothing."""
    (verdict,) = opened(example_setup, a_forward(subject="#case Claim Fwd: Printer"))
    assert (verdict.process, verdict.requester) == ("Claim", Address(JO, "Jo Martin"))
    (alone,) = opened(example_setup, a_forward(subject="#case Claim"))
    assert (alone.process, alone.requester) == ("Claim", Address(JO, "Jo Martin"))
    (theirs,) = opened(example_setup, a_forward(subject="Fwd: #case Claim"))
    assert theirs.process == "General support"


def test_without_a_forward(example_setup: Setup) -> None:
    """`#case` in a mail of their own: the agent asks for themselves, in the process they chose."""
    mail = a_mail(from_=ANN, text="#case Claim\nMy chair broke.", new_text="#case Claim\nMy chair broke.")
    (verdict,) = opened(example_setup, mail)
    assert (verdict.process, verdict.requester, verdict.created_by) == ("Claim", Address(ANN), "")


def test_with_a_reference_in_it(example_setup: Setup) -> None:
    """Who says `#ticket` wants a new one, linked to the item that the mail belongs to; without the word it is filed there."""
    known: dict[str, object] = {"known": {"x@acme.example": ("i101203",)}}
    forward = a_forward("#ticket\nAnother thing.", subject="Fwd: [101203-T] Printer", in_reply_to=("x@acme.example",))
    (verdict,) = opened(example_setup, forward, a_target(), **known)
    assert (verdict.action, verdict.old_id, verdict.link) == (Action.OPEN, "i101203", "linked")
    plain = replace(forward, text="See below.", new_text="See below.")
    assert [one.action for one in opened(example_setup, plain, a_target(), **known)] == [Action.FILE]


def test_by_anybody_else(example_setup: Setup) -> None:
    """A customer's `#case` is text."""
    (verdict,) = resolved(example_setup, a_mail(text="#case Claim", new_text="#case Claim")).verdicts
    assert (verdict.action, verdict.process) == (Action.OPEN, "General support")


STRIPPED = [
    (a_forward("#case Claim\n\nPlease take this."), "Fwd: Printer", "Please take this."),
    (a_forward(subject="#case Claim TR : Imprimante"), "TR : Imprimante", "Please take this."),
    (a_forward(subject="#case Claim"), "Printer", "Please take this."),
]


@pytest.mark.parametrize(("mail", "subject", "text"), STRIPPED)
def test_the_command_is_taken_out(mail: Mail, subject: str, text: str) -> None:
    """Neither title, text nor quote ever holds it; of HTML in which it cannot be found nothing is kept but the text."""
    shown = without_command(replace(mail, html="<div>#case Claim</div><p>Please take this.</p>"))
    assert (shown.subject, shown.new_text, shown.text) == (subject, text, text)
    in_text = "#case" in mail.text
    assert shown.html == ("<div></div><p>Please take this.</p>" if in_text else "<div>#case Claim</div><p>Please take this.</p>")
    split = without_command(replace(mail, html="<b>#case</b> Claim"))
    assert not in_text or split.html == ""


# ---------------------------------------------------------------- the whole way in


@pytest.fixture
def room(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> Iterator[MailRoom]:
    """The way in, with somebody who writes down what agents' mails were handed to them."""
    yield MailRoom(database, example_setup, clock, keys)


FORWARD = (
    "#case Claim\r\nPlease take this.\r\n\r\n---------- Forwarded message ---------\r\nFrom: Jo Martin <jo@acme.example>\r\n"
    "Date: Tue, 3 Mar 2026 09:05\r\nTo: ann@demo.example\r\nSubject: Printer\r\n\r\n#resolve\r\nIt is broken."
)


def test_started_by_mail(room: MailRoom) -> None:
    """A case for the customer, made by the agent, who is neither contact nor participant; the command is nowhere to be read."""
    taken = room.take(a_raw(from_=f"Ann <{ANN}>", subject="Fwd: Printer", text=FORWARD, headers=[VOUCHED]), sender=ANN)
    (ref,) = taken["items"]
    item = room.item(ref)
    shown = room.desk().show(ref, "root@demo.example")
    assert (item.kind, item.created_by, item.assignee, item.home_queue) == ("case", ANN, "", "Claims")
    assert [one["address"] for one in shown["contacts"]] == [JO]
    created = next(line for line in shown["timeline"] if line["kind"] == "created")
    assert created["text"] == "Created by a mail that Ann Agent handed on." and created["by"] == ANN
    with room.database.read() as connection:
        tied = set(connection.execute(select(participant.c.address_key).where(participant.c.item_id == item.id)).scalars())
    assert ANN not in tied
    assert taken["text"].startswith("Please take this.")
    assert "#case" not in str(shown) + taken["text"] + item.title + "".join(str(mail.content) for mail in room.outbox())
    assert room.handed == []


def test_an_unknown_process_is_answered(room: MailRoom) -> None:
    """The item is opened by the route, and what the agent is told goes with the same commit."""
    text = FORWARD.replace("#case Claim", "#case Nonsense")
    taken = room.take(a_raw(from_=f"Ann <{ANN}>", subject="Fwd: Printer", text=text, headers=[VOUCHED]), sender=ANN)
    assert room.item(taken["items"][0]).kind == "ticket"
    assert [(one.verdict.refused, one.verdict.possible) for one in room.handed] == [(Distrust.UNKNOWN_PROCESS, ("Claim",))]


def test_rehearsed(room: MailRoom) -> None:
    """The rehearsal of routes walks the same way; nothing about the mail itself makes it another the second time."""
    room.take(a_raw(from_=f"Ann <{ANN}>", to=SUPPORT, subject="Fwd: Printer", text=FORWARD, headers=[VOUCHED]), sender=ANN)
    stage = rehearse.Stage(room.database, room.keys, room.clock, room.read)
    found = rehearse.rehearse(stage, room.setup, room.setup)
    assert (found.mails, found.unchanged) == (1, 1)
