"""Resolving, resolving again and taking a resolution back: the rules around the *resolved* cells of the tables; which methods there are is `core/methods.py`."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import datetime, timedelta

from core.absence import handed_on
from core.assignment import place_people
from core.conversation import NEVER_ARRIVED, Conversation, Said
from core.decision import Decision, Entry, EntryKind
from core.methods import chosen
from core.refusal import Refused
from core.scene import Scene, person_moves, placed
from core.status import Event, Place, ResolutionMethod, Status
from core.timeline import change_entries
from core.wait import Clocks
from core.work_item import Before, Resolution, WorkItem, move, possible

MOST_EARLIER = 50
"""How many earlier resolutions are kept: the first and the newest."""

REMINDER = "needs a resolution: send a mail or add a note first, or give the note with the resolution."


def resolve(item: WorkItem, scene: Scene, talk: Conversation, *, method: ResolutionMethod | None = None, note: str = "", mail: str = "") -> Decision:
    """The item resolved by a person, with `note` or the mail just written (`mail`, an outbox id) as its resolution (A-TK-15…18).

    The feedback window begins when the newest unsent mail of a person has left, else now (decisions.md 1); without a window the item
    closes at once, or when that mail has left. Raises Refused without the mail or note the process asks for, and IllegalTransition.
    """
    wanted, rule = chosen(item.kind, method)
    waits_for = mail or talk.unsent_mail()
    final = rule.final or (scene.window(item) == timedelta(0) and not waits_for)
    moved = person_moves(item, Event.RESOLVE_FINAL if final else Event.RESOLVE, scene)
    word = None if note or mail else talk.resolution_by(scene.by, scene.session_since)
    if rule.word and not (note or mail or word) and _asks_for_word(item, scene):
        raise Refused(f"{item.ref} {REMINDER}")
    resolution = _resolution(item, scene.by, scene.now, wanted, mail or (word.outbox_id if word else ""), word)
    clocks = moved.item.clocks if final else window_clocks(moved.item.clocks, scene.window(item), waits_for, scene.now)
    moved = replace(moved, item=replace(moved.item, resolution_method=wanted, resolution=resolution, clocks=clocks))
    after, entries = placed(item, moved, scene, event=Event.RESOLVE)
    written = (Entry(item.id, scene.now, EntryKind.NOTE, by=scene.by, text=note, facts={"resolution": True}),) if note else ()
    return Decision(items=(after,), entries=(*written, *entries))


def resolve_again(item: WorkItem, scene: Scene, talk: Conversation) -> Decision:
    """A reopened item resolved with the resolution it had: one click after a "thanks" (decisions.md 5). Raises Refused if there is none that still holds."""
    kept = item.resolution
    if kept is None:
        raise Refused(f"{item.ref} was not resolved before, so there is no resolution to use again.")
    sent = talk.mail(kept.outbox_id) if kept.outbox_id else None
    if sent is not None and sent.state in NEVER_ARRIVED:
        raise Refused(f"The mail that resolved {item.ref} did not arrive ({sent.state}), so it cannot be used again.")
    window, waits_for = scene.window(item), talk.unsent_mail()
    final = window == timedelta(0) and not waits_for
    moved = person_moves(item, Event.RESOLVE_FINAL if final else Event.RESOLVE, scene)
    resolution = Resolution(scene.by, scene.now, kept.method, kept.outbox_id, kept.note_seq, earlier(kept))
    clocks = moved.item.clocks if final else window_clocks(moved.item.clocks, window, waits_for, scene.now)
    moved = replace(moved, item=replace(moved.item, resolution_method=kept.method, resolution=resolution, clocks=clocks))
    after, entries = placed(item, moved, scene, event=Event.RESOLVE, said={"again": True})
    return Decision(items=(after,), entries=entries)


def resolved_when_sent(
    item: WorkItem, *, by: str, outbox_id: str, window: timedelta, now: datetime, people: Container[str] | None = None
) -> tuple[WorkItem, tuple[Entry, ...]] | None:
    """The item after a scheduled Send & Resolve has left (decisions.md 15), or None where it can no longer be resolved. The window begins `now`.

    Marks that came since stay: at this moment nobody looks.
    """
    event = Event.RESOLVE if window > timedelta(0) else Event.RESOLVE_FINAL
    if event not in possible(item):
        return None
    moved = move(item, event, now, by)
    method = ResolutionMethod.WITH_CUSTOMER_RESPONSE  # E-32
    clocks = moved.item.clocks.cleared()
    after = replace(
        moved.item,
        clocks=clocks if event is Event.RESOLVE_FINAL else window_clocks(clocks, window, "", now),
        resolution_method=method,
        resolution=_resolution(item, by, now, method, outbox_id, None),
        before=None,
    )
    after = place_people(after, people=people, by=by)
    return after, change_entries(item, replace(moved, item=after), now, by, event=Event.RESOLVE)


def snapshot(item: WorkItem, outbox_id: str) -> Before:
    """What an undo gives back to `item`, which is saved once more with the mail `outbox_id` (decisions.md 15)."""
    return Before(
        version=item.version + 1,
        place=Place(item.status, item.wait_type),
        reason=item.reason,
        assignee=item.assignee,
        owner=item.owner,
        queue=item.queue,
        clocks=item.clocks,
        resolution=item.resolution,
        outbox_id=outbox_id,
        new_information=item.new_information,
        attention=item.attention,
    )


def mail_taken_back(item: WorkItem, outbox_id: str, *, by: str, now: datetime, people: Container[str] | None = None) -> Decision:
    """What the cancelling of a mail means for its item: a resolution made by it is undone if nothing else happened since, else somebody must look.

    A clock that waited for the mail begins now: it will not leave any more.
    """
    line = Entry(item.id, now, EntryKind.DELIVERY, by=by, text="Mail cancelled.", facts={"state": "cancelled"}, outbox_id=outbox_id)
    before = item.before
    if item.status is Status.RESOLVED and before is not None and before.outbox_id == outbox_id and before.version == item.version:
        return Decision(entries=(line,)) + _undone(item, before, by=by, now=now, people=people)
    after = replace(item, clocks=item.clocks.begin(now)) if item.clocks.after_mail == outbox_id else item
    resolved_by_it = item.resolution is not None and item.resolution.outbox_id == outbox_id
    if item.status is Status.RESOLVED and resolved_by_it:  # E-30: never silently resolved without an answer
        words = "The mail that resolved this item was cancelled, and the item changed in the meantime."
        after = place_people(replace(after, attention=words), people=people)
        line = replace(line, facts={**line.facts, "attention": words})
    if after == item:
        return Decision(entries=(line,))
    after = replace(after, updated_at=now, updated_by=by)
    return Decision(items=(after,), entries=(line, *handed_on(item, after, now, people, placed_aloud=False)))


def _undone(item: WorkItem, before: Before, *, by: str, now: datetime, people: Container[str] | None) -> Decision:
    """Everything as it was before the click. The marks come back as well: the people's columns go by them (behaviour.md D2)."""
    moved = move(item, Event.UNDO_RESOLVE, now, by)
    after = replace(
        moved.item,
        reason=before.reason,
        assignee=before.assignee,
        owner=before.owner,
        queue=before.queue,
        clocks=replace(before.clocks, stopped_by=item.clocks.stopped_by, stopped_at=item.clocks.stopped_at),
        resolution=before.resolution,
        resolution_method=None,
        new_information=item.new_information or before.new_information,
        attention=item.attention or before.attention,
        before=None,
    )
    after = place_people(after, people=people)
    entries = change_entries(item, replace(moved, item=after), now, by, event=Event.UNDO_RESOLVE)
    return Decision(items=(after,), entries=(*entries, *handed_on(item, after, now, people)))


