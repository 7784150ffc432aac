"""A mail written by a person: to whom, from where, in which thread, when; sealing it is `gateway/outbound/compose.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.absence import present
from core.assignment import holder
from core.conversation import Conversation
from core.decision import Decision, Entry, EntryKind
from core.deeds import choice
from core.mail import Importance
from core.original import MANNERS, LetterKind, Original, not_on_it, require_answerable, subject_about
from core.outbox import Draft, FileRef, OutboxMessage, Purpose, Recipient
from core.overtaken import Kind, Overtaking, overtaken
from core.quoting import forwarded, joined, quoted
from core.recipients import recipients_of
from core.refusal import Refused
from core.resolving import resolve, snapshot
from core.scene import Scene, person_moves, placed, placed_quietly, seen
from core.senders import sender_for
from core.status import Event, ResolutionMethod, Status
from core.test_mode import why_not_written
from core.wording import LINE, TEXT, clean_line, clean_text
from core.work_item import WorkItem, possible

DEFAULT_UNDO = timedelta(seconds=10)
"""decisions.md 14: on the page; answers by mail ask for more."""
LONGEST_UNDO = timedelta(hours=1)
LONGEST_HTML = 4 * TEXT
"""Of what the author wrote; with a signature and images named it may be longer."""
WHOLE_HTML = 3 * LONGEST_HTML
UNDO_CHOICES = tuple(timedelta(seconds=seconds) for seconds in (0, 5, 10, 15, 20, 30, 60, 120))
"""What a page offers (decisions.md 14)."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person wants sent. Empty recipients and subject: as an answer has them. `send_at` aware; `undo` None: the person's own delay."""

    text: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    html: str = ""
    importance: Importance = Importance.NORMAL
    send_at: datetime | None = None
    undo: timedelta | None = None
    resolve: bool = False
    method: ResolutionMethod | None = None
    cancel_if_answered: bool = False
    """With `send_at` only (decisions.md 16)."""
    files: tuple[FileRef, ...] = ()
    """What goes with it; stored before, by the desk."""
    kind: LetterKind = LetterKind.ANSWER
    about: str = ""
    """Id of the mail that it answers or hands on; '' for the newest."""
    quote: bool = False
    """The original stands below an answer, where everybody who gets it has that mail. A forward always has it."""
    as_attachment: bool = False
    """A forward hands the mail on whole, as an attachment, instead of its words and files."""
    from_: str = ""
    """An address of the item's mailboxes; '' for the one the customer wrote to (E-36)."""
    signature: bool = False
    """The author's signature stands below their words (C-CO-08); put there when the mail is made ready (`core/signature.py`), not in drafts."""

    @property
    def named(self) -> dict[str, tuple[str, ...]]:
        """Whom the author wrote to, by role."""
        return {"to": self.to, "cc": self.cc, "bcc": self.bcc}


def letter_of(arguments: Mapping[str, Any]) -> Letter:
    """A letter from arguments as they come from the outside: lists of addresses, choices as texts, None is not given. Raises Refused."""
    given: dict[str, Any] = {name: tuple(value) if name in ("to", "cc", "bcc", "files") else value for name, value in arguments.items() if value is not None}
    if given.get("send_at") is not None and given["send_at"].tzinfo is None:
        raise Refused("A time needs a zone.")
    if "method" in given:
        given["method"] = choice(ResolutionMethod, given["method"], "resolution method")
    if "kind" in given:
        given["kind"] = choice(LetterKind, given["kind"], "kind of letter") or LetterKind.ANSWER
    if "importance" in given:
        given["importance"] = choice(Importance, given["importance"], "importance") or Importance.NORMAL
    return Letter(**given)


def write_mail(
    item: WorkItem,
    letter: Letter,
    scene: Scene,
    talk: Conversation,
    *,
    draft_id: str,
    default_undo: timedelta = DEFAULT_UNDO,
    unsent: Iterable[OutboxMessage] = (),
    original: Original | None = None,
) -> Decision:
    """The mail in the outbox, and what writing it does to the item: an unassigned To Do item is taken (decisions.md 10), a draft gets title
    and description from it (A-TK-05), and with `resolve` the item is resolved, or will be when a scheduled mail has left (decisions.md 15).
    `unsent` are the mails by people on the item that have not left: those of colleagues are overtaken by this one (decisions.md 16).
    `original` is the mail that the letter is about, which replies and forwards need.

    Raises Refused for an empty text, bad or missing recipients, a past time, no connector to send by, others than test contacts
    for a test item (E-47); IllegalTransition.
    """
    draft = _draft(item, letter, scene, talk, draft_id, default_undo, original)
    return written(item, draft, scene, talk, method=letter.method, unsent=unsent)


