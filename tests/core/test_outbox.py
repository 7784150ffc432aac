"""The outbox table cell by cell, what each act does to a message, and what outcomes amount to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.delivery import MEANING, OUTCOME_OF, TROUBLES, Delivery, Meaning, Reply, Stage, clean_words, reply_class
from core.mail import Address
from core.outbox import OUTBOX, SHOWN_AS, OutboxEvent, OutboxMessage, OutboxState, Outcome, Recipient
from core.outbox_acts import TOO_LATE, Edit, acted
from core.settling import BECAUSE, EVENT_OF, TO_TRY, URGENCY, Rules, event_of, settle, still_to_try
from core.setup import UnknownPolicy
from core.transitions import IllegalTransition
from gateway.store.outbox_claims import SHORT
from tests.outbound.drafts import NOW, delivery, make_message

S, E, O = OutboxState, OutboxEvent, Outcome  # noqa: E741

ATTEMPT = {E.CLAIM, E.ACCEPTED, E.TEMPORARY, E.EXHAUSTED, E.PERMANENT, E.UNKNOWN_OUTCOME, E.REPEAT, E.CONNECTOR_TROUBLE}
ATTEMPT |= {E.LEASE_OVER, E.LEASE_OVER_MARKED, E.GIVEN_BACK, E.GIVEN_BACK_RETRY}
"""What a delivery does; the rest is done by people and reports."""

LEGAL = {
    "queued": "claim→sending cancel→cancelled hold→held send_now→queued edit→queued retry→pending_retry",
    "held": "release→queued cancel→cancelled edit→held",
    "sending": "accepted→sent temporary→pending_retry exhausted→failed permanent→failed unknown_outcome→unknown repeat→pending_retry "
    "connector_trouble→pending_retry lease_over→pending_retry lease_over_marked→unknown given_back→queued given_back_retry→pending_retry",
    "pending_retry": "claim→sending cancel→cancelled hold→held send_now→pending_retry retry→pending_retry bounce→bounced",
    "sent": "bounce→bounced",
    "failed": "retry→pending_retry cancel→cancelled bounce→bounced",
    "unknown": "retry→pending_retry cancel→cancelled bounce→bounced accepted→sent",
    "bounced": "retry→pending_retry cancel→cancelled bounce→bounced",
    "cancelled": "",
}


@pytest.mark.parametrize(("state", "event"), list(product(S, E)), ids=lambda value: str(value))
def test_every_cell(state: OutboxState, event: OutboxEvent) -> None:
    """Law 6: each state and event either leads where it is written, or is refused with a sentence."""
    legal = dict(cell.split("→") for cell in LEGAL[state].split())
    message = make_message(state=state, attempts=0)
    if event in ATTEMPT and not (state is S.UNKNOWN and event is E.ACCEPTED):
        assert (str(OUTBOX[state].get(event, "")) or None) == legal.get(event)
    elif event in legal:
        assert acted(message, event, NOW, "ann@demo.example").state == legal[event]
    else:
        with pytest.raises(IllegalTransition) as refused:
            acted(message, event, NOW, "ann@demo.example")
        assert str(refused.value) == TOO_LATE[state]
        assert str(refused.value).endswith(".")


def test_every_state_has_its_place() -> None:
    """decisions.md 17: the Outbox page shows the four statuses of the specification; what is sent or cancelled is no longer in it."""
    assert set(SHOWN_AS) == set(S) - {S.SENT, S.CANCELLED}
    assert set(SHOWN_AS.values()) == {"queued", "pending_retry", "failed"}
    assert set(OUTBOX) == set(S) == set(TOO_LATE)


def test_retry_by_hand_gives_one_more_try_to_those_who_did_not_get_it() -> None:
    """A-OB-13, C-OB-06, E-25: pending retry, due now, one try; who accepted is left out."""
    people = tuple(Recipient(Address(f"{outcome}@acme.example"), outcome=outcome) for outcome in O)
    failed = make_message(state=S.FAILED, tries_left=0, attempts=6, due_at=NOW - timedelta(days=1), recipients=people)
    again = acted(failed, E.RETRY, NOW, "lea@demo.example")
    assert (again.state, again.due_at, again.tries_left, again.attempts) == (S.PENDING_RETRY, NOW, 1, 6)
    assert {one.address.address.partition("@")[0] for one in still_to_try(again)} == set(O) - {O.ACCEPTED}
    exhausted, _ = settle(replace(again, state=S.SENDING, recipients=(Recipient(Address("carl@acme.example")),)), delivery(carl=O.TEMPORARY), Rules(), NOW)
    assert exhausted.event is E.EXHAUSTED


def test_a_bounce_that_names_nobody_is_retried_for_everybody() -> None:
    """A report may leave open who of several did not get the mail; the person who retries sends it to all of them again."""
    people = tuple(Recipient(Address(f"{name}@acme.example"), outcome=O.ACCEPTED) for name in "ab")
    assert len(still_to_try(acted(make_message(state=S.BOUNCED, recipients=people), E.RETRY, NOW, "a"))) == 2


def test_send_now_and_release_never_wait_longer() -> None:
    """A-US-04: send now is now; a released mail keeps a time to come; both are sealed again before the first try, not after it."""
    later = make_message(state=S.QUEUED, attempts=0, due_at=NOW + timedelta(hours=1))
    now = acted(later, E.SEND_NOW, NOW, "a")
    assert (now.due_at, now.sealed) == (NOW, False)
    held = replace(later, state=S.HELD, hold_reason="brake")
    assert (acted(held, E.RELEASE, NOW, "a").due_at, acted(held, E.RELEASE, NOW, "a").sealed) == (NOW + timedelta(hours=1), True)
    overdue = acted(held, E.RELEASE, NOW + timedelta(days=1), "a")
    assert (overdue.due_at, overdue.sealed, overdue.hold_reason) == (NOW + timedelta(days=1), False, "")
    tried = acted(replace(later, state=S.PENDING_RETRY, attempts=2), E.SEND_NOW, NOW, "a")
    assert (tried.due_at, tried.sealed) == (NOW, True)


def test_an_edit_after_the_first_try_is_too_late() -> None:
    """From the first attempt on the bytes never change, also when the mail was held and queued again since."""
    for state in (S.QUEUED, S.HELD):
        with pytest.raises(IllegalTransition, match="first try"):
            acted(make_message(state=state, attempts=1), E.EDIT, NOW, "a", edit=Edit("x"))


def test_rescheduling_is_an_edit_of_the_time() -> None:
    """A-OB-01: a new time makes the mail a scheduled one and changes nothing else."""
    message = make_message(state=S.QUEUED, attempts=0)
    moved = acted(message, E.EDIT, NOW, "a", edit=Edit(due_at=NOW + timedelta(days=1)))
    assert moved == replace(message, due_at=NOW + timedelta(days=1), scheduled=True, sealed=False)


def test_marking_an_unknown_mail_as_sent() -> None:
    """decisions.md 18: a person who knows that it arrived says so."""
    people = (Recipient(Address("a@acme.example"), outcome=O.UNKNOWN), Recipient(Address("b@acme.example"), outcome=O.PERMANENT))
    sent = acted(make_message(state=S.UNKNOWN, recipients=people), E.ACCEPTED, NOW, "ann@demo.example")
    assert (sent.state, sent.sent_at, [one.outcome for one in sent.recipients]) == (S.SENT, NOW, [O.ACCEPTED, O.PERMANENT])


# ---------------------------------------------------------------- what outcomes amount to

AMOUNTS: list[tuple[str, int, UnknownPolicy, int, OutboxEvent]] = [
    ("accepted", 3, UnknownPolicy.REPEAT, 0, E.ACCEPTED),
    ("accepted permanent", 3, UnknownPolicy.REPEAT, 0, E.ACCEPTED),
    ("accepted bounced", 3, UnknownPolicy.REPEAT, 0, E.ACCEPTED),
    ("permanent", 3, UnknownPolicy.REPEAT, 0, E.PERMANENT),
    ("permanent bounced", 3, UnknownPolicy.REPEAT, 0, E.PERMANENT),
    ("accepted temporary", 3, UnknownPolicy.REPEAT, 0, E.TEMPORARY),
    ("permanent temporary", 2, UnknownPolicy.REPEAT, 0, E.TEMPORARY),
    ("permanent temporary", 1, UnknownPolicy.REPEAT, 0, E.EXHAUSTED),
    ("accepted temporary", 1, UnknownPolicy.REPEAT, 0, E.EXHAUSTED),
    ("pending", 3, UnknownPolicy.REPEAT, 0, E.TEMPORARY),
    ("pending", 1, UnknownPolicy.REPEAT, 0, E.EXHAUSTED),
    ("unknown", 1, UnknownPolicy.REPEAT, 0, E.REPEAT),
    ("unknown accepted temporary permanent", 3, UnknownPolicy.REPEAT, 0, E.REPEAT),
    ("unknown accepted", 3, UnknownPolicy.REPEAT, 1, E.UNKNOWN_OUTCOME),
    ("unknown temporary", 3, UnknownPolicy.HOLD, 0, E.UNKNOWN_OUTCOME),
]


@pytest.mark.parametrize(("outcomes", "tries", "policy", "repeats", "event"), AMOUNTS)
def test_recipients_outcomes_make_the_event(outcomes: str, tries: int, policy: UnknownPolicy, repeats: int, event: OutboxEvent) -> None:
    """Architecture section 5: the state of a row is derived from its recipients' outcomes by a written table."""
    people = tuple(Recipient(Address(f"{n}@acme.example"), outcome=O(outcome)) for n, outcome in enumerate(outcomes.split()))
    message = make_message(tries_left=tries, unknown_repeats=repeats, recipients=people)
    assert event_of(message, people, Rules(unknown=policy)) is event
    assert event in OUTBOX[S.SENDING]


