"""One hostile mail costs one item, however many forms of our address it names, and however often its id is used again."""

from __future__ import annotations

from gateway.store.schema import item_link
from tests.inbound.way_in import WayIn, a_raw


def test_plus_tags_that_mean_nothing_open_one_item(way: WayIn) -> None:
    """A hundred recipients that differ only in a meaningless plus-tag are one address of ours: one item, one acknowledgement (decisions.md 7)."""
    shown = way.take(a_raw(message_id="fan@x"), to=[f"support+{n}@demo.example" for n in range(100)])
    assert shown["state"] == "done"
    assert len(way.items()) == 1
    assert len(way.outbox()) == 1


def test_the_same_id_with_other_content_does_not_link_everything_to_everything(way: WayIn) -> None:
    """Mails that only re-use a Message-ID are mails of their own: n of them do not make n squared links (decisions.md 8)."""
    for n in range(12):
        way.take(a_raw(message_id="again@x", subject=f"Number {n}", text=f"Text {n}"))
    assert len(way.items()) == 12
    assert way.count(item_link) <= 24
