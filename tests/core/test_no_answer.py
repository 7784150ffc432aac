"""The automatic mail to a customer who did not answer, and everything that is against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.brakes import Brakes, Lately
from core.conversation import MOST_REFERENCES, Conversation
from core.decision import ContactOnItem
from core.no_answer import no_answer
from core.on_time import alarm
from core.outbox import Purpose
from core.status import RESOLVED, WAIT_INFORMATION, WAIT_UNTIL
from core.told import Asked
from core.wait import Clocks
from core.work_item import WorkItem
from tests.core.people import NOW, SETUP, after, came, carl, line, made

TALK = Conversation(contacts=(carl(),), last_mail=came(), references=("first@x", "last@acme.example", "ours@demo"))


def waiting(**more: Any) -> WorkItem:
    """A ticket whose days are over."""
    clocks = Clocks(answer_within=timedelta(days=1), answer_due=NOW, close_if_no_answer=more.pop("close", False))
    return made(place=WAIT_INFORMATION, clocks=clocks, **more)


def asked(**more: Any) -> Asked:
    """Nothing against it, unless said."""
    return replace(Asked(TALK, SETUP), **more)


@pytest.mark.parametrize("closed", [False, True])
def test_the_customer_is_told(closed: bool) -> None:
    """C-TP-01, E-12: to the primary contact, from the address they wrote to, in the thread, saying whether it was closed."""
    draft = no_answer(made(), asked(), closed=closed, draft_id="o-1", now=NOW)
    assert draft is not None
    assert (draft.purpose, draft.system_generated, draft.due_at, draft.connector, draft.hold_reason) == (Purpose.NO_ANSWER, True, NOW, "support", "")
    assert [one.address.address for one in draft.recipients] == ["carl@acme.example"]
    assert (draft.from_.address, draft.in_reply_to, draft.references) == ("support@demo.example", "last@acme.example", ("first@x", "ours@demo", "last@acme.example"))
    assert (draft.facts["subject"], draft.facts["title"], draft.facts["closed"]) == ("Printer", "Printer", "yes" if closed else "")


AGAINST = [
    ("the item sends nothing automatic", {"send_automated_emails": False}, {}),
    ("no primary contact", {}, {"talk": replace(TALK, contacts=(carl("cc"),))}),
    ("an address of ours", {}, {"talk": replace(TALK, contacts=(ContactOnItem("i-1", "help@demo.example", "", ("primary",)),))}),
    ("no address at all", {}, {"talk": replace(TALK, contacts=(ContactOnItem("i-1", "nobody", "", ("primary",)),))}),
    ("mail to it came back", {}, {"suppressed": frozenset({"carl@acme.example"})}),
    ("the item had one a moment ago", {}, {"lately": Lately(item=1)}),
    ("the address had enough today", {}, {"lately": Lately(sender=20)}),
    ("nobody may send", {"connector": "", "reply_from": ""}, {"setup": replace(SETUP, default_connector="")}),
]


@pytest.mark.parametrize(("item", "facts"), [one[1:] for one in AGAINST], ids=[one[0] for one in AGAINST])
def test_what_is_against_it(item: dict[str, Any], facts: dict[str, Any]) -> None:
    """decisions.md 9, contract section 6: brakes and manners hold for every automatic mail."""
    assert no_answer(made(**item), asked(**facts), closed=False, draft_id="o-1", now=NOW) is None


def test_above_the_hourly_brake_it_is_held() -> None:
    """decisions.md 9: held for a person to release."""
    draft = no_answer(made(), asked(lately=Lately(over_hour=True), brakes=Brakes(per_hour=3)), closed=False, draft_id="o-1", now=NOW)
    assert draft is not None and "more than 3" in draft.hold_reason


def test_its_thread_is_bounded() -> None:
    """Contract section 6: the first and the newest."""
    talk = replace(TALK, references=tuple(f"{n}@x" for n in range(100)))
    draft = no_answer(made(), asked(talk=talk), closed=False, draft_id="o-1", now=NOW)
    assert draft is not None
    assert (draft.references[0], draft.references[-1], len(draft.references)) == ("0@x", "last@acme.example", MOST_REFERENCES)


@pytest.mark.parametrize("close", [False, True])
def test_only_a_missing_answer_is_told(close: bool) -> None:
    """The mail goes with the alarm of the days to wait, and is on the timeline; a date, a window or a closing that is put off tells nobody."""
    told: list[bool] = []

    def tell(closed: bool) -> Any:
        told.append(closed)
        return no_answer(made(), asked(), closed=closed, draft_id="o-1", now=NOW)

    decision = alarm(waiting(close=close), NOW, behind=False, tell=tell)
    assert (told, [draft.id for draft in decision.mails], line(decision, "mail_out").outbox_id) == ([close], ["o-1"], "o-1")
    assert after(decision).clocks == Clocks()
    for quiet, behind in (
        (made(place=WAIT_UNTIL, clocks=Clocks(wait_until=NOW)), False),
        (made(place=RESOLVED, clocks=Clocks(feedback_until=NOW)), False),
        (waiting(close=True), True),
    ):
        assert alarm(quiet, NOW, behind=behind, tell=tell).mails == ()
    assert told == [close]