def test_the_tables_are_complete() -> None:
    """Every outcome has its urgency and its events; every event of an attempt has its words; every reply that can come has a meaning."""
    assert set(URGENCY) == set(EVENT_OF) == set(O)
    assert set(BECAUSE) == ATTEMPT - {E.CLAIM}
    assert all(len(SHORT.get(event, str(event))) <= 16 for event in BECAUSE)
    assert set(MEANING) == set(Stage)
    spoken = set(Stage) - {Stage.SETTINGS, Stage.CONNECT, Stage.TLS, Stage.LIMITS}
    assert all(set(MEANING[stage]) == set(Reply) for stage in spoken)
    before = [stage for stage in Stage if list(Stage).index(stage) < list(Stage).index(Stage.LIMITS)] + [Stage.MAIL]
    assert all(set(MEANING[stage].values()) <= TROUBLES | {Meaning.PROCEED} for stage in before), "only RCPT and DATA are about the mail"
    assert [stage for stage in Stage if Meaning.ACCEPTED in MEANING[stage].values()] == [Stage.DOT]
    assert [stage for stage in Stage if Meaning.UNKNOWN in MEANING[stage].values()] == [Stage.DOT]
    assert set(OUTCOME_OF) == set(Meaning) - TROUBLES - {Meaning.PROCEED}


