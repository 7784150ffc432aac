"""What a person does to an item: one function for each verb, pure, from item and facts to a Decision; mails are `core/writing.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core import waiting
from core.assignment import hand_over, holder
from core.contact import added_by_hand
from core.conversation import Conversation
from core.decision import ContactOnItem, Decision, Entry, EntryKind
from core.deeds import Ask, check_asked
from core.mail import address_key
from core.recipients import parse_address
from core.refusal import Refused
from core.resolving import resolve, resolve_again
from core.scene import Scene, done, person_moves, placed, placed_quietly, seen
from core.status import Event, ResolutionMethod, Status
from core.timeline import change_entries
from core.wording import clean_line, clean_text
from core.work_item import WorkItem, possible

Deed = Callable[[WorkItem, Ask, Scene, Conversation], Decision]



def act(item: WorkItem, verb: str, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """What `verb` does to `item`. Raises Refused and IllegalTransition, each with a sentence for the person."""
    check_asked(verb, ask)
    decision = DEEDS[verb](item, replace(ask, note=clean_text(ask.note)), scene, talk)
    note = clean_text(ask.note)
    if not note or verb in ("note", "resolve"):
        return decision
    return replace(decision, entries=(*decision.entries, _note_line(item, note, scene)))


# ---------------------------------------------------------------- handing in and handing on


def _submit(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-ST-07, A-TK-02…04: with all it needs, a draft goes to To Do, a ticket into its queue, a case to the person who starts it."""
    moved = person_moves(item, Event.SUBMIT, scene)
    missing = lacking(item, scene, talk)
    if missing:
        raise Refused(f"{item.ref} cannot be submitted yet. Missing: {', '.join(missing)}.")
    nobody = replace(moved, item=replace(moved.item, assignee="", owner=scene.by if item.kind == "case" else ""))
    after, entries = placed(item, nobody, scene, event=Event.SUBMIT)
    told = (Entry(item.id, scene.now, EntryKind.DESCRIPTION, by=scene.by, text=item.description),) if item.description else ()
    return Decision(items=(after,), entries=(*told, *entries))


def lacking(item: WorkItem, scene: Scene, talk: Conversation) -> tuple[str, ...]:
    """What a draft still needs before it may be submitted, in words: a ticket per A-TK-02, a case its short description (A-CS-03)."""
    process = scene.process(item)
    needs = [("a title", bool(item.title))]
    if item.kind == "ticket":
        needs += [
            ("a description", bool(item.description)),
            ("a category", bool(item.category) or process is None or not process.categories),
            ("a primary contact", bool(talk.tagged("primary"))),
            ("a requester", bool(talk.tagged("requester"))),
        ]
    return tuple(words for words, there in needs if not there)


