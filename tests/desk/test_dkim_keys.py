"""DKIM keys of the desk made and taken away while somebody else changes it; what the keys do is `tests/outbound/test_dkim.py`."""

from __future__ import annotations

import threading
from dataclasses import replace

from sqlalchemy import Connection

from gateway.desk_dkim import DkimDesk
from gateway.keys import Keys
from gateway.outbound.dkim_key import ED25519
from gateway.secrets import Secrets
from tests.desk.conftest import Room
from tests.desk.office import ROOT


class Slow(Secrets):
    """Keeps secrets only when somebody else has begun to save the desk as well."""

    began: threading.Event
    others: threading.Thread

    def put(self, connection: Connection, name: str, value: str, by: str) -> None:
        self.others.start()
        assert self.began.wait(10)
        self.others.join(0.5)
        super().put(connection, name, value, by)


def test_what_somebody_else_saves_meanwhile_is_kept(room: Room, keys: Keys) -> None:
    """A key is made while the desk gets another name: both are there afterwards, whoever was first."""

    def rename() -> None:
        secrets.began.set()
        with room.database.durable() as connection:
            setup = room.setups.locked(connection)
            room.setups.save(connection, replace(setup, name="Other desk"), ROOT, room.clock.now())

    secrets = Slow(room.database, keys, room.clock)
    secrets.began = threading.Event()
    secrets.others = threading.Thread(target=rename)
    DkimDesk(room.database, room.setups, secrets, room.clock, lambda: None).new("demo.example", ROOT, kind=ED25519)  # type: ignore[arg-type,return-value]
    secrets.others.join(30)
    with room.database.read() as connection:
        setup = room.setups.current(connection)
    assert (setup.name, [key.domain for key in setup.dkim_keys]) == ("Other desk", ["demo.example"])
