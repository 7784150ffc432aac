"""What a restored backup must not do by itself."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from core.setup import Setup
from gateway.bootstrap import House
from gateway.clock import FakeClock
from gateway.store import due, restored
from gateway.store.engine import Database
from gateway.store.schema import outbox
from tests.flow.conftest import house, sink  # noqa: F401  # fixtures
from tests.flow.told import ANN, ROOT, Told, letter
from tests.sink import Sink


def test_waiting_mails_of_a_backup_are_held(house: House, sink: Sink, clock: FakeClock, example_setup: Setup) -> None:  # noqa: F811  # the fixtures above
    """No mail is sent twice: what waited in the backup is held with the reason, what was on its way is of unknown outcome; a person releases."""
    told = Told(house, sink, clock)
    told.comes_in(letter("Old", "Text.", message_id="m1@acme.example"))
    ref = told.only_item()["ref"]
    mails = [house.desk.mail(ref, ANN, text=f"Answer {n}")["id"] for n in range(3)]
    with house.database.durable() as connection:
        for outbox_id, marked in zip(mails[1:], (False, True), strict=True):
            connection.execute(update(outbox).where(outbox.c.id == outbox_id).values(state="sending", attempts=1, marked=marked, lease_by="x"))
    assert restored.hold_unsent(house.database, clock.now()) == 2
    told.goes_on(days=1)
    states = {one["id"]: one["state"] for one in house.desk.list_outbox(ROOT) if one["id"] in mails}
    assert states == {mails[0]: "held", mails[1]: "held", mails[2]: "unknown"}
    assert len(sink.mails) == 1
    assert "restored" in house.desk.show_outbox(mails[0], ROOT)["hold_reason"]


def test_a_served_database_is_noticed(database: Database, clock: FakeClock) -> None:
    """A lease that is alive names who serves; one that is over does not."""
    with database.durable() as connection:
        due.take_lead(connection, "scheduler", "there/1/x", clock.now(), timedelta(seconds=15))
    with database.read() as connection:
        assert restored.served_by(connection, clock.now()) == "there/1/x"
        assert restored.served_by(connection, clock.now() + timedelta(seconds=16)) == ""
