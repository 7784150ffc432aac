"""Long texts of a mail, kept apart from its row: nothing is lost between the two, and nothing long stays in the row."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select

from core.mail import Address
from core.outbox import Draft, OutboxEvent, Purpose, Recipient, Sealed
from core.outbox_acts import Edit
from gateway.clock import FakeClock
from gateway.store import outboxes
from gateway.store.engine import Database
from gateway.store.outbox_texts import KEYS, SHORT, parted
from gateway.store.schema import outbox, outbox_text

TEXTS = st.text(max_size=40) | st.integers(0, 2 * SHORT).map("x".__mul__)
CONTENT = st.dictionaries(st.sampled_from((*KEYS, "names", "ref", "intervals")), TEXTS | st.dictionaries(st.text(max_size=5), TEXTS, max_size=3))


@given(CONTENT)
@example({"text": "é" * SHORT, "html": "", "shown": {}})
def test_row_and_texts_together_are_the_content(content: dict[str, Any]) -> None:
    """Whatever the content is: both parts together are the whole, no part is in both, and what may be long is short in the row."""
    row, apart = parted(content)
    assert {**row, **apart} == content
    assert not row.keys() & apart.keys() and apart.keys() <= set(KEYS)
    assert sum(len(value) if isinstance(value, str) else len(json.dumps(value)) for key in KEYS if (value := row.get(key))) <= SHORT


def test_a_text_that_is_changed_again_and_again(database: Database, clock: FakeClock) -> None:
    """Long, longer, short, none and long again: what is read is always what was written last, and a short one leaves nothing apart."""
    person = Recipient(Address("carl@acme.example"))
    with database.durable() as connection:
        draft = Draft("m1", "", Purpose.PERSON, "support", Address("support@demo.example"), (person,), clock.now(), subject="S", text="a" * 5000, html="<p>a</p>")
        outboxes.insert(connection, draft, Sealed(b"x", "support@demo.example", "m1@x", "S", draft.text, draft.html), now=clock.now())
    for text, html, kept in (("b" * 9000, "<p>b</p>", 1), ("short", "", 0), ("c", "<p>" + "c" * 4000, 1), ("d" * 4000, "", 1)):
        with database.durable() as connection:
            outboxes.act(connection, "m1", OutboxEvent.EDIT, clock.now(), "ann@demo.example", edit=Edit(text=text, html=html))
        with database.read() as connection:
            found = outboxes.get(connection, "m1")
            assert found is not None and (found.content["text"], found.content["html"]) == (text, html)
            assert len(connection.execute(select(outbox_text)).all()) == kept
            assert len(json.dumps(connection.execute(select(outbox.c.content)).scalar_one())) < SHORT + 1000