CODES = {200: "2xx", 299: "2xx", 354: "354", 334: "garbage", 421: "4xx", 599: "5xx", 600: "garbage", 0: "garbage", -1: "garbage"}


@pytest.mark.parametrize(("code", "reply"), CODES.items())
def test_reply_codes(code: int, reply: str) -> None:
    """RFC 5321 section 4.2: codes outside of its classes are no replies."""
    assert reply_class(code) == reply


@given(some.text())
def test_words_of_servers_are_one_clean_line(text: str) -> None:
    """No control, no line end, bounded: what a server says goes into pages, logs and the database."""
    words = clean_words(text)
    assert len(words) <= 500 and words.isprintable() and "\n" not in words


def _walks() -> Any:
    outcomes = some.dictionaries(some.sampled_from(["a", "b", "c"]), some.sampled_from([O.ACCEPTED, O.TEMPORARY, O.PERMANENT, O.UNKNOWN]), min_size=1)
    return some.lists(some.one_of(outcomes, some.sampled_from(sorted(TROUBLES))), max_size=12)


@given(_walks(), some.integers(1, 5), some.sampled_from(list(UnknownPolicy)))
def test_any_sequence_of_answers_ends_properly(answers: list[Any], tries: int, policy: UnknownPolicy) -> None:
    """However servers answer: no recipient that accepted is tried again, an unknown outcome is repeated once at most, tries run out."""
    people = tuple(Recipient(Address(f"{name}@acme.example")) for name in "abc")
    message = make_message(recipients=people, tries_left=tries, attempts=0, state=S.PENDING_RETRY)
    rules = Rules((timedelta(minutes=1),) * (tries - 1), policy)
    accepted: set[str] = set()
    faults = 0
    for answer in answers:
        if message.state is not S.PENDING_RETRY:
            break
        message = replace(message, state=S.SENDING, attempts=message.attempts + 1)
        tried = {one.address.address[0] for one in still_to_try(message)}
        assert tried and not tried & accepted
        given_answer = (
            Delivery(Stage.AUTH, "no", trouble=answer)
            if isinstance(answer, Meaning)
            else Delivery(Stage.DOT, "", {f"{name}@acme.example": (answer.get(name, O.TEMPORARY), "w") for name in tried})
        )
        settlement, message = settle(message, given_answer, rules, NOW)
        message = replace(message, tries_left=settlement.tries_left, unknown_repeats=settlement.unknown_repeats)
        faults += settlement.event in (E.TEMPORARY, E.EXHAUSTED)
        accepted |= {one.address.address[0] for one in message.recipients if one.outcome is O.ACCEPTED}
        assert settlement.due_at >= NOW
    assert message.unknown_repeats <= (policy is UnknownPolicy.REPEAT)
    assert faults <= tries
    _ends_as_its_recipients(message)


def _ends_as_its_recipients(message: OutboxMessage) -> None:
    outcomes = {one.outcome for one in message.recipients}
    if message.state is S.SENT:
        assert O.ACCEPTED in outcomes and not outcomes & TO_TRY
    if message.state is S.UNKNOWN:
        assert O.UNKNOWN in outcomes
    if message.state is S.FAILED:
        assert outcomes & {O.PERMANENT, O.TEMPORARY, O.PENDING}
