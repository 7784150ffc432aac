"""A connector switched off and on by hand, through the desk, and the history of the desk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.refusal import NotFound, Refused
from gateway.keys import Keys
from gateway.outbound.dispatch import Dispatcher
from gateway.store.schema import desk_change
from tests.desk.conftest import Room
from tests.outbound.drafts import Way

ROOT = "root@demo.example"
ANN = "ann@demo.example"


def test_switched_off_and_on(room: Room, keys: Keys) -> None:
    """A-OB-24, E-35: mails of a disabled connector show *connector disabled* and use up no try; enabled again they leave in their order, a scheduled one at its
    time."""
    ref = room.ticket()
    later = room.clock.now() + timedelta(hours=3)
    ids = [room.desk.mail(ref, ANN, text=f"Number {n}", to=["carl@acme.example"], undo=timedelta(0))["id"] for n in range(3)]
    scheduled = room.desk.mail(ref, ANN, text="Later", to=["carl@acme.example"], send_at=later)["id"]
    done = room.desk.switch_connector("support", ROOT, enabled=False, reason="moving\r\nhouse")
    assert (done["changed"], done["waiting"]) == (True, 4)
    assert {mail["state"] for mail in room.desk.list_outbox(ANN)} == {"connector_disabled"}
    way = Way()
    dispatcher = Dispatcher(room.database, room.setups, keys, room.clock, room.apply, holder="h/1/a", transports=lambda connector: way)
    assert dispatcher.run_due() == 0
    assert room.desk.switch_connector("support", ROOT, enabled=True)["changed"]
    assert room.woken[-1] == "outbox"
    dispatcher.run_due()
    assert [mail.id for mail in way.given] == ids
    (left,) = room.desk.list_outbox(ANN, states=("queued",))
    assert (left["id"], left["attempts"], left["due_at"]) == (scheduled, 0, later.isoformat().replace("+00:00", "Z"))


def test_the_history_says_who_when_and_what(room: Room) -> None:
    """Each change of a connector is there with its author, its time and the reason; switching twice changes nothing and is not written."""
    room.desk.switch_connector("claims", ROOT, enabled=False, reason="moving\r\nhouse")
    assert not room.desk.switch_connector("claims", ROOT, enabled=False)["changed"]
    room.clock.advance(hours=1)
    room.desk.switch_connector("claims", ROOT, enabled=True)
    on, off, made = room.desk.connector_history("claims", ROOT)
    assert (on["by"], on["change"], on["keys"], on["because"]) == (ROOT, "changed", {"enabled": [False, True]}, "")
    assert (off["keys"], off["because"]) == ({"enabled": [True, False]}, "moving house")
    assert (made["change"], on["at"] > off["at"]) == ("added", True)
    assert {one["kind"] for one in room.desk.desk_history(ROOT)} >= {"connector", "route", "user", "process"}
    with pytest.raises(NotFound, match="never was"):
        room.desk.connector_history("nobody", ROOT)
    with pytest.raises(Refused, match="nothing that a desk has"):
        room.desk.desk_history(ROOT, kind="passwords")


def test_nested_keys_and_no_secrets(room: Room) -> None:
    """What changed in `outgoing` is named key by key, names of variables are shown, and the value of a password never is."""
    with room.database.durable() as connection:
        setup = room.setups.current(connection)
        changed = replace(setup.connectors[1], outgoing={"kind": "smtp", "host": "mx.demo.example", "user": "u", "password_env": "MAIL_PASSWORD"})
        room.setups.save(connection, replace(setup, connectors=(setup.connectors[0], changed)), ROOT, room.clock.now())
        body = {"name": "claims", "outgoing": {"password": "hunter2", "host": "x"}}
        connection.execute(desk_change.insert().values(at=room.clock.now(), by="?", kind="connector", name="claims", change="changed", body=body))
    foreign, change, _ = room.desk.connector_history("claims", ROOT)
    assert change["keys"]["outgoing.host"] == [None, "mx.demo.example"]
    assert change["keys"]["outgoing.password_env"] == [None, "MAIL_PASSWORD"]
    assert "hunter2" not in str(foreign)


def test_only_administrators(room: Room) -> None:
    """Nobody else switches a connector or reads the history; what is not there is named."""
    for person in (ANN, "lea@demo.example", "nobody@x.example"):
        with pytest.raises(Refused):
            room.desk.switch_connector("support", person, enabled=False)
        with pytest.raises(Refused):
            room.desk.desk_history(person)
    with pytest.raises(NotFound, match="no connector “x”"):
        room.desk.switch_connector("x", ROOT, enabled=False)


def test_what_leans_on_the_default_connector_is_told(room: Room) -> None:
    """C-GW-02: switching off the default connector while others send by it is done, and said."""
    with room.database.durable() as connection:
        setup = room.setups.current(connection)
        claims = replace(setup.connectors[1], direction="incoming")
        room.setups.save(connection, replace(setup, connectors=(setup.connectors[0], claims)), ROOT, room.clock.now())
    done = room.desk.switch_connector("support", ROOT, enabled=False)
    assert any("claims send by it" in said for said in done["warnings"])
