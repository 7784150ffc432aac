"""What every step of deciding one mail looks at: the mail, the facts, the trace, and which new items are promised; the steps are beside it."""

from __future__ import annotations

from core.blocking import blocked
from core.mail import Envelope, Mail
from core.setup import BlockEffect, Connector, Process, Setup
from core.verdict import Classification, Verdict
from gateway.routing.classify import classify
from gateway.routing.conditions import Subject, subject_of
from gateway.routing.facts import Facts
from gateway.routing.trace import Trace


class Walk:
    """One mail on its way through routing. `followed`: closed item → the verdict that follows it up."""

    def __init__(self, mail: Mail, envelope: Envelope, facts: Facts) -> None:
        self.mail = mail
        self.envelope = envelope
        self.facts = facts
        self.setup: Setup = facts.setup
        self.trace = Trace()
        self.classification: Classification = classify(mail, facts, envelope)
        self.blocked: BlockEffect | None = blocked(facts.setup, facts.sender.key)
        self.followed: dict[str, Verdict] = {}
        self.asked_in_vain: tuple[str, ...] = ()
        """Names of processes: one of our people asked for one that is not among them."""
        self._subject: Subject | None = None
        self._numbers: dict[tuple[str, str], int] = {}

    @property
    def is_spam(self) -> bool:
        """The block list says to reject the sender's mail."""
        return self.blocked is BlockEffect.REJECT_AS_SPAM

    @property
    def subject(self) -> Subject:
        """The mail as route conditions see it; read when first asked for."""
        if self._subject is None:
            self._subject = subject_of(self.mail, self.envelope, self.facts)
        return self._subject

    def connector(self, name: str) -> Connector | None:
        return self.setup.connector_named.get(name)

    def place(self, base: str, followed: str, connector: str, process: Process) -> int:
        """The number of a new item: one for each address of ours, or one for each queue where the connector says so (decisions.md 7).

        Plus-tags make no further addresses, so that a mail to a hundred of them opens one item; but every closed item has its own follow-up.
        """
        owner = self.connector(connector)
        shared = owner is not None and owner.one_item_per_queue
        place = ("queue", process.queue) if shared else (base, followed)
        return self._numbers.setdefault(place, len(self._numbers))
