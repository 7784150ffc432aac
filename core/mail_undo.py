"""Taking back what one mail by a person did: unsent mails are cancelled, the item goes back by the tables; pure. Who may ask is `gateway/desk_links.py`.

Nothing is deleted: notes stay on the timeline, with a line that says what was undone. A mail that has left cannot be taken back, and then
nothing is. Where only the item has changed since, its unsent mails are still cancelled, as on the page (decisions.md 15).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from core.absence import handed_on, present
from core.assignment import place_people
from core.conversation import UNSENT
from core.decision import Decision, Entry, EntryKind, OutboxChange
from core.link_words import Impossible, place_words
from core.outbox import OutboxEvent, OutboxMessage, OutboxState, Outcome
from core.plain import PlainTrouble, from_plain, to_plain
from core.resolving import mail_taken_back
from core.scene import Scene
from core.status import (
    IN_PROGRESS,
    RESOLVED,
    TO_DO,
    WAIT_INFORMATION,
    WAIT_PAUSE,
    WAIT_UNTIL,
    Event,
    Move,
    Place,
    Reason,
    ResolutionMethod,
    Status,
    WaitType,
)
from core.timeline import change_entries
from core.undoing import is_still
from core.wait import Clocks
from core.work_item import Before, Moved, Resolution, WorkItem, move, possible

BACK_BY: dict[Place, tuple[Event, ...]] = {
    TO_DO: (Event.STOP, Event.RESUME),
    IN_PROGRESS: (Event.START,),
    WAIT_INFORMATION: (Event.WAIT_INFORMATION,),
    WAIT_UNTIL: (Event.WAIT_UNTIL,),
    WAIT_PAUSE: (Event.WAIT_PAUSE,),
}
"""Where an item can have been, and the cells of the tables that lead back there; what was resolved goes back by UNDO_RESOLVE."""

LONGEST_WHAT = 500
MOST_MAILS = 20
_NOBODY_HAS_IT = frozenset({OutboxState.QUEUED, OutboxState.HELD, OutboxState.PENDING_RETRY})


@dataclass(frozen=True, slots=True)
class Kept:
    """What a mail can change of an item, except its `before`."""

    status: Status
    wait_type: WaitType | None = None
    resolution_method: ResolutionMethod | None = None
    reason: Reason = Reason.NEWLY_CREATED
    home_queue: str = ""
    queue: str = ""
    assignee: str = ""
    owner: str = ""
    new_information: bool = False
    attention: str = ""
    clocks: Clocks = field(default_factory=Clocks)
    resolution: Resolution | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Undoing:
    """What an undo would do: mails it cancels, the item as it would be put back (None: it stays as it is), and whether that is because it changed."""

    cancels: tuple[OutboxMessage, ...] = ()
    back: WorkItem | None = None
    changed: bool = False


def snapshot(was: WorkItem, left: WorkItem, outbox_ids: Sequence[str], what: str, *, cancelled: Sequence[str] = ()) -> dict[str, object]:
    """All that an undo needs, as JSON: the item before the mail and as the mail left it, the mails it put into the outbox, and `what` it did in words.

    `was` and `left` have the version that was read. `cancelled`: colleagues' mails that cancelled themselves because of it, which stay so.
    """
    return {
        "what": what[:LONGEST_WHAT],
        "was": _written(was),
        "left": _written(left),
        "outbox": list(dict.fromkeys(outbox_ids))[:MOST_MAILS],
        "cancelled": list(cancelled)[:MOST_MAILS],
    }


def mails_of(body: Mapping[str, object]) -> tuple[str, ...]:
    """Ids of the mails that the undo takes back."""
    named = body.get("outbox")
    return tuple(one for one in named if isinstance(one, str)) if isinstance(named, list) else ()


def asked_of(body: Mapping[str, object]) -> tuple[str, ...]:
    """Ids of all mails that deciding about the undo needs to know: its own, and the one that the earlier clocks waited for."""
    was: Any = body.get("was")
    clocks = was.get("clocks") if isinstance(was, dict) else None
    waited_for = clocks.get("after_mail", "") if isinstance(clocks, dict) else ""
    return tuple(dict.fromkeys((*mails_of(body), *((waited_for,) if waited_for else ()))))


def outlook(item: WorkItem, body: Mapping[str, object], messages: Mapping[str, OutboxMessage], scene: Scene) -> Undoing:
    """What the undo would do to the item as it is now. `messages`: those of `asked_of` that exist. Raises Impossible."""
    cancels = tuple(one for outbox_id in mails_of(body) if (one := messages.get(outbox_id)) is not None and one.state is not OutboxState.CANCELLED)
    for message in cancels:
        _require_not_left(message, scene)
    was, left = _read(item, body, "was"), _read(item, body, "left")
    if replace(was, version=left.version) == left:
        return Undoing(cancels)
    if not _is_as_left(item, left, scene):
        if not cancels:
            raise Impossible("changed", ref=item.ref)
        return Undoing(cancels, changed=True)
    try:
        return Undoing(cancels, _put_back(item, was, left, messages, scene)[0])
    except Impossible:
        if not cancels:
            raise
        return Undoing(cancels, changed=True)


def undone(item: WorkItem, body: Mapping[str, object], messages: Mapping[str, OutboxMessage], scene: Scene) -> Decision:
    """What one mail did, taken back: its unsent mails cancelled and the item as it was, by the tables. Raises Impossible with why it cannot be."""
    plan = outlook(item, body, messages, scene)
    changes = tuple(OutboxChange(one.id, OutboxEvent.CANCEL, scene.by, "undone", again_if_late=True) for one in plan.cancels)
    made = _cancelled_only(item, plan, scene) if plan.back is None else _restored(item, plan, body, messages, scene)
    line = Entry(item.id, scene.now, EntryKind.ATTENTION, by=scene.by, text=_line(body), facts={"undone": _what(body)})
    touched = made.items or (scene.touched(item),)
    return replace(made, items=touched, entries=(*made.entries, line), outbox=changes)


# ---------------------------------------------------------------- mails


def _require_not_left(message: OutboxMessage, scene: Scene) -> None:
    named = {"subject": message.subject, "to": names_of(message)}
    if message.state is OutboxState.SENDING:
        raise Impossible("sending", **named)
    had = message.unknown_repeats > 0 or any(one.outcome is Outcome.ACCEPTED for one in message.recipients if not one.is_copy)
    if message.state not in _NOBODY_HAS_IT or had:
        raise Impossible("left", **named)


def names_of(message: OutboxMessage) -> str:
    """Whom a mail is to, for a sentence."""
    shown = [one.address.address for one in message.recipients if one.role == "to"] or [one.address.address for one in message.recipients if not one.is_copy]
    return ", ".join(shown[:3]) + ("…" if len(shown) > 3 else "")


def _cancelled_only(item: WorkItem, plan: Undoing, scene: Scene) -> Decision:
    """The item stays, but for what the cancelling of its mails means on the page as well."""
    made = Decision()
    for message in plan.cancels:
        now = made.items[-1] if made.items else item
        made += mail_taken_back(now, message.id, by=scene.by, now=scene.now, people=present(scene.setup, scene.now, acting=scene.by))
    return made


# ---------------------------------------------------------------- the item


def _is_as_left(item: WorkItem, left: WorkItem, scene: Scene) -> bool:
    """Whether nothing happened to the item since but what other mails say on it: their marks, and where marks put people (behaviour.md D2)."""
    if is_still(item, left):
        return True
    marked = replace(left, new_information=left.new_information or item.new_information, attention=item.attention)
    return is_still(item, place_people(marked, people=scene.setup.user_of))


def _restored(item: WorkItem, plan: Undoing, body: Mapping[str, object], messages: Mapping[str, OutboxMessage], scene: Scene) -> Decision:
    put, moved = _put_back(item, _read(item, body, "was"), _read(item, body, "left"), messages, scene)
    people = present(scene.setup, scene.now, acting=scene.by)
    after = place_people(put, people=people)
    cancelled = tuple(
        Entry(item.id, scene.now, EntryKind.DELIVERY, by=scene.by, text="Mail cancelled.", facts={"state": "cancelled"}, outbox_id=one.id)
        for one in plan.cancels
    )
    event = Event.UNDO_RESOLVE if moved.was == RESOLVED else None
    lines = change_entries(item, replace(moved, item=after), scene.now, scene.by, event=event, facts={"undone": _what(body)})
    return Decision(items=(after,), entries=(*cancelled, *lines, *handed_on(put, after, scene.now, people)))


def _put_back(item: WorkItem, was: WorkItem, left: WorkItem, messages: Mapping[str, OutboxMessage], scene: Scene) -> tuple[WorkItem, Moved]:
    """The item as it was, with the marks that came since, and the move that leads there."""
    moved = _back(item, was, scene)
    after = replace(
        moved.item,
        **{name: getattr(was, name) for name in _NAMES if name not in ("status", "wait_type", "clocks", "attention", "new_information")},
        new_information=was.new_information or (item.new_information and not left.new_information),
        attention=was.attention if item.attention == left.attention else item.attention,
        clocks=_clocks(item, was, left, messages, scene),
        before=_still(was.before, was, item),
    )
    return scene.touched(after), moved


def _back(item: WorkItem, was: WorkItem, scene: Scene) -> Moved:
    """By the table, as every change of status."""
    if item.place == was.place:
        return Moved(item, item.place, Move(item.place, was.reason))
    if item.place == RESOLVED:
        return move(replace(item, before=_as_before(was, item)), Event.UNDO_RESOLVE, scene.now, scene.by)
    event = next((one for one in BACK_BY.get(was.place, ()) if one in possible(item)), None)
    if event is None:
        raise Impossible("no_way_back", ref=item.ref, place=place_words(item, scene.user.language))
    return move(item, event, scene.now, scene.by)


def _as_before(was: WorkItem, item: WorkItem) -> Before:
    return Before(item.version, was.place, was.reason, was.assignee, was.owner, was.queue, was.clocks, was.resolution, "")


def _clocks(item: WorkItem, was: WorkItem, left: WorkItem, messages: Mapping[str, OutboxMessage], scene: Scene) -> Clocks:
    """As they were, still stopped by what nobody has seen, then or since; a mail they waited for that has left meanwhile began them then."""
    clocks = was.clocks
    if clocks.after_mail:
        awaited = messages.get(clocks.after_mail)
        if awaited is None or awaited.state not in UNSENT:
            clocks = clocks.begin((awaited.sent_at if awaited is not None else None) or scene.now)
    for cause in item.clocks.stopped_by:
        clocks = clocks if cause in left.clocks.stopped_by else clocks.stop(cause, item.clocks.stopped_at or scene.now)
    for cause in was.clocks.stopped_by:  # dealt with since: it holds nothing up any more
        gone = cause in left.clocks.stopped_by and cause not in item.clocks.stopped_by
        clocks = clocks.go(cause, scene.now) if gone else clocks
    return clocks


def _still(before: Before | None, was: WorkItem, item: WorkItem) -> Before | None:
    """A Send & Resolve that could be undone before the mail can be undone again."""
    return replace(before, version=item.version + 1) if before is not None and before.version == was.version else before


# ---------------------------------------------------------------- as JSON and back

_NAMES = tuple(one.name for one in fields(Kept) if one.name != "version")


def _written(item: WorkItem) -> dict[str, object]:
    kept = Kept(**{one.name: getattr(item, one.name) for one in fields(Kept)})
    before = to_plain(item.before, full=True) if item.before is not None else None
    return {**to_plain(kept, full=True), "before": before}


def _read(item: WorkItem, body: Mapping[str, object], name: str) -> WorkItem:
    """The item as a snapshot has it. Raises Impossible for one that this version cannot read."""
    said: Any = body.get(name)
    try:
        kept = from_plain(Kept, {key: value for key, value in said.items() if key != "before"})
        given = {one: getattr(kept, one) for one in _NAMES}
        before = _before(said.get("before"))
    except (PlainTrouble, AttributeError, TypeError):
        raise Impossible("broken") from None
    # An item that was read has the version it has now: what changed since is told by what is in it, and `was` keeps its own.
    return replace(item, **given, before=before, version=kept.version if name == "was" else item.version)


def _before(said: Mapping[str, Any] | None) -> Before | None:
    if said is None:
        return None
    resolution = from_plain(Resolution, said["resolution"]) if said.get("resolution") else None
    return from_plain(Before, {key: value for key, value in said.items() if key != "resolution"}, resolution=resolution)


def _what(body: Mapping[str, object]) -> str:
    return str(body.get("what", ""))[:LONGEST_WHAT]


def _line(body: Mapping[str, object]) -> str:
    what = _what(body)
    return f"Undone: {what}" if what else "What a mail did was undone."
