"""A desk whose people are told by mail and answer from their own mail programs: the mail is made, read, carried out and written as the handler does it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from sqlalchemy import insert, select

from core.agent_letters import letter
from core.by_mail import Occasion
from core.decision import Decision
from core.mail import Address, Envelope, Mail
from core.notifications import Notification, What
from core.outbox import Draft, OutboxMessage, Purpose, Recipient
from core.refusal import Refused
from core.verdict import Action, Classification, Kind, Verdict
from gateway.agent_mail import AgentMails, Limits
from gateway.inbound.by_agent import AgentMail
from gateway.inbound.isolate import read_mail
from gateway.keys import Keys
from gateway.store import agent_mails, items, notifications, outboxes
from gateway.store.schema import inbound, inbound_body, mail_link, outbox, raw_mail
from tests.desk.conftest import CARL, Room

ANN, BOB, LEA, ROOT = "ann@demo.example", "bob@demo.example", "lea@demo.example", "root@demo.example"


@dataclass
class ByMail:
    """The example desk, and its people's mails."""

    room: Room
    keys: Keys
    limits: Limits = field(default_factory=Limits)
    public_url: str = "https://desk.demo.example"
    count: int = 0

    @property
    def mails(self) -> AgentMails:
        return AgentMails(self.room.clock, self.keys, self.limits, public_url=self.public_url)

    # ------------------------------------------------------------ what they are told

    def tell(self, ref: str, by: str = ANN, *, about: Iterable[str] = (), what: What = What.MAIL, words: str = "It burns.") -> str:
        """A notification about the item, which tells of these inbound messages; its outbox id."""
        room = self.room
        item, now, mail_id = room.item(ref), room.clock.now(), room.clock.new_id()
        text, html = letter("en", lead=f"Carl Customer wrote on {ref}.", sections=[("What was written", words)], says="An answer goes to the customer")
        draft = Draft(
            mail_id, item.id, Purpose.NOTIFICATION, "support", Address("support@demo.example", "Demo desk"), (Recipient(Address(by)),), now,
            subject=item.title, text=text, html=html,
        )  # fmt: skip
        told = [Notification(by, Occasion.NEW_INFORMATION, item.id, what, inbound_id=one) for one in about or ("",)]
        rows = [(room.clock.new_id(), one, now) for one in told]
        with room.database.durable() as connection:
            room.apply(connection, Decision(mails=(draft,)), room.setup, now)
            notifications.add(connection, rows, now)
            waiting = [notifications.Waiting(row_id, one, now) for row_id, one, _ in rows]
            notifications.settle_told(connection, waiting, mail_id, now, {})
        return mail_id

    # ------------------------------------------------------------ what they answer

    def raw(self, answers: str, text: str, *, by: str = ANN, subject: str = "", cc: str = "", files: Iterable[tuple[str, str, bytes]] = (), html: str = "") -> bytes:
        """An answer as a program writes it: the agent's text above the whole mail, quoted."""
        told = self.message(answers)
        self.count += 1
        mail = EmailMessage()
        mail["From"], mail["To"] = f"Somebody <{by}>", f"support+{self.keys.agent_tag(answers)}@demo.example"
        if cc:
            mail["Cc"] = cc
        mail["Subject"] = subject or f"Re: {told.subject}"
        mail["Date"] = self.room.clock.now()
        mail["Message-ID"], mail["In-Reply-To"] = f"<agent-{self.count}@demo.example>", f"<{told.message_id}>"
        quoted = "\n".join(f"> {line}" for line in outboxes.draft_of(told)[0].text.splitlines())
        mail.set_content(f"{text}\n\nOn Mon, 2 Mar 2026 at 10:00, Demo desk <support@demo.example> wrote:\n{quoted}\n")
        if html:
            mail.add_alternative(html, subtype="html")
        for name, kind, content in files:
            maintype, _, subtype = kind.partition("/")
            mail.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
        return mail.as_bytes()

    def answer(self, answers: str, text: str, *, by: str = ANN, refused: str = "", fingerprint: str = "", whose: str = "", **more: Any) -> str:
        """The answer carried out; its inbound id. `refused`: routing does not believe it; `whose` is the address misused then."""
        told = self.message(answers)
        found = {"item_id": told.item_id or "", "agent": whose or by, "answers": answers, "refused": refused, "fingerprint": fingerprint}
        verdict = Verdict("support@demo.example", Action.AGENT, "test", **found)
        return self.take(self.raw(answers, text, by=by, **more), verdict)

    def take(self, raw: bytes, verdict: Verdict, *, kind: Kind = Kind.ORDINARY, inbound_id: str = "") -> str:
        """A mail as routing decided for it, written in one transaction with what it does; `inbound_id`: it is read again."""
        room = self.room
        room.clock.advance(seconds=1)
        mail: Mail = read_mail(raw)
        found, now = inbound_id or room.clock.new_id(), room.clock.now()
        agent_mail = AgentMail(
            found, mail, verdict, Classification(kind, may_answer=kind is Kind.ORDINARY), Envelope("smtp", received_at=now), lambda: raw
        )
        with room.database.durable() as connection:
            if not inbound_id:
                connection.execute(insert(raw_mail), {"id": found, "bytes": raw})
                row = {"id": found, "state": "done", "door": "smtp", "received_at": now, "settled_at": now, "envelope_to": [], "size": len(raw)}
                author = mail.author.address if mail.author else ""
                connection.execute(insert(inbound), {**row, "message_id": mail.message_id, "subject": mail.subject, "from_address": author})
                people = {role: [[one.name, one.address] for one in getattr(mail, role)] for role in ("to", "cc", "reply_to")}
                body = {"inbound_id": found, "new_text": mail.new_text, "quoted_text": "", "html": "", "attachments": [], "people": people, "defects": []}
                connection.execute(insert(inbound_body), body)
            setup = room.setups.current(connection)
            room.apply(connection, self.mails(connection, agent_mail, setup, now), setup, now)
        return found

    # ------------------------------------------------------------ what came of it

    def message(self, outbox_id: str) -> OutboxMessage:
        with self.room.database.read() as connection:
            found = outboxes.get(connection, outbox_id)
        assert found is not None
        return found

    def out(self, purpose: Purpose) -> list[OutboxMessage]:
        """The mails of this purpose, oldest first."""
        with self.room.database.read() as connection:
            ids = connection.execute(select(outbox.c.id).where(outbox.c.purpose == str(purpose)).order_by(outbox.c.created_at, outbox.c.seq, outbox.c.id)).scalars().all()
        return [self.message(one) for one in ids]

    def text(self, message: OutboxMessage) -> str:
        """What it says."""
        return outboxes.draft_of(message)[0].text

    def raw_of(self, outbox_id: str) -> bytes:
        with self.room.database.read() as connection:
            return outboxes.raw(connection, outbox_id)

    def audit(self) -> list[dict[str, Any]]:
        """The audit list, oldest first."""
        with self.room.database.read() as connection:
            return sorted(agent_mails.listed(connection), key=lambda one: (one["at"], one["outcome"]))

    def links(self, deed: str) -> list[Any]:
        with self.room.database.read() as connection:
            return list(connection.execute(select(mail_link).where(mail_link.c.deed == deed)))

    def timeline(self, ref: str) -> list[dict[str, Any]]:
        """Oldest first, as the page shows it to an administrator."""
        shown: list[dict[str, Any]] = self.room.desk.show(ref, ROOT)["timeline"][::-1]
        return shown

    def known(self, message_id: str) -> list[str]:
        with self.room.database.read() as connection:
            return [one.item_id for one in items.known_ids(connection, [message_id]).get(message_id, ())]


APART = ("seq", "at", "outbox_id", "inbound_id", "by_mail", "message_id", "due_at", "until")


def alike(timeline: list[dict[str, Any]]) -> str:
    """A timeline without what differs between two items by nature: ids, numbers, moments."""
    lines = [{name: value for name, value in line.items() if name not in APART} for line in timeline]
    return json.dumps(lines, sort_keys=True, default=str, indent=1)


def nothing_of(text: str, sent: str) -> bool:
    """No long line of `text` stands in what was sent."""
    return not any(line.strip() in sent for line in text.splitlines() if len(line.strip()) > 12)


__all__ = ["ANN", "BOB", "CARL", "LEA", "ROOT", "ByMail", "Refused", "alike", "nothing_of"]
