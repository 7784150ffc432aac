"""Work items in the database: what goes in comes out, versions, numbers, people, links, ids and timelines, on both databases."""

from __future__ import annotations

import threading
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from core.decision import ContactOnItem, Entry, EntryKind, KnownId, Link
from core.refs import FIRST_NUMBER
from core.status import TABLES, Place, Reason, ResolutionMethod
from core.wait import Clocks
from core.work_item import Before, Resolution, WorkItem
from gateway.store import conversations, items
from gateway.store.engine import Database
from gateway.store.item_rows import clocks_json, clocks_of, resolution_json, resolution_of
from gateway.store.schema import item as item_table
from gateway.store.schema import timeline

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def made(n: int = 1, **more: Any) -> WorkItem:
    """A ticket that is not stored yet."""
    return replace(WorkItem(f"i-{n}", "ticket", 101000 + n, f"{101000 + n}-T", "Printer", "p-1", NOW, NOW, home_queue="First line"), **more)


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
moments = st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone is added
spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000))
resolutions = st.builds(Resolution, words, moments, st.sampled_from(ResolutionMethod), words, st.none() | st.integers(0, 2**60))
chains = st.builds(lambda last, earlier: replace(last, earlier=tuple(earlier)), resolutions, st.lists(resolutions, max_size=3))
clocks = st.builds(
    Clocks,
    st.none() | moments,
    st.none() | spans,
    st.none() | moments,
    st.booleans(),
    st.none() | spans,
    st.none() | moments,
    st.none() | moments,
    words,
    st.lists(words, max_size=3).map(tuple),
    st.none() | moments,
)
places = st.sampled_from([place for table in TABLES.values() for place in table])
befores = st.builds(Before, st.integers(1, 10**6), places, st.sampled_from(Reason), words, words, words, clocks, st.none() | chains, words)


@st.composite
def work_items(draw: st.DrawFn) -> WorkItem:
    """Any item at all, whether it makes sense or not."""
    place: Place = draw(places)
    return WorkItem(
        id="i-1",
        kind=draw(st.sampled_from(["ticket", "case"])),
        number=draw(st.integers(1, 2**62)),
        ref=draw(st.sampled_from(["101001-T", "7-C"])),
        title=draw(words),
        process_id=draw(words),
        created_at=draw(moments),
        updated_at=draw(moments),
        status=place.status,
        wait_type=place.wait_type,
        resolution_method=draw(st.none() | st.sampled_from(ResolutionMethod)),
        reason=draw(st.sampled_from(Reason)),
        description=draw(words),
        category=draw(words),
        company=draw(words),
        home_queue=draw(words),
        queue=draw(words),
        assignee=draw(words),
        owner=draw(words),
        new_information=draw(st.booleans()),
        attention=draw(words),
        created_by=draw(words),
        updated_by=draw(words),
        clocks=draw(clocks),
        resolution=draw(st.none() | chains),
        before=draw(st.none() | befores),
        connector=draw(words),
        reply_from=draw(words),
        language=draw(st.sampled_from(["", "en", "fr"])),
        send_automated_emails=draw(st.booleans()),
        due_at=draw(st.none() | moments),
    )


@given(one=work_items(), other=work_items())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_goes_in_comes_out(database: Database, one: WorkItem, other: WorkItem) -> None:
    """Every field of every item survives an insert and an update; the alarm column is that of the clocks."""
    with database.durable() as connection:
        connection.execute(item_table.delete())
        assert items.save(connection, one) == 1
        assert items.load(connection, ["i-1"])["i-1"] == replace(one, version=1)
        assert items.save(connection, replace(other, version=1)) == 2
        assert items.load(connection, ["i-1"])["i-1"] == replace(other, version=2)
        assert connection.execute(select(item_table.c.alarm_at)).scalar() == other.clocks.alarm_at


def test_no_field_is_forgotten() -> None:
    """The random items above vary every field that an item has."""
    varied = {field.name for field in fields(WorkItem)} - {"id", "ref", "version"}
    assert varied <= {column.name for column in item_table.columns} | {"clocks", "resolution", "before"}


