"""What one mail by one of our people wants done, step by step: each on the item as the step before left it, through the verbs of the page; pure.

What is said of it afterwards, and what is written down, is `core/on_agent_mail.py`; which steps a mail comes to is `core/command_plan.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.command_plan import Plan
from core.conversation import Conversation, Said
from core.decision import Decision, EntryKind
from core.deeds import Ask
from core.on_person import act
from core.original import Original
from core.outbox import OutboxMessage, OutboxState
from core.scene import Scene
from core.work_item import WorkItem
from core.writing import Letter, write_mail

NOT_WRITTEN_YET = 1 << 62
"""From here on lines of a timeline are numbered that the same decision writes."""
_WORKED_IN = ("to_do", "in_progress")

Deeds = tuple[tuple[str, Ask], ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """What is to be done, in order: deeds, the letter, deeds that come after it. `said` are the lines of the confirmation."""

    before: Deeds = ()
    letter: Letter | None = None
    after: Deeds = ()
    said: tuple[str, ...] = ()

    @property
    def deeds(self) -> Deeds:
        return (*self.before, *self.after)


def steps_of(plan: Plan) -> Steps:
    """What a plan comes to, its note first."""
    note: Deeds = (("note", Ask(note=plan.note)),) if plan.note else ()
    return Steps((*note, *plan.deeds), plan.letter, plan.after, plan.said)


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the item besides itself: what was said on it, what has not left, and the mail that the letter is about."""

    talk: Conversation = field(default_factory=Conversation)
    unsent: tuple[OutboxMessage, ...] = ()
    original: Original | None = None


def carried_out(item: WorkItem, steps: Steps, scene: Scene, around: Around, draft_id: str) -> Decision:
    """Every step on the item as the step before left it, as the page does it. Raises Refused and IllegalTransition: then nothing is done."""
    made, talk = deeds_on(Decision(), item, steps.before, scene, around.talk)
    if steps.letter is not None:
        now = as_left(made, item)
        step = write_mail(now, steps.letter, scene, talk, draft_id=draft_id, unsent=around.unsent, original=around.original)
        made, talk = made + step, heard(talk, step)
    made, _ = deeds_on(made, item, steps.after, scene, talk)
    return with_resolution(made)


def deeds_on(made: Decision, item: WorkItem, deeds: Deeds, scene: Scene, talk: Conversation) -> tuple[Decision, Conversation]:
    for verb, ask in deeds:
        step = act(as_left(made, item), verb, ask, scene, talk)
        made, talk = made + step, heard(talk, step)
    return made, talk


def as_left(made: Decision, item: WorkItem) -> WorkItem:
    return next((one for one in reversed(made.items) if one.id == item.id), item)


def heard(talk: Conversation, step: Decision) -> Conversation:
    """What the next step reads of the one before, which is not written yet."""
    seq = max((NOT_WRITTEN_YET, *(one.seq + 1 for one in talk.said), talk.working_since + 1))
    drafts = {draft.id: draft for draft in step.mails}
    said, working_since = list(talk.said), talk.working_since
    for entry in step.entries:
        seq += 1
        if entry.kind is EntryKind.NOTE:
            said.insert(0, Said(seq, entry.at, entry.by))
        elif entry.kind is EntryKind.MAIL_OUT and entry.outbox_id in drafts:
            draft = drafts[entry.outbox_id]
            said.insert(0, Said(seq, entry.at, entry.by, draft.id, OutboxState.QUEUED, draft.scheduled, draft.resolves))
        elif entry.kind is EntryKind.STATUS and entry.facts.get("to") in _WORKED_IN:
            working_since = seq
    return replace(talk, said=tuple(said), working_since=working_since)


def with_resolution(made: Decision) -> Decision:
    """A note of this very mail that resolves the item is marked as that: its place on the timeline is not known yet."""
    items = tuple(map(_without_place, made.items))
    if items == made.items:
        return made
    newest = max(n for n, entry in enumerate(made.entries) if entry.kind is EntryKind.NOTE)
    entries = tuple(replace(one, facts={**one.facts, "resolution": True}) if n == newest else one for n, one in enumerate(made.entries))
    return replace(made, items=items, entries=entries)


def _without_place(item: WorkItem) -> WorkItem:
    kept = item.resolution
    if kept is None or kept.note_seq is None or kept.note_seq < NOT_WRITTEN_YET:
        return item
    return replace(item, resolution=replace(kept, note_seq=None))