def written(
    item: WorkItem,
    draft: Draft,
    scene: Scene,
    talk: Conversation,
    *,
    method: ResolutionMethod | None = None,
    unsent: Iterable[OutboxMessage] = (),
    fresh: bool = True,
) -> Decision:
    """What a person's mail does to its item once it may leave. `fresh` False: it waited in the outbox and has its line already. Raises as `write_mail`."""
    worked, entries = _begun(_described(item, draft), scene)
    entries = (*entries, mail_line(draft, scene)) if fresh else entries
    if draft.resolves and not draft.scheduled:
        done = resolve(worked, scene, talk, method=method or ResolutionMethod.WITH_CUSTOMER_RESPONSE, mail=draft.id)
        worked = replace(done.items[0], before=snapshot(item, draft.id)) if done.items[0].status is Status.RESOLVED else done.items[0]
        entries = (*entries, *done.entries)
    elif not draft.resolves:
        worked = replace(worked, before=None)
    by = Overtaking(Kind.COLLEAGUE_ANSWERED, scene.by, scene.now, person=scene.by, outbox_id=draft.id)
    done_so_far = Decision(items=(worked,), entries=entries, mails=(draft,) if fresh else (), participants=_tied(draft, scene))
    return done_so_far + overtaken(worked, unsent, by, scene.now, people=present(scene.setup, scene.now, acting=scene.by))


def _draft(item: WorkItem, letter: Letter, scene: Scene, talk: Conversation, draft_id: str, default_undo: timedelta, original: Original | None) -> Draft:
    require_answerable(letter.kind, original)
    sender = sender_for(scene.setup, letter.from_, item, scene.user)
    recipients = recipients_of(letter.kind, letter.named, original, scene, talk)
    text, html = _words(letter, item, scene, original, recipients)
    if letter.cancel_if_answered and letter.send_at is None:
        raise Refused("Only a mail that is scheduled can cancel itself; say when it is to be sent.")
    refused = why_not_written(item.ref, scene.setup, (one.address for one in recipients)) if item.test else ""
    if refused:
        raise Refused(refused)
    parent, thread = _thread(letter.kind, talk, original)
    return Draft(
        id=draft_id,
        item_id=item.id,
        purpose=Purpose.PERSON,
        connector=sender.connector.name,
        from_=sender.named(scene.user.name or scene.setup.name),
        recipients=recipients,
        due_at=_due(letter, scene, default_undo),
        author=scene.by,
        subject=clean_line(letter.subject, LINE) or _subject(letter.kind, item, scene, talk, original),
        text=text,
        html=html,
        in_reply_to=parent,
        references=thread,
        language=_language(item, scene),
        importance=letter.importance,
        scheduled=letter.send_at is not None,
        resolves=letter.resolve,
        starts_clock=letter.resolve,
        cancel_if_answered=letter.cancel_if_answered,
        files=tuple(one for one in letter.files if one.goes_with(html)),
    )


def _words(letter: Letter, item: WorkItem, scene: Scene, original: Original | None, recipients: tuple[Recipient, ...]) -> tuple[str, str]:
    """Text and HTML: the author's own, and below them the original where it is quoted or handed on."""
    text, html = clean_text(letter.text, TEXT), clean_text(letter.html, WHOLE_HTML)
    forwards = letter.kind is LetterKind.FORWARD
    if not (text or html or forwards):
        raise Refused("The mail has no text.")
    if original is None or not (forwards or quotes(letter, original, recipients)):
        return text, html
    language, zone = _language(item, scene), scene.setup.timezone
    below = forwarded(original, language, zone, words_only=letter.as_attachment) if forwards else quoted(original, language, zone)
    wanted = bool(html) or (forwards and not text and bool(original.html))
    return joined(text, below.text), joined(html, below.html, html=True) if wanted else ""


