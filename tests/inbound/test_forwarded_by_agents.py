"""A forward on the whole way in: who asks, who made the item, and what people see of the original (decisions.md 11)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.setup import Setup
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.store.engine import Database
from tests.inbound.way_in import ANN, JO, WayIn, a_raw

FORWARD = (
    "Please take this.\r\n\r\nDe : Jo Martin <jo@acme.example>\r\nEnvoyé : mardi 3 mars 2026 09:05\r\nÀ : ann@demo.example\r\nObjet : Imprimante\r\n\r\n"
    "Elle ne marche plus."
)
SHOWN = {"from": "Jo Martin <jo@acme.example>", "to": ["ann@demo.example"], "cc": [], "subject": "Imprimante", "date": "mardi 3 mars 2026 09:05"}


@pytest.fixture
def way(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> Iterator[WayIn]:
    """The way in with the example desk."""
    yield WayIn(database, example_setup, clock, keys)


def people(way: WayIn, ref: str) -> dict[str, list[str]]:
    """The contacts of an item with their tags."""
    return {one["address"]: one["tags"] for one in way.desk().show(ref, "root@demo.example")["contacts"]}


def test_a_forward_by_an_agent(way: WayIn) -> None:
    """decisions.md 11: the original sender asks, the agent made the item, and both views name the original."""
    vouched = "Authentication-Results: mx.demo.example; dmarc=pass header.from=demo.example"
    headers = ["Content-Type: text/plain; charset=utf-8", vouched]
    taken = way.take(a_raw(from_=f"Ann <{ANN}>", subject="TR : Imprimante", text=FORWARD, headers=headers))
    assert taken["state"] == "done"
    assert {name: taken["forwarded"][name] for name in SHOWN} == SHOWN
    assert taken["forwarded"]["text"] == "Elle ne marche plus."
    assert taken["text"].startswith("Please take this.")
    (ref,) = taken["items"]
    item = way.item(ref)
    assert (item.created_by, item.company) == (ANN, "Acme")
    assert "requester" in people(way, ref)[JO]
    (mail,) = [line for line in way.desk().show(ref, "root@demo.example")["timeline"] if line["kind"] == "mail_in"]
    assert mail["forwarded"]["subject"] == "Imprimante"


def test_a_forward_by_anybody_else(way: WayIn) -> None:
    """A customer can write any header into a mail: the original is shown, and the customer asks."""
    eve = "eve@elsewhere.example"
    taken = way.take(a_raw(from_=f"Eve <{eve}>", subject="Fwd: Imprimante", text=FORWARD, headers=["Content-Type: text/plain; charset=utf-8"]))
    (ref,) = taken["items"]
    assert taken["forwarded"]["from"] == SHOWN["from"]
    assert list(people(way, ref)) == [eve]
    assert way.item(ref).created_by == ""