@given(clocks, chains)
def test_clocks_and_resolutions_are_plain_json(some: Clocks, chain: Resolution) -> None:
    """What is written is JSON of numbers, texts and lists, and reads back the same; the empty ones take no room."""
    import json

    assert clocks_of(json.loads(json.dumps(clocks_json(some)))) == some
    assert resolution_of(json.loads(json.dumps(resolution_json(chain)))) == chain
    assert (clocks_json(Clocks()), clocks_of(None), clocks_of({})) == ({}, Clocks(), Clocks())


def test_a_stale_version_is_refused(database: Database) -> None:
    """Two who read the same version: the second one to save is told, and nothing of theirs is written."""
    with database.durable() as connection:
        items.save(connection, made())
        read = items.load(connection, ["i-1"])["i-1"]
        assert items.save(connection, replace(read, title="First")) == 2
    with pytest.raises(items.StaleItem, match="101001-T"), database.durable() as connection:
        items.save(connection, replace(read, title="Second"))
    with database.read() as connection:
        assert items.load(connection, ["i-1"])["i-1"].title == "First"


def test_items_are_found_by_reference_in_any_case(database: Database) -> None:
    """References are compared in upper case; what is not there is left out, and asking for nothing asks nobody."""
    with database.durable() as connection:
        items.save(connection, made(1))
        items.save(connection, made(2))
        assert items.by_refs(connection, ["101001-t", "101002-T", "9-T"]).keys() == {"101001-T", "101002-T"}
        assert items.by_ref(connection, "101002-t", lock=True) == made(2, version=1)
        assert items.by_ref(connection, "1") is None
        assert items.load(connection, ["i-1", "i-2", "i-1", "x"], lock=True).keys() == {"i-1", "i-2"}
        assert (items.load(connection, []), items.by_refs(connection, [])) == ({}, {})


def test_numbers_rise_and_are_never_given_twice(database: Database) -> None:
    """Six threads that take numbers, some of them in transactions that fail, never get the same one."""
    taken: list[int] = []
    faults: list[BaseException] = []

    def work() -> None:
        try:
            for turn in range(10):
                try:
                    with database.lazy() as connection:
                        got = items.take_numbers(connection, 1 + turn % 3)
                        assert list(got) == sorted(got)
                        if turn % 5 == 4:
                            raise ZeroDivisionError
                        taken.extend(got)
                except ZeroDivisionError:
                    pass
        except BaseException as fault:  # whatever happens in the thread is what the test is about
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(taken) == len(set(taken)) == 6 * (1 + 2 + 3 + 1 + 3 + 1 + 2 + 3)
    assert min(taken) >= FIRST_NUMBER
    with database.lazy() as connection:
        assert items.take_numbers(connection, 0) == ()


def test_contacts_are_merged(database: Database) -> None:
    """An address is on an item once, in any case of letters: tags add up, a name is filled in and not overwritten."""
    with database.durable() as connection:
        items.save(connection, made(1))
        items.save(connection, made(2))
        items.add_contacts(connection, [ContactOnItem("i-1", "Carl@Acme.example", "", ("primary",)), ContactOnItem("i-1", "carl@acme.example", "Carl", ("cc",))])
        items.add_contacts(connection, [ContactOnItem("i-1", "CARL@acme.example", "Other", ("cc", "subject")), ContactOnItem("i-2", "carl@acme.example")])
        items.add_contacts(connection, [])
        found = items.contacts_of(connection, ["i-1", "i-2", "i-3"])
        assert found["i-1"] == (ContactOnItem("i-1", "Carl@Acme.example", "Carl", ("primary", "cc", "subject")),)
        assert (found["i-2"], found["i-3"]) == ((ContactOnItem("i-2", "carl@acme.example", "", ()),), ())


