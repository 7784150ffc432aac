"""The way in for mails by our own people, with somebody in the place of `gateway/agent_mail.py` who only writes down what is handed to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from core.agent_record import AgentOutcome, AgentRecord
from core.decision import Decision
from core.mail import Address
from core.outbox import Draft, Purpose, Recipient
from core.setup import Setup
from gateway.inbound.by_agent import BY_AGENT, AgentMail
from gateway.inbound.process import Processor
from gateway.store.schema import agent_mail, outbox, timeline
from tests.inbound.way_in import ANN, SUPPORT, WayIn

VOUCHED = "Authentication-Results: mx.demo.example; dmarc=pass header.from=demo.example"


@dataclass
class MailRoom(WayIn):
    """`handed` are the mails by our people, in order; each leaves a line on the audit list."""

    handed: list[AgentMail] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)

    def processor(self, holder: str = "me", *, apply: Any = None) -> Processor:
        return Processor(
            self.database,
            self.setups,
            self.keys,
            self.clock,
            apply or self.apply,
            lambda raw: self.read(raw),
            holder=holder,
            limits=self.brakes,
            by_agent=self._carry_out,
        )

    def _carry_out(self, connection: Connection, agent_mail: AgentMail, setup: Setup, now: datetime) -> Decision:
        if agent_mail.verdict.action in BY_AGENT:
            self.handed.append(agent_mail)
            self.raws.append(agent_mail.raw())
        verdict = agent_mail.verdict
        author = agent_mail.mail.author
        record = AgentRecord(
            id=self.clock.new_id(),
            inbound_id=agent_mail.inbound_id,
            at=now,
            user_key=verdict.agent,
            from_key=author.key if author is not None else "",
            outcome=AgentOutcome.REFUSED if verdict.refused else AgentOutcome.DONE,
            reason=verdict.refused,
            item_id=verdict.item_id,
            answers=verdict.answers,
            fingerprint=verdict.fingerprint,
        )
        return Decision(audited=(record,))

    def told(self, ref: str, user: str = ANN, purpose: Purpose = Purpose.NOTIFICATION) -> str:
        """One of our people is told something of an item. Returns the outbox id."""
        now = self.clock.now()
        item = self.item(ref)
        draft = Draft(self.clock.new_id(), item.id, purpose, "support", Address(SUPPORT), (Recipient(Address(user)),), now, subject="Printer", text="New.")
        with self.database.durable() as connection:
            self.apply(connection, Decision(mails=(draft,)), self.setup, now)
        return draft.id

    def answer_address(self, outbox_id: str) -> str:
        """Where answers to a mail to one of our people go."""
        return f"support+{self.keys.agent_tag(outbox_id)}@demo.example"

    def state(self, ref: str) -> tuple[Any, ...]:
        """What must not change: the item, its timeline, its people, the outbox."""
        item = self.item(ref)
        with self.database.read() as connection:
            lines = connection.execute(select(func.count()).select_from(timeline).where(timeline.c.item_id == item.id)).scalar_one()
        shown = self.desk().show(ref, "root@demo.example")
        return item, lines, str(shown["contacts"]), self.count(outbox)

    def reasons(self) -> list[str]:
        """The reasons on the audit list, oldest first."""
        with self.database.read() as connection:
            return list(connection.execute(select(agent_mail.c.reason).order_by(agent_mail.c.at, agent_mail.c.id)).scalars())
