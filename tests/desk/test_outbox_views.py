"""The Outbox as each person sees it: views, counts, columns, order, pages, filters, what is kept; on both databases."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, update

from core.health import Health
from core.outbox import OutboxState as S
from core.outbox_view import COLUMNS, SORTS
from core.refusal import NotFound, Refused
from core.setup import RetryTemplate
from gateway.store import connector_status, outbox_views
from gateway.store.schema import item
from tests.desk.conftest import Room
from tests.desk.office import ANN, BOB, LATER, LEA, ROOT, XAVER, put, rows, save, switch, with_another_team


@pytest.fixture
def room(room: Room) -> Room:
    """With somebody of another team."""
    return with_another_team(room)


def mails(room: Room) -> dict[str, str]:
    """One mail by Ann on a ticket, one by Bob on a case, an automatic one about the ticket, and one by Xaver on another case."""
    ticket, case, other = room.ticket(), room.ticket("Claim"), room.ticket("Claim")
    at = room.clock.now() + LATER
    made = {
        "ann": room.desk.mail(ticket, ANN, text="a", send_at=at)["id"],
        "bob": room.desk.mail(case, BOB, text="b", send_at=at)["id"],
        "auto": room.desk.mail(ticket, ROOT, text="auto", send_at=at)["id"],
        "xaver": room.desk.mail(other, XAVER, text="x", send_at=at)["id"],
    }
    put(room, made["auto"], author="", purpose="acknowledgement", system_generated=True)
    return made


def test_whose_mails_each_view_shows(room: Room) -> None:
    """A-OB-09, A-OB-10, A-OB-11, A-OB-12, C-OB-05, E-33: mine, my team's, the system's, all; each cut to what the person may see."""
    made = mails(room)
    named = {outbox_id: name for name, outbox_id in made.items()}
    seen = {(who, view): {named[one] for one in rows(room, who, view)} for who in (ANN, BOB, LEA, ROOT, XAVER) for view in ("mine", "team", "system", "all")}
    assert {view: seen[ANN, view] for view in ("mine", "team", "system", "all")} == {
        "mine": {"ann"},
        "team": {"ann", "auto"},  # Bob's is about a case in a queue that is not hers
        "system": {"auto"},
        "all": {"ann", "auto"},
    }
    assert (seen[BOB, "mine"], seen[BOB, "team"], seen[BOB, "all"]) == ({"bob"}, {"ann", "bob", "auto"}, {"ann", "bob", "auto", "xaver"})
    assert seen[LEA, "team"] == {"ann", "bob", "auto"} and seen[LEA, "mine"] == set()
    assert seen[ROOT, "all"] == set(made) and seen[ROOT, "team"] == set()
    assert seen[XAVER, "all"] == {"bob", "xaver"} and seen[XAVER, "team"] == {"xaver"}


def test_the_teams_view_follows_the_item(room: Room) -> None:
    """A-OB-10, E-34: a mail by somebody else about an item that a team member has now, and no longer when it was handed on."""
    case = room.ticket("Claim")
    theirs = room.desk.mail(case, XAVER, text="x", send_at=room.clock.now() + LATER)["id"]
    assert rows(room, BOB, "team") == []
    room.desk.do(case, "assign", XAVER, to=BOB)
    assert rows(room, BOB, "team") == [theirs]
    room.desk.do(case, "assign", BOB, to=XAVER)
    assert rows(room, BOB, "team") == []


def test_what_is_in_the_outbox(room: Room) -> None:
    """A-OB-03, A-OB-05, A-US-05: scheduled, in an undo delay, held, failed, unknown, returned, on its way; sent and cancelled are not, and stay in the record."""
    ref = room.ticket()
    for state in S:
        room.set_mail(room.desk.mail(ref, ANN, text=str(state))["id"], state)
    shown = room.desk.outbox_page(ANN)["rows"]
    assert {row["state"] for row in shown} == set(S) - {S.SENT, S.CANCELLED}
    assert {row["state"]: row["status"] for row in shown}["queued"] == "queued"
    assert {row["state"] for row in room.desk.list_outbox(ANN)} == set(S)
    assert room.desk.count_outbox(ANN)["mine"]["total"] == len(S) - 2


def test_what_is_kept_for_the_screen(room: Room) -> None:
    """A-OB-06…08, A-OB-19: at first the team's for leaders and one's own for others; view, columns and rows outlast the log-out, each person's own."""
    assert [room.desk.outbox_choice(who)["view"] for who in (ANN, LEA)] == ["mine", "team"]
    kept = room.desk.keep_outbox_choice(ANN, view="all", columns=["author"], rows=10)
    assert kept == room.desk.outbox_choice(ANN) == {"view": "all", "columns": ["author", "to", "subject"], "rows": 10}
    assert room.desk.keep_outbox_choice(ANN, rows=20) == {**kept, "rows": 20}
    page = room.desk.outbox_page(ANN)
    assert (page["view"], page["columns"]) == ("all", kept["columns"])
    assert room.desk.outbox_page(ANN, view="mine", columns=["status"])["columns"] == ["status", "to", "subject"], "said for once, not kept"
    assert room.desk.outbox_choice(BOB)["view"] == "mine"
    assert room.desk.keep_outbox_choice(ANN, forget=True)["view"] == "mine"
    for wrong in ({"view": "x"}, {"columns": ["x"]}, {"rows": 1}, {}):
        with pytest.raises(Refused):
            room.desk.keep_outbox_choice(ANN, **wrong)


