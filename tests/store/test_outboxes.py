"""The outbox on both databases: what is stored and shown, compare-and-set, order, query plans, brakes and suppressions."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from core.brakes import Brakes
from core.decision import OutboxChange, Suppression
from core.mail import Address
from core.outbox import OutboxEvent, OutboxState, Outcome, Purpose, Recipient
from core.outbox_acts import Edit
from core.refusal import NotFound
from core.setup import Setup
from core.transitions import IllegalTransition
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.store import brakes, outbox_claims, outboxes
from gateway.store.engine import Database
from gateway.store.outbox_claims import LostClaim
from tests.outbound.drafts import NOW, REF, House, make_draft


@pytest.fixture
def house(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock, tmp_path: Path) -> House:
    """The example setup with one item, on both databases."""
    made = House(database, example_setup, keys, clock, tmp_path)
    made.item()
    return made


PEOPLE = (
    Recipient(Address("Carl@acme.example", "Carl Çustomer")),
    Recipient(Address("dora@acme.example"), "cc"),
    Recipient(Address("boss@demo.example", "The Boss"), "bcc"),
)


def test_what_goes_in_comes_out(house: House) -> None:
    """A draft, sealed and stored, is read back with its recipients, names and roles; the draft it was sealed from can be made again."""
    draft = make_draft(recipients=PEOPLE, html="<p>x</p>", references=("a@b",), in_reply_to="a@b", scheduled=True, starts_clock=True, facts={"k": "v"})
    house.queue(**{name: getattr(draft, name) for name in draft.__dataclass_fields__ if name != "id"})
    message = house.get()
    assert (message.state, message.tries_left, message.retry_template_id is not None, message.sealed) == (OutboxState.QUEUED, 6, True, True)
    assert message.recipients == PEOPLE
    assert outboxes.draft_of(message) == (draft, REF)
    with house.database.read() as connection:
        assert outboxes.raw(connection, "d1").startswith(b"Date: Mon, 02 Mar 2026")
        assert outboxes.raw(connection, "nothing") == b""
        assert outboxes.get(connection, "nothing") is None
        assert [one["became"] for one in outboxes.history(connection, "d1")] == ["queued"]


def test_the_contracts_json(house: House) -> None:
    """Contract section 3: exactly these names, and more for `show`."""
    house.queue(recipients=PEOPLE)
    with house.database.read() as connection:
        shown = outboxes.detail(connection, house.get())
    named = "id item subject from to cc state due_at attempts next_attempt_at last_attempt_at last_error connector importance system_generated message_id recipients"
    assert set(named.split()) <= set(shown)
    assert (shown["item"], shown["from"]) == (REF, "Ann Agent <support@demo.example>")
    assert (shown["to"], shown["cc"]) == (["Carl Çustomer <Carl@acme.example>"], ["dora@acme.example"])
    assert shown["due_at"] == shown["next_attempt_at"] == "2026-03-02T09:00:00Z"
    assert shown["recipients"][0] == {"address": "Carl@acme.example", "outcome": "pending", "words": ""}
    assert shown["text"] == "Hello." and shown["log"] == []


def test_the_same_address_twice_is_one_recipient(house: House) -> None:
    """In any case of letters, the first role counts."""
    house.queue(recipients=(*PEOPLE, Recipient(Address("CARL@ACME.example"), "cc")))
    assert [one.address.address for one in house.get().recipients] == [one.address.address for one in PEOPLE]


def test_a_message_id_is_unique(house: House) -> None:
    """Architecture section 7: the same draft cannot be queued twice."""
    house.queue()
    with pytest.raises(IntegrityError):
        house.queue()


def test_a_held_draft_waits_for_a_person(house: House) -> None:
    """decisions.md 9: above the global brake mails are held; a release queues them, due now."""
    house.queue(hold_reason="brake: 600 an hour", purpose=Purpose.ACKNOWLEDGEMENT)
    assert house.state() == "held" and house.claim() is None
    with house.database.durable() as connection:
        released = outboxes.act(connection, "d1", OutboxEvent.RELEASE, NOW + timedelta(hours=1), "lea@demo.example")
    assert (released.state, released.due_at, released.hold_reason) == (OutboxState.QUEUED, NOW + timedelta(hours=1), "")
    assert house.get() == released


@pytest.mark.parametrize(
    ("event", "state"),
    [(OutboxEvent.CANCEL, "cancelled"), (OutboxEvent.HOLD, "held"), (OutboxEvent.SEND_NOW, "queued"), (OutboxEvent.EDIT, "queued")],
)
def test_acts_are_written_with_who_did_them(house: House, event: OutboxEvent, state: str) -> None:
    """A-OB-15, A-CM-02, E-33: what was done, when and by whom stands in the history."""
    house.queue(due_at=NOW + timedelta(hours=1))
    with house.database.durable() as connection:
        after = outboxes.act(connection, "d1", event, NOW, "ann@demo.example", reason="because", edit=Edit("S", "T", recipients=PEOPLE))
    assert house.get() == after and after.state == state
    with house.database.read() as connection:
        change = outboxes.history(connection, "d1")[-1]
    assert (change["was"], change["became"], change["by"], change["reason"]) == ("queued", state, "ann@demo.example", f"{event}: because")


def test_too_late_is_an_answer(house: House) -> None:
    """E-28: once claimed, an undo is refused with a sentence and changes nothing."""
    house.queue()
    claimed = house.claim()
    for event in (OutboxEvent.CANCEL, OutboxEvent.EDIT, OutboxEvent.HOLD, OutboxEvent.SEND_NOW, OutboxEvent.RETRY):
        with house.database.durable() as connection, pytest.raises(IllegalTransition, match="Too late"):
            outboxes.act(connection, "d1", event, NOW, "ann@demo.example")
    assert house.get() == claimed
    with house.database.durable() as connection, pytest.raises(NotFound, match="nothing"):
        outboxes.act(connection, "nothing", OutboxEvent.CANCEL, NOW, "ann@demo.example")


def test_a_cancelled_mail_is_never_claimed(house: House) -> None:
    """A-OB-15."""
    house.queue()
    with house.database.durable() as connection:
        outboxes.act(connection, "d1", OutboxEvent.CANCEL, NOW, "ann@demo.example")
    house.clock.advance(days=400)
    assert house.claim() is None


def test_a_decisions_change_is_applied(house: House) -> None:
    """A bounce by a report: state, recipients and words at once."""
    house.queue()
    claimed = house.claim()
    assert claimed is not None
    house.settle_sent(claimed)
    change = OutboxChange("d1", OutboxEvent.BOUNCE, reason="5.1.1 gone", recipients={"carl@acme.example": ("bounced", "5.1.1 gone")})
    with house.database.durable() as connection:
        outboxes.change(connection, change, NOW)
    message = house.get()
    (carl,) = message.recipients
    assert (message.state, carl.outcome, carl.words, message.last_error) == (OutboxState.BOUNCED, Outcome.BOUNCED, "5.1.1 gone", "5.1.1 gone")


def test_mark_and_settle_belong_to_their_attempt(house: House) -> None:
    """One attempt, one mark, one settlement: another number, or a second time, is refused and writes nothing."""
    house.queue()
    claimed = house.claim()
    assert claimed is not None
    for attempt, fine in ((2, False), (1, True), (1, False)):
        with house.database.durable() as connection:
            if fine:
                outbox_claims.mark(connection, "d1", attempt)
            else:
                with pytest.raises(LostClaim):
                    outbox_claims.mark(connection, "d1", attempt)
    assert house.get().marked
    house.settle_sent(claimed)
    before = house.get()
    with pytest.raises(LostClaim):
        house.settle_sent(claimed)
    assert house.get() == before


def test_items_keep_their_order_even_at_one_moment(house: House) -> None:
    """decisions.md 20: mails queued in the same microsecond leave in the order they were queued in."""
    for name in ("z", "a", "m"):
        house.queue(name)
    left = []
    while claimed := house.claim():
        left.append(claimed.id)
        assert house.claim() is None, "one of an item at a time"
        house.settle_sent(claimed)
    assert left == ["z", "a", "m"]


def test_the_longest_due_goes_first(house: House) -> None:
    """Across items by due time, whatever their state."""
    for n, minutes in enumerate((3, 1, 2)):
        house.queue(f"d{n}", item_id="", due_at=NOW + timedelta(minutes=minutes))
    house.clock.advance(minutes=5)
    assert [claimed.id for _ in range(3) if (claimed := house.claim())] == ["d1", "d2", "d0"]


def test_only_usable_connectors(house: House) -> None:
    """What rests or was switched off is not claimed."""
    house.queue("d1", item_id="")
    house.queue("d2", item_id="", connector="claims")
    assert house.claim(usable=[]) is None
    claimed = house.claim(usable=["claims"])
    assert claimed is not None and claimed.id == "d2"


def test_the_due_lookup_uses_its_index(house: House) -> None:
    """With many settled messages the next due one is found through ix_outbox_due, without reading the rest."""
    house.queue(item_id="")
    with house.database.durable() as connection:
        house.copies(connection, 3000, "sent")
        house.copies(connection, 30, "queued")
        if not house.database.is_sqlite:
            connection.execute(text("ANALYZE outbox"))
    with house.database.read() as connection:
        plan = house.plan_of_due(connection)
    if house.database.is_sqlite:
        assert "USING INDEX ix_outbox_due (state=? AND connector=? AND due_at<?)" in plan and "SCAN outbox" not in plan and "TEMP B-TREE" not in plan
        assert "ix_outbox_item (item_id=?" in plan
    else:
        assert "ix_outbox_due" in plan and "Seq Scan on outbox " not in plan


def test_lists(house: House) -> None:
    """By state, item, author, connector and ids, those due last first."""
    house.queue("d1")
    house.queue("d2", item_id="", connector="claims", author="bob@demo.example", due_at=NOW + timedelta(hours=1))
    with house.database.durable() as connection:
        outboxes.act(connection, "d2", OutboxEvent.HOLD, NOW, "bob@demo.example")

        def ids(**filters: object) -> list[str]:
            return [one.id for one in outboxes.listing(connection, **filters)]  # type: ignore[arg-type]

        assert ids() == ["d2", "d1"]
        assert ids(states=[OutboxState.HELD]) == ids(connector="claims") == ids(author="bob@demo.example") == ids(ids=["d2", "x"]) == ["d2"]
        assert ids(item_id="i1") == [one.id for one in outboxes.of_item(connection, "i1")] == ["d1"]
        assert ids(limit=1) == ["d2"]
        assert outboxes.refs_of(connection, ["i1", "", "x"]) == {"i1": REF}


def test_any_due(house: House) -> None:
    """Whether the dispatcher has anything to do now."""
    with house.database.read() as connection:
        assert not outbox_claims.any_due(connection, NOW, ["support"])
    house.queue("d1", due_at=NOW + timedelta(hours=1))
    with house.database.read() as connection:
        assert outbox_claims.any_due(connection, NOW + timedelta(hours=1), ["support"]) and not outbox_claims.any_due(connection, NOW, ["support"])


def test_brakes_count_in_their_windows(house: House) -> None:
    """decisions.md 9: per item in 5 minutes, per address in 24 hours, overall in an hour; people's mails do not count; old counts are forgotten."""
    automatic = {"purpose": Purpose.ACKNOWLEDGEMENT, "author": ""}
    house.queue("person")
    for n, minutes in enumerate((0, 56, 58, 62)):
        house.clock.set(NOW + timedelta(minutes=minutes))
        house.queue(f"d{n}", **automatic, item_id="i1" if n != 2 else "")
    with house.database.durable() as connection:

        def counts(at: timedelta, per_hour: int, most: int = 9, item_id: str | None = "i1") -> tuple[int, int, bool]:
            asked = Brakes(per_item=most, per_sender_day=most, per_hour=per_hour)
            found, suppressed = brakes.lately(connection, asked, item_id, "carl@acme.example", NOW + at)
            assert not suppressed
            return found.item, found.sender, found.over_hour

        assert counts(timedelta(minutes=62), per_hour=3) == (1, 4, True)
        assert counts(timedelta(minutes=62), per_hour=4) == (1, 4, False)
        assert counts(timedelta(minutes=60, seconds=30), per_hour=0, most=2) == (2, 2, True)
        assert counts(timedelta(minutes=62), per_hour=5, item_id=None) == (0, 4, False)
        assert counts(timedelta(hours=24, minutes=57), per_hour=1) == (0, 2, False)
        assert brakes.prune_counts(connection, NOW + timedelta(hours=24, minutes=57)) == 2
        assert counts(timedelta(hours=24, minutes=57), per_hour=1) == (0, 2, False)


def test_suppressed_addresses(house: House) -> None:
    """decisions.md 3: until their time, renewable."""
    with house.database.durable() as connection:
        brakes.suppress(connection, Suppression("a@b.example", NOW + timedelta(days=60), "gone"))
        brakes.suppress(connection, Suppression("a@b.example", NOW + timedelta(days=90), "still gone"))
        brakes.suppress(connection, Suppression("c@d.example", NOW, "over"))
        assert brakes.suppressed(connection, ["a@b.example", "c@d.example", "e@f.example"], NOW + timedelta(days=70)) == {"a@b.example"}
        assert brakes.suppressed(connection, [], NOW) == frozenset()
        assert [brakes.lately(connection, Brakes(), None, key, NOW)[1] for key in ("a@b.example", "c@d.example")] == [True, False]
