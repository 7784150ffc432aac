"""Preloaded by the process that all children are forked from: a short story on throw-away houses, so that no child imports, spells or compiles anew.

Nothing of these houses is left when a child begins; it knows words, not facts.
"""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

from gateway.bootstrap import House, open_house
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival
from gateway.store.engine import Database
from tests.conftest import demo_desk, make_schema
from tests.crash.child import Player
from tests.crash.forked import REHEARSED_ON
from tests.crash.story import CUSTOMER, DESK, mail
from tests.houses import furnish, settings_for, url_of


def rehearse(url: str, folder: Path) -> None:
    """Mail in, acknowledgement, answer, reply, resolve, on a house in `folder`; what it spells is kept (`tests/spelled.py`, installed by conftest.py)."""
    clock = FakeClock()
    database = Database(url)
    make_schema(database)
    furnish(folder, database, demo_desk())
    database.dispose()
    house = open_house(settings_for(folder, url_of(database), broker={"url": "drop://"}), clock=clock)
    try:
        _play(house, Player(house, clock), clock)
    finally:
        house.close()


def _play(house: House, player: Player, clock: FakeClock) -> None:
    now = clock.now()
    house.dispatcher.recover_own()
    house.intake.accept(Arrival(mail(1, "Printer on fire", "It burns."), "smtp", now, CUSTOMER, (DESK,)))
    player.pump(now)
    ref = str(player.items()[0]["ref"])
    player.answer(ref, "Please pour water.", False)
    player.pump(now)
    answer = f"<{player.outbox()[-1]['message_id']}>"
    house.intake.accept(Arrival(mail(2, "Re: Printer on fire", "Water did not help.", answer), "smtp", now, CUSTOMER, (DESK,)))
    player.pump(now)
    player.answer(ref, "We sent a new one.", True)
    clock.advance(minutes=5)
    player.pump(clock.now())
    player.do(ref, "reopen", "to_do", {})
    player.inbound()
    player.copies()


def _everywhere() -> None:
    with tempfile.TemporaryDirectory(prefix="guichet-rehearsal-") as folder:
        rehearse(f"sqlite:///{folder}/guichet.db", Path(folder))
    if REHEARSED_ON in os.environ:
        with tempfile.TemporaryDirectory(prefix="guichet-rehearsal-") as folder:
            rehearse(os.environ[REHEARSED_ON], Path(folder))
    gc.collect()
    gc.freeze()  # children leave these pages alone


_everywhere()