def test_the_counts(room: Room) -> None:
    """A-OB-04, E-33: per view and shown status; nothing out of sight is counted; the oldest, the next attempt and the last answer. One statement."""
    made = mails(room)
    room.clock.advance(minutes=10)
    put(room, made["ann"], state="failed", last_error="550 no such user", last_attempt_at=room.clock.now() - timedelta(minutes=1))
    more = room.desk.mail(room.ticket(), ANN, text="later", send_at=room.clock.now() + LATER)["id"]
    put(room, more, state="pending_retry", last_error="450 older", last_attempt_at=room.clock.now() - timedelta(hours=1))
    asked: list[str] = []
    engine = room.database._lazy
    listen = lambda conn, cursor, statement, *rest: asked.append(statement) if "FROM outbox" in statement else None  # noqa: E731
    event.listen(engine, "before_cursor_execute", listen)
    counted = room.desk.count_outbox(ANN)
    event.remove(engine, "before_cursor_execute", listen)
    assert len(asked) == 1
    mine = counted["mine"]
    assert (mine["total"], mine["at_least"]) == (2, False)
    assert mine["statuses"] == {"failed": 1, "connector_disabled": 0, "pending_retry": 1, "queued": 0}
    assert (mine["oldest_at"], mine["oldest_age_seconds"]) == ("2026-03-02T09:00:00Z", 600)
    assert (mine["next_attempt_at"], mine["last_answer"]) == ("2026-03-02T14:10:00Z", "550 no such user")
    assert [counted[view]["total"] for view in ("team", "system", "all")] == [3, 1, 3]
    assert [room.desk.count_outbox(ROOT)[view]["total"] for view in ("mine", "team", "system", "all")] == [0, 0, 1, 5]
    nobody = room.desk.count_outbox(LEA)["mine"]
    assert (nobody["total"], nobody["oldest_at"], nobody["next_attempt_at"], nobody["last_answer"]) == (0, None, None, "")


