"""People known across items by their addresses."""

from __future__ import annotations

from core.decision import ContactOnItem
from gateway.clock import FakeClock
from gateway.store import contacts
from gateway.store.engine import Database


def company_of(domain: str) -> str:
    return {"acme.example": "Acme"}.get(domain, "")


def test_a_person_is_remembered_once(database: Database, clock: FakeClock) -> None:
    """B-CO-01: who is put on an item becomes a contact; a second time, in another spelling, changes nothing."""
    for address in ("Carl@Acme.example", "carl@acme.EXAMPLE"):
        with database.lazy() as connection:
            contacts.remember(connection, [ContactOnItem("i", address, "Carl")], company_of, clock.new_id, clock.now())
    with database.read() as connection:
        assert list(contacts.known(connection, ["carl@acme.example", "x@y"])) == ["carl@acme.example"]


def test_joining_by_hand_remembers_a_second_address(database: Database, clock: FakeClock) -> None:
    """decisions.md, held mail: the further address belongs to the same person from now on."""
    with database.lazy() as connection:
        contacts.remember(connection, [ContactOnItem("i", "carl@acme.example")], company_of, clock.new_id, clock.now())
        contacts.add_addresses(connection, [("carl@acme.example", "Carl@home.example"), ("nobody@x.org", "n@y.org")])
    with database.read() as connection:
        assert contacts.all_addresses(connection, ["carl@home.example"]) == {"carl@home.example", "carl@acme.example"}
        assert contacts.all_addresses(connection, ["n@y.org"]) == {"n@y.org"}
        assert contacts.all_addresses(connection, []) == frozenset()
