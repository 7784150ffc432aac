"""The decision about one mail as it grows: present values of items, lines, people, links; what goes into it is decided by `core/on_mail.py`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import combinations

from core.decision import ContactOnItem, Decision, Entry, EntryKind, KnownId, Link
from core.mail import Mail
from core.mail_facts import MailFacts
from core.mail_item import LONGEST_ADDRESS, people_of
from core.outbox import Draft
from core.setup import Setup
from core.verdict import Resolution, TraceStep, Verdict
from core.work_item import WorkItem


@dataclass(slots=True)
class MailWork:
    """One mail at work. `items` are the present values, `changed` those to be saved."""

    resolution: Resolution
    mail: Mail
    facts: MailFacts
    setup: Setup
    now: datetime
    items: dict[str, WorkItem] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    opened: dict[int, WorkItem] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    contacts: list[ContactOnItem] = field(default_factory=list)
    participants: list[tuple[str, str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    known: list[KnownId] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    others: list[Decision] = field(default_factory=list)
    trace: list[TraceStep] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.items.update(self.facts.items)

    def save(self, item: WorkItem) -> None:
        self.items[item.id] = item
        self.changed[item.id] = None

    def includes(self, part: Decision) -> None:
        """What another rule decided about an item at work, in its place."""
        for item in part.items:
            self.save(item)
        self.others.append(replace(part, items=(), entries=()))
        self.entries.extend(part.entries)

    def first_time(self, verdict: Verdict) -> bool:
        """Whether the item of a verdict is there and this mail has not changed it yet."""
        if verdict.item_id in self.touched or verdict.item_id not in self.items:
            return False
        self.touched.add(verdict.item_id)
        return True

    def arrived(self, verdict: Verdict, item: WorkItem, kind: EntryKind = EntryKind.MAIL_IN) -> None:
        """The timeline's line for the mail, and from now on its id points to the item unless it is held."""
        facts: dict[str, object] = {"action": str(verdict.action), "evidence": str(verdict.evidence), "because": verdict.because}
        if self.resolution.classification.spam:
            facts["spam"] = True
        if kind is EntryKind.MAIL_IN and not verdict.counts and verdict.opens is None:
            facts["counts"] = False
            facts["classification"] = str(self.resolution.classification.kind)
        self.entries.append(Entry(item.id, self.facts.received_at, kind, by=self.facts.sender_key[:LONGEST_ADDRESS], facts=facts, inbound_id=self.facts.inbound_id))
        if kind is EntryKind.MAIL_IN and self.mail.message_id:
            self.known.append(KnownId(self.mail.message_id, item.id, "in", self.facts.inbound_id))

    def joins(self, item: WorkItem, but: str = "") -> None:
        """Everyone the mail names is a participant from now on; `but` is the key of our user who only hands it on."""
        self.participants.extend((item.id, key) for key in people_of(self.mail, self.setup) if key != but)

    def released(self) -> None:
        """What stood still because nobody could read this mail goes on: it has been read now (quarantine, replay)."""
        for item in tuple(self.items.values()):
            if self.facts.inbound_id in item.clocks.stopped_by and item.id not in self.changed:
                self.save(replace(item, clocks=item.clocks.go(self.facts.inbound_id, self.now)))

    def linked(self) -> None:
        """The items of one mail know of each other (decisions.md 7): links, and a line on each timeline."""
        opened = list({item.id: item for item in self.opened.values()}.values())
        self.links.extend(Link(one.id, other.id, "same_mail") for one, other in combinations(opened, 2))
        self.links.extend(Link(one.id, other, "same_mail") for one in opened for other in self.facts.same_mail if other != one.id)
        for one in opened if len(opened) > 1 else ():
            also = [other for other in opened if other.id != one.id]
            said = ", ".join(f"{other.ref} at {self._process_name(other)}" for other in also)
            facts: dict[str, object] = {"also": [{"ref": other.ref, "process": self._process_name(other)} for other in also]}
            self.entries.append(Entry(one.id, self.now, EntryKind.LINK, text=f"Also {said}: the same mail.", facts=facts))

    def _process_name(self, item: WorkItem) -> str:
        process = self.setup.process_by_id.get(item.process_id)
        return process.name if process is not None else ""

    def decision(self) -> Decision:
        made = Decision(
            items=tuple(self.items[item_id] for item_id in self.changed),
            entries=tuple(self.entries),
            contacts=tuple(self.contacts),
            participants=tuple(dict.fromkeys(self.participants)),
            links=tuple(dict.fromkeys(self.links)),
            known_ids=tuple(dict.fromkeys(self.known)),
            mails=tuple(self.drafts),
            tells_nobody=self.facts.archive,
        )
        for other in self.others:
            made = made + other
        return made