def test_counting_is_bounded(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view with very many mails is counted up to a bound and says "at least"; other views are counted all the same."""
    monkeypatch.setattr(outbox_views, "MOST_COUNTED", 3)
    mails(room)
    counted = room.desk.count_outbox(ROOT)
    assert (counted["all"]["total"], counted["all"]["at_least"]) == (3, True)
    assert (counted["system"]["total"], counted["system"]["at_least"]) == (1, False)


def test_a_disabled_connector(room: Room) -> None:
    """A-OB-24, E-35: all its waiting mails show *Connector disabled* with what to do; held and failed ones do not; enabled, they are as before, times kept."""
    ref = room.ticket()
    ids = [room.desk.mail(ref, ANN, text="x", send_at=room.clock.now() + LATER)["id"] for _ in range(4)]
    for one, state in zip(ids, (S.QUEUED, S.PENDING_RETRY, S.HELD, S.FAILED), strict=True):
        room.set_mail(one, state)
    before = room.desk.outbox_page(ANN)["rows"]
    switch(room, enabled=False)
    shown = {row["id"]: row for row in room.desk.outbox_page(ANN)["rows"]}
    assert [shown[one]["status"] for one in ids] == ["connector_disabled", "connector_disabled", "queued", "failed"]
    assert "enable it" in shown[ids[0]]["last_failure"] and shown[ids[0]]["state"] == "connector_disabled"
    assert set(rows(room, ANN, states=["connector_disabled"])) == set(ids[:2])
    assert room.desk.count_outbox(ANN)["mine"]["statuses"]["connector_disabled"] == 2
    assert room.desk.count_outbox(ANN)["mine"]["next_attempt_at"] is None
    switch(room, enabled=True)
    assert room.desk.outbox_page(ANN)["rows"] == before


def test_a_connector_that_rests(room: Room) -> None:
    """decisions.md 19, A-OB-20: suspended is not disabled; the mails keep their status and say until when the connector rests."""
    mail = room.desk.mail(room.ticket(), ANN, text="x")["id"]
    with room.database.durable() as connection:
        until = room.clock.now() + timedelta(minutes=5)
        connector_status.save(connection, Health("support", refused_logins=3, suspended_until=until, last_error="535 no"))
    (row,) = room.desk.outbox_page(ANN)["rows"]
    assert (row["id"], row["status"], row["suspended_until"]) == (mail, "queued", "2026-03-02T09:05:00Z")
    assert row["last_failure"].startswith("The connector support rests")


def test_every_column_says_something(room: Room) -> None:
    """A-OB-20, E-26, E-27: connector, importance, attempts of at most, logged (blank before the first failure), created, scheduled for, next attempt, item and type."""
    ticket = room.ticket()
    one = room.desk.mail(ticket, ANN, text="x", send_at=room.clock.now() + LATER, importance="high")["id"]
    (row,) = room.desk.outbox_page(ANN, columns=[column.id for column in COLUMNS])["rows"]
    assert {column.field for column in COLUMNS} <= set(row)
    assert (row["item"], row["item_type"], row["connector"], row["importance"], row["system_generated"]) == (ticket, "T", "support", "high", False)
    assert (row["first_failed_at"], row["last_attempt_at"], row["last_failure"]) == (None, None, "")
    assert (row["created_at"], row["scheduled_for"], row["next_attempt_at"]) == ("2026-03-02T09:00:00Z", "2026-03-02T14:00:00Z", "2026-03-02T14:00:00Z")
    assert (row["attempts"], row["attempts_at_most"], row["status_words"]) == (0, 6, "Queued"), "A-OB-21: the template says how many"
    failed = room.clock.now()
    put(room, one, state="failed", attempts=6, tries_left=0, first_failed_at=failed, last_attempt_at=failed, last_error="550 no")
    (row,) = room.desk.outbox_page(ANN)["rows"]
    assert (row["first_failed_at"], row["last_failure"], row["attempts"], row["attempts_at_most"]) == ("2026-03-02T09:00:00Z", "550 no", 6, 6)
    case = room.desk.mail(room.ticket("Claim"), BOB, text="x")["id"]
    assert [(row["item_type"], row["status_words"]) for row in room.desk.outbox_page(BOB)["rows"]] == [("C", "En file d’attente")]
    shown = room.desk.show_outbox(case, BOB)
    assert (shown["item_type"], shown["retry_after_seconds"]) == ("C", [120.0, 240.0, 480.0, 960.0, 1920.0]), "E-24: kept with the mail"


def test_a_mail_shows_its_retry_template_and_the_tries_to_come(room: Room) -> None:
    """C-OB-04, E-24, A-OB-21: name and version of the template as it was when the mail was written, and when it is tried if each try is refused."""
    one = room.desk.mail(room.ticket(), ANN, text="x")["id"]
    save(room, retry_templates=(RetryTemplate("", "standard", (timedelta(hours=1),)),))
    put(room, one, state="pending_retry", attempts=3, tries_left=3)
    two = room.desk.mail(room.ticket(), ANN, text="x")["id"]
    shown, newer = room.desk.show_outbox(one, ANN), room.desk.show_outbox(two, ANN)
    assert (shown["retry_template"], shown["retry_template_version"], shown["attempts_at_most"]) == ("standard", 1, 6)
    due = datetime.fromisoformat(shown["due_at"])
    assert [datetime.fromisoformat(try_["at"]) - due for try_ in shown["next_tries"]] == [timedelta(minutes=n) for n in (0, 16, 48)]
    assert (newer["retry_template_version"], newer["attempts_at_most"], len(newer["next_tries"])) == (2, 2, 2)
    put(room, one, state="failed", attempts=6, tries_left=0)
    assert room.desk.show_outbox(one, ANN)["next_tries"] == []


@pytest.mark.parametrize("sort", [f"{sign}{name}" for name in SORTS for sign in ("", "-")])
def test_pages_go_on_where_the_last_one_ended(room: Room, sort: str) -> None:
    """Every order, both ways, with equal and missing values: pages hold each mail once, in the order of one long page; a new mail does not shift them."""
    ref = room.ticket()
    for n in range(13):
        one = room.desk.mail(ref, ANN, text="x", subject=f"S{n % 3}", to=[f"c{n % 2}@acme.example"])["id"]
        put(room, one, attempts=n % 2, last_attempt_at=room.clock.now() if n % 4 == 0 else None)
        room.clock.advance(seconds=n % 2)
    whole = rows(room, ANN, sort=sort, rows=50)
    assert len(whole) == 13
    paged, cursor = [], ""
    for _ in range(3):
        page = room.desk.outbox_page(ANN, sort=sort, rows=5, cursor=cursor)
        paged += [row["id"] for row in page["rows"]]
        cursor = page["next"]
    assert paged == whole and cursor is None


def test_the_oldest_comes_first(room: Room) -> None:
    """The order a person has not chosen; another order and a mark of a page that are none are refused."""
    ref = room.ticket()
    ids = []
    for _ in range(3):
        ids.append(room.desk.mail(ref, ANN, text="x", send_at=room.clock.now() + LATER - timedelta(hours=len(ids)))["id"])
        room.clock.advance(seconds=1)
    assert rows(room, ANN) == ids and rows(room, ANN, sort="next_attempt") == ids[::-1]
    mark = room.desk.outbox_page(ANN)["rows"][0]["cursor"]
    forged = [["subject", False, "\0", "x"], ["subject", False, "\ud800", "x"], ["created", True, "2026-01-01", "x"], ["created", True, 5, "x"]]
    forged += [["attempts", False, 2**70, "x"], ["attempts", False, True, "x"], ["attempts", False, 1, "\0"], ["subject", True, "2026-01-01T00:00Z", "x"], [1]]
    for one in forged:
        mark_of = base64.urlsafe_b64encode(json.dumps(one).encode()).decode()
        with pytest.raises(Refused, match="mark of a page"):
            room.desk.outbox_page(ANN, sort=str(one[0]) if len(one) > 1 else "created", cursor=mark_of)
    assert room.desk.outbox_page(ANN, text="\0", author="\0\ud800", connector="\0")["rows"] is not None
    assert room.desk.sent_items(ANN, to="\0", sent_by="\ud800") == []
    for wrong in ({"sort": "x"}, {"sort": "warnings"}, {"cursor": "nonsense"}, {"cursor": "é"}, {"cursor": mark, "sort": "subject"}, {"cursor": "W10"}, {"rows": 1_000}):
        with pytest.raises(Refused):
            room.desk.outbox_page(ANN, **wrong)


def test_the_filters(room: Room) -> None:
    """State, connector, item, author, words, time of creation; `%` means itself; an unknown state is refused, an item out of sight does not exist."""
    made = mails(room)
    room.clock.advance(minutes=1)
    ticket = room.ticket()
    late = room.desk.mail(ticket, ANN, text="x", subject="100% sure", to=["zoe@globex.example"])["id"]
    put(room, late, state="failed", connector="claims")
    now = room.clock.now()
    asked: list[tuple[dict[str, Any], set[str]]] = [
        ({"states": ["failed"]}, {late}),
        ({"connector": "claims"}, {late}),
        ({"ref": ticket}, {late}),
        ({"author": "Ann@demo.example"}, {late, made["ann"]}),
        ({"text": "0% S"}, {late}),
        ({"text": "GLOBEX"}, {late}),
        ({"text": "100_ sure"}, set()),
        ({"after": now}, {late}),
        ({"before": now}, set(made.values())),
        ({"author": ANN, "states": ["queued"]}, {made["ann"]}),
    ]
    for filters, found in asked:
        assert set(rows(room, ROOT, "all", **filters)) == found, filters
    with pytest.raises(Refused, match="no state"):
        room.desk.outbox_page(ROOT, states=["lost"])
    with pytest.raises(Refused, match="no view"):
        room.desk.outbox_page(ROOT, view="theirs")
    with pytest.raises(NotFound):
        room.desk.outbox_page(XAVER, ref=ticket)


def test_mails_of_somebody_who_left_are_at_the_leader(room: Room) -> None:
    """decisions.md 16: the leader sees them in the team's view and may cancel them."""
    mail = room.desk.mail(room.ticket(), ANN, text="x", send_at=room.clock.now() + LATER)["id"]
    save(room, users=tuple(replace(user, active=False) if user.email == ANN else user for user in room.setup.users))
    assert rows(room, LEA) == [mail]
    assert room.desk.cancel_mail(mail, LEA)["state"] == "cancelled"
    assert rows(room, LEA) == []


def test_an_item_that_moved_out_of_sight(room: Room) -> None:
    """E-33: with the item the mails about it leave a person's sight, their number as well; those one wrote stay."""
    case = room.ticket("Claim")
    room.desk.mail(case, BOB, text="b")
    assert room.desk.count_outbox(XAVER)["all"]["total"] == 1
    with room.database.durable() as connection:
        connection.execute(update(item).where(item.c.ref == case).values(queue="First line", home_queue="First line"))
    assert (room.desk.count_outbox(XAVER)["all"]["total"], room.desk.count_outbox(BOB)["mine"]["total"]) == (0, 1)


def test_why_a_due_mail_waits(room: Room) -> None:
    """Decision 20: behind a mail of its item that is to be tried again, a due one names that mail, in the list and alone; a scheduled one keeps nobody."""
    ref = room.ticket()
    later = room.desk.mail(ref, ANN, text="next week", send_at=room.clock.now() + LATER)["id"]
    first, second = (room.desk.mail(ref, ANN, text=text, undo=timedelta())["id"] for text in ("one", "two"))
    put(room, first, state=str(S.PENDING_RETRY), attempts=1, last_error="450 come back", due_at=room.clock.now() + timedelta(minutes=2))
    listed = {row["id"]: (row["waits_for"], row["last_failure"]) for row in room.desk.outbox_page(ANN, view="mine")["rows"]}
    behind = f"It waits until the mail {first}, written earlier on the same item, has left."
    assert listed == {later: (None, ""), first: (None, "450 come back"), second: (first, behind)}
    assert room.desk.show_outbox(second, ANN)["waits_for"] == first


def test_what_the_server_calls_a_mail(room: Room) -> None:
    """The queue id by which the operator of the server finds the mail stands in the list of sent mails and at the mail itself."""
    sent = room.desk.mail(room.ticket(), ANN, text="a", undo=timedelta())["id"]
    put(room, sent, state=str(S.SENT), attempts=1, sent_at=room.clock.now(), queue_id="4XyZ1")
    assert [row["queue_id"] for row in room.desk.sent_items(ANN)] == ["4XyZ1"]
    assert room.desk.show_outbox(sent, ANN)["queue_id"] == "4XyZ1"
