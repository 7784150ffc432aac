"""What one person may not see: not through links, not through a mail that is held on two items, not through faults in the log."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.refusal import Refused
from gateway.store.engine import Database
from tests.inbound.way_in import ANN, SUPPORT, WayIn, a_raw

CLAIMS = "claims@demo.example"
ROOT = "root@demo.example"
FAILED = "Authentication-Results: mx.demo.example; dmarc=fail header.from=acme.example"


def test_a_mail_held_on_an_item_out_of_sight_is_not_decided(way: WayIn) -> None:
    """decisions.md 21: who sees one of the two items that a mail is held on does not decide for the other one."""
    way.take(a_raw(message_id="1@x"))
    way.take(a_raw(message_id="2@x", to=CLAIMS), to=(CLAIMS,))
    held = way.take(a_raw(message_id="3@x", headers=[FAILED]), to=("support+101001-t@demo.example", "claims+101002-c@demo.example"))
    assert (held["state"], sorted(held["items"])) == ("held", ["101001-T", "101002-C"])
    for deed in (way.desk().discard_inbound, way.desk().open_inbound, lambda one, by: way.desk().join_inbound(one, "101001-T", by)):
        with pytest.raises(Refused, match="may not see"):
            deed(held["id"], ANN)
    assert way.shown(held["id"])["state"] == "held"
    way.desk().discard_inbound(held["id"], ROOT)


def test_a_link_shows_no_title_of_an_item_out_of_sight(way: WayIn) -> None:
    """decisions.md 7 and 21: that there is another item is shown, what it is called only to those who may see it."""
    way.take(a_raw(message_id="1@x", subject="Secret", to=f"{SUPPORT}, {CLAIMS}"), to=(SUPPORT, CLAIMS))
    (link,) = way.desk().show("101001-T", ANN)["links"]
    assert (link["ref"], link["title"], link["status"]) == ("101002-C", "", "")
    (link,) = way.desk().show("101001-T", ROOT)["links"]
    assert (link["title"], link["status"]) == ("Secret", "to_do")


def test_a_fault_of_the_database_does_not_quote_what_was_written(database: Database) -> None:
    """Bodies and passwords are no matter for logs and reasons (gateway/log.py): a statement's values stay out of its exception."""
    with pytest.raises(DBAPIError) as fault, database.lazy() as connection:
        connection.execute(text("INSERT INTO nowhere (body) VALUES (:body)"), {"body": "my password is hunter2"})
    assert "hunter2" not in str(fault.value)
