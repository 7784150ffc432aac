"""A whole house: a customer writes, an agent is told, answers from their mail program, and what they wrote leaves; nobody opens a page. Both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from core.connector import PlusMode
from core.outbox import OutboxState, Purpose
from core.setup import Setup
from gateway.clock import FakeClock
from gateway.store import outboxes
from gateway.store.engine import Database
from gateway.store.schema import outbox
from tests.desk.gate import Gate
from tests.flow.told import ANN, CARL, ROOT
from tests.houses import make_house

BELIEVED = "mx.demo.example; dmarc=pass header.from=demo.example"


@pytest.fixture
def gate(tmp_path: Path, database: Database, example_setup: Setup, clock: FakeClock) -> Iterator[Gate]:
    """The example desk, its plus-addresses proved."""
    connectors = tuple(replace(one, plus_addressing=PlusMode.MIXED, plus_proved=True) for one in example_setup.connectors)
    house = make_house(tmp_path, database, replace(example_setup, connectors=connectors), clock=clock)
    yield Gate(house, clock)
    house.close()


def _mails(gate: Gate, purpose: Purpose) -> list[tuple[str, bytes]]:
    with gate.house.database.read() as connection:
        ids = connection.execute(select(outbox.c.id).where(outbox.c.purpose == str(purpose)).order_by(outbox.c.created_at, outbox.c.seq)).scalars().all()
        return [(one, outboxes.raw(connection, one)) for one in ids]


def _answer(raw: bytes, text: str, gate: Gate, n: int) -> tuple[bytes, str]:
    """Ann's answer to the mail that lies in her mailbox, and where it goes."""
    told = message_from_bytes(raw, policy=policy.default)
    body = told.get_body(("plain",))
    assert body is not None
    mail = EmailMessage()
    to = told["Reply-To"] or told["From"]
    mail["From"], mail["To"], mail["Subject"] = f"Ann Agent <{ANN}>", str(to), f"Re: {told['Subject']}"
    mail["Message-ID"], mail["In-Reply-To"], mail["References"] = f"<ann-{n}@demo.example>", told["Message-ID"], told["Message-ID"]
    mail["Date"] = gate.clock.now()
    quoted = "\n".join(f"> {line}" for line in body.get_content().splitlines())
    mail.set_content(f"{text}\n\nOn Mon, 2 Mar 2026 at 10:00, Demo desk wrote:\n{quoted}\n")
    return b"Authentication-Results: " + BELIEVED.encode() + b"\r\n" + mail.as_bytes(policy=policy.SMTP), to.addresses[0].addr_spec


def test_told_answered_and_resolved_by_mail(gate: Gate) -> None:
    """Agents by mail, it must hold (a), in short: told, answered with `#resolve`, confirmed; then the same mail again does nothing, and a forged one neither."""
    ref = gate.ticket()
    gate.desk.do(ref, "assign", ROOT, to=ANN)
    gate.house.notifier.run_due(gate.clock.advance(seconds=5))
    ((_, told),) = _mails(gate, Purpose.NOTIFICATION)
    assert message_from_bytes(told)["To"].endswith(f"<{ANN}>")
    gate.clock.advance(minutes=1)
    raw, to = _answer(told, "#resolve\nPour water on it.", gate, 1)
    gate.comes_in(raw, ANN, to)
    ((sent_id, sent),) = _mails(gate, Purpose.PERSON)
    mail = message_from_bytes(sent)
    assert CARL in mail["To"] and "support@demo.example" in mail["From"] and b"##" not in sent and b"Pour water on it." in sent
    assert (gate.seen(ref)["status"], len(_mails(gate, Purpose.CONFIRMATION))) == ("resolved", 1)
    with gate.house.database.read() as connection:
        message = outboxes.get(connection, sent_id)
    assert message is not None and message.state is OutboxState.QUEUED and message.due_at == gate.clock.now() + timedelta(minutes=2)
    again = raw.replace(b"<ann-1@demo.example>", b"<ann-2@demo.example>")
    gate.comes_in(again, ANN, to)
    forged = raw.replace(b"dmarc=pass", b"dmarc=fail").replace(b"ann-1@", b"ann-3@").replace(b"Pour", b"Drink")
    gate.comes_in(forged, ANN, to)
    assert len(_mails(gate, Purpose.PERSON)) == 1
    rows = gate.desk.list_agent_mails(ROOT)
    assert sorted((row["outcome"], row["reason"]) for row in rows) == [("done", ""), ("refused", "not_proved"), ("refused", "replayed")]
    assert b"Drink" not in b"".join(raw for _, raw in _mails(gate, Purpose.REFUSAL))
    kinds = [line["kind"] for line in gate.seen(ref)["timeline"]]
    assert kinds.count("agent_mail") == 2 and kinds.count("mail_in") == 1
