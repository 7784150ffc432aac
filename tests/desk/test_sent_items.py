"""Sent items: mine and my team's, the filters, pages, and how the database finds them among very many; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from core.permissions import visible_to
from core.refusal import Refused
from gateway.desk_outbox_views import who
from gateway.store import sent_items, sight
from gateway.store.page_marks import page_mark
from gateway.store.schema import outbox
from tests.desk.conftest import Room
from tests.desk.office import ANN, BOB, LEA, ROOT, XAVER, put, with_another_team

DAY = timedelta(days=1)


@pytest.fixture
def room(room: Room) -> Room:
    """With somebody of another team."""
    return with_another_team(room)


def sent(room: Room, by: str, ref: str, at: Any, **values: Any) -> str:
    mail = str(room.desk.mail(ref, by, text="x", to=["carl@acme.example"])["id"])
    put(room, mail, **({"state": "sent", "sent_at": at} | values))
    return mail


def ids(room: Room, by: str, **asked: Any) -> list[str]:
    return [mail["id"] for mail in room.desk.sent_items(by, **asked)]


def test_mine_and_my_teams(room: Room) -> None:
    """C-SE-01: newest first; what is not sent is not there, what came back is; automatic mails with the items one has; nothing out of sight."""
    now = room.clock.now()
    ticket, case = room.ticket(), room.ticket("Claim")
    old, new = sent(room, ANN, ticket, now - 2 * DAY), sent(room, ANN, ticket, now - DAY, state="bounced")
    room.desk.mail(ticket, ANN, text="waits")
    auto = sent(room, ROOT, ticket, now - 3 * DAY, author="", system_generated=True, purpose="acknowledgement")
    bobs, xavers = sent(room, BOB, case, now - 4 * DAY), sent(room, XAVER, case, now - 5 * DAY)
    assert ids(room, ANN) == [new, old, auto], "the ticket is Ann's, since she answered it"
    assert ids(room, ANN, team=True) == [new, old, auto], "Bob's is about an item that she does not see"
    assert ids(room, LEA) == [] and ids(room, LEA, team=True) == [new, old, auto, bobs]
    assert ids(room, XAVER, team=True) == [xavers]
    assert room.desk.sent_items(ANN)[0]["item"] == ticket


def test_the_filters_of_sent_items(room: Room) -> None:
    """C-SE-01: customer, contract, service, process, queue, to, item status, attachments, system-generated, assignee, sent-by."""
    now = room.clock.now()
    ticket, case = room.ticket(), room.ticket("Claim")
    a = sent(room, ANN, ticket, now - DAY, attachment_count=2)
    b = sent(room, BOB, case, now - 2 * DAY)
    c = sent(room, ROOT, case, now - 3 * DAY, author="", system_generated=True)
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({"customer": "Acme"}, [a, b, c]),
        ({"customer": "Globex"}, []),
        ({"contract": "Main", "service": "Claims"}, [b, c]),
        ({"process": "General support"}, [a]),
        ({"queue": "Claims"}, [b, c]),
        ({"to": "CARL@"}, [a, b, c]),
        ({"to": "c_rl"}, []),
        ({"item_status": "in_progress"}, [a, b, c]),
        ({"item_status": "closed"}, []),
        ({"attachments": True}, [a]),
        ({"attachments": False}, [b, c]),
        ({"system_generated": True}, [c]),
        ({"system_generated": False}, [a, b]),
        ({"assignee": BOB}, [b, c]),
        ({"sent_by": "Ann@demo.example"}, [a]),
    ]
    for filters, found in asked:
        assert ids(room, LEA, team=True, **filters) == found, filters


def test_the_range_of_dates(room: Room) -> None:
    """C-SE-01: at most 90 days wide; without a begin or an end the 90 days beside the other, without both the last 90."""
    now = room.clock.now()
    ref = room.ticket()
    days = {n: sent(room, ANN, ref, now - n * DAY) for n in (1, 89, 91, 200)}
    assert ids(room, ANN) == [days[1], days[89]]
    assert ids(room, ANN, before=now - 88 * DAY) == [days[89], days[91]]
    assert ids(room, ANN, after=now - 201 * DAY) == [days[200]]
    assert ids(room, ANN, after=now - 91 * DAY, before=now - 89 * DAY) == [days[91]], "the begin is in the range, the end is not"
    for wrong in ({"after": now - 91 * DAY, "before": now}, {"after": now, "before": now - DAY}):
        with pytest.raises(Refused, match="at most 90 days"):
            room.desk.sent_items(ANN, **wrong)


def test_pages_of_sent_items(room: Room) -> None:
    """Each mail once, also those that left at the same moment; a mark of a page that is none is refused."""
    ref = room.ticket()
    for n in range(11):
        sent(room, ANN, ref, room.clock.now() - (n // 3) * DAY)
    whole = ids(room, ANN)
    paged: list[str] = []
    cursor = ""
    while len(paged) < 11:
        page = room.desk.sent_items(ANN, rows=4, cursor=cursor)
        paged += [mail["id"] for mail in page]
        cursor = page[-1]["cursor"]
    assert paged == whole and len(set(whole)) == 11
    for wrong in ("x", "é", "eA", "MjAyNi0wMS0wMSB4"):
        with pytest.raises(Refused):
            room.desk.sent_items(ANN, cursor=wrong)


@pytest.mark.parametrize("team", [False, True])
def test_sent_items_are_found_by_their_moment(room: Room, team: bool) -> None:
    """C-SE-01 among 100,000 mails of two years: both databases walk the index of the moments of sending, from the newest on, and sort nothing."""
    ref = room.ticket()
    first = sent(room, ANN, ref, room.clock.now() - DAY)
    now = room.clock.now()
    with room.database.durable() as connection:
        row = dict(connection.execute(select(outbox).where(outbox.c.id == first)).one()._mapping)
        for thousand in range(100):
            many = [
                row | {"id": f"m{n}", "message_id": f"m{n}", "seq": n, "author": f"a{n % 10}@demo.example" if n % 10 else ANN, "sent_at": now - n * DAY / 137}
                for n in range(1000 * thousand, 1000 * thousand + 1000)
            ]
            connection.execute(outbox.insert(), many)
    with room.database.durable() as connection:
        connection.execute(text("ANALYZE"))
    with room.database.read() as connection:
        scene = room.desk._scene(connection, ANN)
        wanted = sent_items.Wanted(now - 90 * DAY, now, team=team)
        for cursor in ("", page_mark(sent_items.ORDER, now - 40 * DAY, "m5480")):
            asked = sent_items.statement(wanted, who(scene), sight.visible_outbox(visible_to(scene.user, scene.setup)), scene.setup, rows=50, cursor=cursor)
            compiled = asked.compile(connection, compile_kwargs={"literal_binds": True})
            explain = "EXPLAIN QUERY PLAN " if room.database.is_sqlite else "EXPLAIN "
            plan = "\n".join(str(line) for line in connection.exec_driver_sql(explain + str(compiled).replace("%", "%%")))
            assert "ix_outbox_sent_at" in plan, plan
            if room.database.is_sqlite:
                assert "TEMP B-TREE FOR ORDER BY" not in plan or "RIGHT PART" in plan or "LAST TERM" in plan, plan
    assert len(ids(room, ANN, rows=50)) == 50