def quotes(letter: Letter, original: Original | None, recipients: Iterable[Recipient]) -> bool:
    """Whether the original stands below an answer: asked for, and everybody who gets the answer is known to have it."""
    return letter.quote and original is not None and not original.held and not not_on_it(original, (one.address for one in recipients))


def _subject(kind: LetterKind, item: WorkItem, scene: Scene, talk: Conversation, original: Original | None) -> str:
    about = original.subject if original is not None else talk.last_mail.subject if talk.last_mail is not None else ""
    begins = kind is LetterKind.NEW or (original is None and talk.last_mail is None)
    return clean_line(item.title) if begins else subject_about(kind, about or item.title, _language(item, scene))


def _thread(kind: LetterKind, talk: Conversation, original: Original | None) -> tuple[str, tuple[str, ...]]:
    """The id of the mail that is answered, and those of the thread with it last."""
    if not MANNERS[kind].threaded:
        return "", ()
    about = original.message_id if original is not None else talk.last_mail.message_id if talk.last_mail is not None else ""
    return about, talk.thread_to(about)


def _language(item: WorkItem, scene: Scene) -> str:
    return item.language or scene.setup.language


def _due(letter: Letter, scene: Scene, default_undo: timedelta) -> datetime:
    """A scheduled mail leaves at its time and is not delayed again (E-29); the others wait for an undo."""
    if letter.send_at is not None:
        return scheduled_for(letter.send_at, scene.now)
    undo = letter.undo if letter.undo is not None else scene.user.undo_send
    undo = default_undo if undo is None else undo
    if not timedelta(0) <= undo <= LONGEST_UNDO:
        raise Refused("The delay for undoing a send is between 0 seconds and 1 hour.")
    return scene.now + undo


def scheduled_for(moment: datetime, now: datetime) -> datetime:
    """When a mail leaves that is wanted at `moment` (aware). Raises Refused for what is past."""
    return future(moment, now, "A mail can only be scheduled for a time to come")


def future(moment: datetime, now: datetime, sentence: str) -> datetime:
    """`moment` if it is to come. Raises Refused with the sentence and both times (decisions.md 23)."""
    if moment <= now:
        raise Refused(f"{sentence}; {moment.isoformat(timespec='minutes')} is past.")
    return moment


def _described(item: WorkItem, draft: Draft) -> WorkItem:
    """A-TK-05: a draft without title and description takes them from the mail."""
    if item.status is not Status.DRAFT or item.title or item.description:
        return item
    return replace(item, title=draft.subject, description=draft.text)


def _begun(item: WorkItem, scene: Scene) -> tuple[WorkItem, tuple[Entry, ...]]:
    """A-ST-09, decisions.md 10: answering takes what nobody has, and what is one's own gets under way; a colleague's stays as it is."""
    mine = holder(item) in ("", scene.by)
    if not mine or Event.UPDATE not in possible(item):
        return placed_quietly(item, seen(scene.touched(item), scene.now) if mine else scene.touched(item), scene)
    moved = person_moves(item, Event.UPDATE, scene)
    taken = replace(moved.item, assignee=scene.by, owner="")
    return placed(item, replace(moved, item=taken), scene, event=Event.UPDATE)


def mail_line(draft: Draft, scene: Scene) -> Entry:
    """The line of a person's mail."""
    facts: dict[str, object] = {
        "subject": draft.subject,
        "from": str(draft.from_),
        "to": [str(one.address) for one in draft.recipients if one.role == "to"],
        "cc": [str(one.address) for one in draft.recipients if one.role == "cc"],
    }
    if draft.scheduled:
        facts["scheduled_for"] = draft.due_at.isoformat()
    if draft.cancel_if_answered:
        facts["cancel_if_answered"] = True
    return Entry(draft.item_id, scene.now, EntryKind.MAIL_OUT, by=scene.by, text=draft.text, facts=facts, outbox_id=draft.id)


def _tied(draft: Draft, scene: Scene) -> tuple[tuple[str, str], ...]:
    """Who becomes a participant by being written to: To and Cc, never one of us (decisions.md)."""
    open_ones = (one.address for one in draft.recipients if one.role != "bcc")
    return tuple((draft.item_id, one.key) for one in open_ones if not scene.setup.is_ours(one.address))