def _asks_for_word(item: WorkItem, scene: Scene) -> bool:
    """Whether the process wants a mail or a note with a resolution; for cases it is only advised (A-CS-25)."""
    process = scene.process(item)
    return item.kind == "ticket" and process is not None and process.resolution_needs_mail_or_note


def window_clocks(clocks: Clocks, window: timedelta, waits_for: str, now: datetime) -> Clocks:
    """The clocks of a resolved item: the window begins when the mail `waits_for` has left, or now if there is none."""
    waiting = replace(clocks, feedback_window=window, after_mail=waits_for)
    return waiting if waits_for else waiting.begin(now)


def _resolution(item: WorkItem, by: str, at: datetime, method: ResolutionMethod, outbox_id: str, word: Said | None) -> Resolution:
    note_seq = word.seq if word is not None and not word.outbox_id else None  # a mail that did not leave by our outbox is known by its line, as a note is
    return Resolution(by, at, method, outbox_id, note_seq, earlier(item.resolution))


def earlier(last: Resolution | None) -> tuple[Resolution, ...]:
    """The resolutions that stand before the one after `last`; the first is never dropped (A-ST-16)."""
    if last is None:
        return ()
    chain = (*last.earlier, replace(last, earlier=()))
    return chain if len(chain) <= MOST_EARLIER else (chain[0], *chain[-(MOST_EARLIER - 1) :])