def test_participants_links_and_ids_are_written_once(database: Database) -> None:
    """What is there stays; links are written both ways, follow-ups under their two names; an id may point to several items."""
    with database.durable() as connection:
        items.save(connection, made(1))
        items.save(connection, made(2))
        for _ in range(2):
            items.add_participants(connection, [("i-1", "a@x"), ("i-1", "a@x"), ("i-1", "")])
            items.add_links(connection, [Link("i-2", "i-1", "follow_up_of"), Link("i-1", "i-2", "same_mail")], NOW)
            items.add_known_ids(connection, [KnownId("m@x", "i-1", "in", "in-1"), KnownId("m@x", "i-2", "in", "in-1"), KnownId("", "i-1", "in", "in-2")], NOW)
        assert items.participants_of(connection, ["i-1"])["i-1"] == {"a@x"}
        assert items.links_of(connection, ["i-1", "i-2"]) == {
            "i-1": (Link("i-1", "i-2", "followed_by"), Link("i-1", "i-2", "same_mail")),
            "i-2": (Link("i-2", "i-1", "follow_up_of"), Link("i-2", "i-1", "same_mail")),
        }
        known = items.known_ids(connection, ["m@x", "other@x", ""])
        assert known.keys() == {"m@x"}
        assert [(one.item_id, one.source_id) for one in known["m@x"]] == [("i-1", "in-1"), ("i-2", "in-1")]
        assert (items.known_ids(connection, [""]), items.links_of(connection, []), items.contacts_of(connection, [])) == ({}, {}, {})


def test_timelines_keep_their_order(database: Database) -> None:
    """Lines of one decision, written at one moment, come back in the order they were written."""
    with database.durable() as connection:
        items.save(connection, made())
        items.add_entries(connection, [Entry("i-1", NOW, EntryKind.NOTE, by="a", text=str(n), facts={"n": n}) for n in range(20)])
        items.add_entries(connection, [])
        rows = connection.execute(select(timeline.c.text, timeline.c.facts).order_by(timeline.c.seq)).all()
    assert [(row.text, row.facts) for row in rows] == [(str(n), {"n": n}) for n in range(20)]


def test_due_alarms_come_earliest_first(database: Database) -> None:
    """Only alarms that have come, the earliest first, at most as many as asked for; an alarm exactly now has come."""
    with database.durable() as connection:
        for n, minutes in enumerate((0, -5, 1, -1)):
            items.save(connection, made(n, clocks=Clocks(wait_until=NOW + timedelta(minutes=minutes))))
        items.save(connection, made(9))
        assert items.due_alarms(connection, NOW, 10) == ("i-1", "i-3", "i-0")
        assert items.due_alarms(connection, NOW, 2) == ("i-1", "i-3")


def test_items_are_found_by_what_stopped_them(database: Database) -> None:
    """A replayed mail finds the items that stand still because of it, and only those; a cause is an id and never a pattern."""
    with database.durable() as connection:
        items.save(connection, made(1, clocks=Clocks().stop("abc", NOW).stop("abd", NOW)))
        items.save(connection, made(2, clocks=Clocks().stop("abcd", NOW)))
        items.save(connection, made(3, clocks=Clocks(after_mail="xabc")))
        assert items.stopped_by(connection, "abc") == ("i-1",)
        assert items.stopped_by(connection, "abd") == ("i-1",)
        assert items.stopped_by(connection, "ab%") == items.stopped_by(connection, "") == ()


def test_looking_for_alarms_uses_the_index(database: Database) -> None:
    """Architecture section 6: one indexed alarm per item; the scheduler does not read all items every second."""
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.durable() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.execute(text(f"{explain} SELECT id FROM item WHERE alarm_at <= 5 ORDER BY alarm_at LIMIT 200")).all()
    assert "ix_item_alarm_at" in str(plan)


def test_a_long_thread_keeps_its_first_and_its_newest(database: Database) -> None:
    """Contract section 6: the References of an answer are bounded, and keep where it all began."""
    with database.durable() as connection:
        items.save(connection, made())
        for n in range(200):
            items.add_known_ids(connection, [KnownId(f"{n}@x", "i-1", "in", f"in-{n}")], NOW + timedelta(seconds=n))
        found = conversations.references(connection, "i-1")
        assert (found[0], found[1], found[-1], len(found)) == ("0@x", "140@x", "199@x", 61)
        assert conversations.references(connection, "i-2") == ()
