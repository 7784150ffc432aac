"""Caps and rates by client: counted, given back, bounded in memory."""

from __future__ import annotations

import pytest

from gateway.inbound.limits import MAX_TRACKED, Peers, Room, peer_key


def peers(*, connections: int = 100, per_peer: int = 3, connections_per_minute: int = 60, mails_per_minute: int = 5) -> Peers:
    """Small caps; loopback has none of its own."""
    return Peers(
        connections=connections,
        per_peer=per_peer,
        connections_per_minute=connections_per_minute,
        mails_per_minute=mails_per_minute,
        unlimited=("127.0.0.0/8", "::1/128"),
    )


def test_connections_in_all_and_by_client() -> None:
    """The common cap holds for everybody, the client's own for all but the unlimited; leaving makes room."""
    door = peers(connections=5)
    assert [door.enter("192.0.2.1", 0) for _ in range(4)] == ["", "", "", "too_many_connections"]
    door.leave("192.0.2.1")
    door.leave("192.0.2.1")
    assert [door.enter("127.0.0.1", 0) for _ in range(3)] == ["", "", ""]
    assert door.enter("127.0.0.1", 0) == "busy"
    door.leave("127.0.0.1")
    assert door.enter("192.0.2.1", 0) == "busy"


def test_connection_rate() -> None:
    """A client may connect so often in a minute, and again when time has passed."""
    door = peers(connections_per_minute=6)
    answers = []
    for _ in range(7):
        answers.append(door.enter("192.0.2.1", 0))
        door.leave("192.0.2.1")
    assert answers == [""] * 6 + ["connecting_too_fast"]
    assert door.enter("192.0.2.2", 0) == ""
    assert door.enter("192.0.2.1", 10.0) == ""
    assert door.enter("192.0.2.1", 10.1) == "connecting_too_fast"


def test_mail_rate() -> None:
    """Mails are counted by client and minute; the MTA in front of us is not counted."""
    door = peers(mails_per_minute=5)
    assert [door.may_send("192.0.2.1", 0) for _ in range(6)] == [True] * 5 + [False]
    assert [door.may_send("192.0.2.1", 24.0) for _ in range(3)] == [True, True, False]
    assert all(door.may_send("::1", 0) for _ in range(100))


@pytest.mark.parametrize(
    ("address", "key"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::"), ("2001:db8:1:2:ffff::", "2001:db8:1:2::"), ("local", "local")],
)
def test_what_is_one_client(address: str, key: str) -> None:
    """An IPv6 client is its /64: one client owns that many addresses."""
    assert peer_key(address) == key


def test_memory_is_bounded() -> None:
    """Ever new clients do not fill memory: rested ones are forgotten, and all of them when there are too many at once."""
    door = peers()
    for n in range(MAX_TRACKED + 10):
        door.may_send(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", 0.0)
    assert len(door._mailing) <= MAX_TRACKED


def test_room() -> None:
    """Room is taken whole or not at all."""
    room = Room(10)
    assert room.take(8) and not room.take(3) and room.take(2)
    room.give(10)
    assert room.free == 10
