"""What a server says by SIZE is kept for whoever writes the next mail (C-CO-09); refusing a mail for it is shown in `tests/desk/test_letters.py`."""

from __future__ import annotations

import pytest

from gateway.store import connector_status
from tests.houses import sending_to
from tests.outbound.drafts import House
from tests.outbound.peer import Peer

ANNOUNCED = [
    ("a limit", "250-peer\r\n250 SIZE 20000", 20_000),
    ("no limit named", "250-peer\r\n250 SIZE", 0),
    ("zero, which is none", "250-peer\r\n250 SIZE 0", 0),
    ("nonsense", "250-peer\r\n250 SIZE 12x", 0),
    ("more digits than a number has", "250-peer\r\n250 SIZE " + "9" * 40, 0),
    ("nothing of the kind", "250 peer", 0),
]


@pytest.mark.parametrize(("hello", "kept"), [one[1:] for one in ANNOUNCED], ids=[one[0] for one in ANNOUNCED])
def test_the_limit_of_a_server_is_kept(house: House, hello: str, kept: int) -> None:
    """RFC 1870: as announced last, also when it was another before; the health of the connector is written beside it and leaves it alone."""
    with house.database.durable() as connection:
        connector_status.note_size_limit(connection, "support", 7)
    house.item()
    with Peer({"EHLO": hello}) as peer:
        house.save(sending_to(house.setup, peer.port))
        dispatcher = house.dispatcher()
        for name in ("d1", "d2", "d3"):
            house.queue(name)
            dispatcher.run_due()
        assert [house.state(name) for name in ("d1", "d2", "d3")] == ["sent"] * 3
    with house.database.durable() as connection:
        assert connector_status.size_limit(connection, "support") == kept
        connector_status.save(connection, connector_status.health(connection, "support"))
        assert connector_status.size_limit(connection, "support") == kept
        assert connector_status.size_limit(connection, "claims") == 0