def _take(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    return _in_hands(item, Event.TAKE, scene.by, scene)


def _release(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    return _in_hands(item, Event.RELEASE, "", scene)


def _assign(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-ST-11: whoever gets it finds it in To Do. A queue gets it without anybody's name on it."""
    to = address_key(ask.to)
    if ask.queue:
        return _into_queue(item, ask, scene)
    if not to:
        raise Refused("Say who gets the item: --to EMAIL, or --queue NAME.")
    if to not in scene.setup.user_of:
        raise Refused(f"There is no active user “{clean_line(ask.to)}”.")
    return _in_hands(item, Event.ASSIGN, to, scene)


def _into_queue(item: WorkItem, ask: Ask, scene: Scene) -> Decision:
    if ask.to:
        raise Refused("Hand it to a user or to a queue, not to both.")
    if ask.queue not in scene.setup.queues:
        raise Refused(f"There is no queue “{clean_line(ask.queue)}”. Possible: {', '.join(scene.setup.queues)}.")
    moved = person_moves(item, Event.ASSIGN, scene)
    after = hand_over(replace(moved.item, home_queue=ask.queue), "", people=scene.setup.user_of)
    return Decision(items=(after,), entries=change_entries(item, replace(moved, item=after), scene.now, scene.by, event=Event.ASSIGN))


def _in_hands(item: WorkItem, event: Event, person: str, scene: Scene) -> Decision:
    moved = person_moves(item, event, scene)
    after = hand_over(moved.item, person, people=scene.setup.user_of)
    return Decision(items=(after,), entries=change_entries(item, replace(moved, item=after), scene.now, scene.by, event=event))


def _start(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-ST-10. Whoever starts what nobody is assigned to is assigned; a case stays with its owner."""
    moved = person_moves(item, Event.START, scene)
    has = item.assignee or (item.owner if item.kind == "case" else "") or scene.by
    return done(item, replace(moved, item=replace(moved.item, assignee=has, owner="")), scene, Event.START)


def _stop(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-ST-12: a mistaken start is taken back; whoever had the item keeps it."""
    return done(item, person_moves(item, Event.STOP, scene), scene, Event.STOP)


# ---------------------------------------------------------------- ending


def _resolve(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    return resolve(item, scene, talk, method=ask.method, note=ask.note)


def _resolve_again(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    return resolve_again(item, scene, talk)


def _reopen(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-TK-22, A-CS-22: by hand, while the window is open; the resolution is kept (A-ST-16)."""
    moved = person_moves(item, Event.REOPEN, scene)
    return done(item, replace(moved, item=replace(moved.item, resolution_method=None)), scene, Event.REOPEN)


def _cancel(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-CS-24: a case is closed at once."""
    moved = person_moves(item, Event.CANCEL, scene)
    return done(item, replace(moved, item=replace(moved.item, resolution_method=ResolutionMethod.CANCELLED)), scene, Event.CANCEL)


# ---------------------------------------------------------------- words and marks


def _note(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A note takes nothing and moves nothing (decisions.md 10)."""
    if not ask.note:
        raise Refused("The note is empty.")
    return Decision(items=(scene.touched(item),), entries=(_note_line(item, ask.note, scene),))


def _edit(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-ST-09: editing a To Do item that nobody has takes it; what a colleague has, waits or is resolved is edited where it stands."""
    changed = _changed(item, ask, scene)
    if Event.UPDATE not in possible(item) or holder(item) not in ("", scene.by):
        after, entries = placed_quietly(item, scene.touched(changed), scene)
    else:
        moved = person_moves(changed, Event.UPDATE, scene)
        after, entries = placed(item, replace(moved, item=replace(moved.item, assignee=scene.by, owner="")), scene, event=Event.UPDATE)
    contacts = (added_by_hand(item.id, parse_address(ask.contact), talk.contacts),) if ask.contact else ()
    told = _edit_line(item, changed, contacts, scene)
    return Decision(items=(after,), entries=entries if told is None else (*entries, told), contacts=contacts)


def _edit_line(item: WorkItem, changed: WorkItem, contacts: tuple[ContactOnItem, ...], scene: Scene) -> Entry | None:
    names = (name for name in ("title", "description", "category") if getattr(changed, name) != getattr(item, name))
    facts: dict[str, object] = {name: getattr(changed, name) for name in names}
    if contacts:
        facts["contact"] = contacts[0].address
    return Entry(item.id, scene.now, EntryKind.DESCRIPTION, by=scene.by, text=f"Changed: {', '.join(facts)}.", facts=facts) if facts else None


def _changed(item: WorkItem, ask: Ask, scene: Scene) -> WorkItem:
    if item.status is Status.CLOSED:
        raise Refused(f"{item.ref} is closed and cannot be changed any more.")
    title, description = clean_line(ask.title) or item.title, clean_text(ask.description) or item.description
    return replace(item, title=title, description=description, category=valid_category(ask.category, item, scene) or item.category)


def valid_category(category: str, item: WorkItem, scene: Scene) -> str:
    """The category as the process of the item names it, '' for none. Raises Refused naming those there are."""
    wanted = clean_line(category)
    process = scene.process(item)
    if not wanted or process is None:
        return ""
    found = next((one for one in process.categories if one.casefold() == wanted.casefold()), None)
    if found is None:
        raise Refused(f"“{wanted}” is not a category of “{process.name}”. Possible: {', '.join(process.categories) or 'none'}.")
    return found


def _mark_read(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-CX-24, A-NI-01."""
    after, entries = placed_quietly(item, seen(scene.touched(item), scene.now), scene)
    return Decision(items=(after,), entries=entries)


def _mark_new(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-CX-24, A-NI-01."""
    after, entries = placed_quietly(item, replace(scene.touched(item), new_information=True), scene, wakes=True)
    return Decision(items=(after,), entries=entries)


def _note_line(item: WorkItem, note: str, scene: Scene) -> Entry:
    return Entry(item.id, scene.now, EntryKind.NOTE, by=scene.by, text=note)


DEEDS: dict[str, Deed] = {
    "submit": _submit,
    "take": _take,
    "release": _release,
    "assign": _assign,
    "start": _start,
    "stop": _stop,
    "wait": waiting.wait,
    "pause": waiting.pause,
    "resume": waiting.resume,
    "resolve": _resolve,
    "resolve-again": _resolve_again,
    "reopen": _reopen,
    "cancel": _cancel,
    "note": _note,
    "edit": _edit,
    "mark-read": _mark_read,
    "mark-new": _mark_new,
}
"""Verb → what it does. Verbs that other kinds of change bring (split, merge, convert…) are not here."""
