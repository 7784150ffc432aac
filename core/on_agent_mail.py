"""What becomes of a mail by one of our people: done and confirmed, refused, or filed; pure.

Whether it is believed is `core/agent_trust.py`, what it says `core/agent_text.py` and `core/commands.py`, what it does to the item
`core/agent_steps.py`. An answer that waits for its author's word is `core/held_reply.py`, the words of the answers are
`core/agent_answers.py`, and reading what is asked here is `gateway/agent_mail.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.absence import present
from core.agent_answers import Paper, confirmation, distrusted, helped, refusal
from core.agent_record import AgentOutcome, AgentRecord
from core.agent_steps import Steps, as_left
from core.conversation import Conversation
from core.decision import Decision, Entry, EntryKind, KnownId
from core.mail import Address, Mail
from core.mail_links import LinkDeed, MailLink
from core.mail_undo import snapshot
from core.outbox import Draft, OutboxEvent, OutboxMessage
from core.overtaken import Kind, Overtaking, overtaken
from core.permissions import sees, visible_to
from core.recipients import MOST_RECIPIENTS, default_recipients
from core.scene import Scene
from core.setup import Setup, User
from core.wording import clean_line, clean_text
from core.work_item import WorkItem
from core.writing import Letter

BY_MAIL = "by_mail"
"""The fact of a line on a timeline that names the mail by which a person did it."""
MOST_WORDS = 4_000
MOST_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class Came:
    """A mail by one of our people as far as deciding needs it; `at` is its receipt (aware UTC), ids stand without brackets.

    `told` is the notification at the beginning of the chain of answers, `answers` the mail that is answered: outbox ids.
    """

    inbound_id: str
    at: datetime
    from_key: str = ""
    message_id: str = ""
    references: tuple[str, ...] = ()
    answers: str = ""
    told: str = ""
    fingerprint: str = ""
    commands: tuple[str, ...] = ()
    """As they were written."""


@dataclass(frozen=True, slots=True)
class Ids:
    """Fresh ids for everything one mail may make."""

    record: str
    draft: str
    answer: str
    undo: str
    send: str
    discard: str


@dataclass(frozen=True, slots=True)
class Means:
    """What answers need besides the mail: fresh ids, the address of a link's page from its id ('' = none is known), how long links are good."""

    ids: Ids
    url: Callable[[str], str]
    link_life: timedelta
    may_tell: bool = True
    """Their address takes mail, and they were not told too often of late."""


# ---------------------------------------------------------------- carried out


def done(came: Came, item: WorkItem, steps: Steps, made: Decision, scene: Scene, means: Means, *, notes: Sequence[str] = (), leaves: Draft | None = None) -> Decision:
    """What was carried out, on the audit list and confirmed with a way back. A plain answer is confirmed only where there is something to say of it (`notes`).

    `leaves` is an answer that was held and is let go, with the time at which it leaves now.
    """
    made = by_mail(made, came.inbound_id, scene.by)
    draft = next((one for one in made.mails if one.id == means.ids.draft), None)
    said = (*steps.said, *notes)
    wanted = scene.user.by_mail.confirm and (bool(came.commands) or bool(notes))
    record = audit_line(came, means, scene.by, AgentOutcome.DONE, item.id, scene.now, words=" ".join(said), outbox_id=draft.id if draft is not None else "")
    made = made + Decision(audited=(record,))
    if not (wanted and means.may_tell):
        return made
    cancelled = tuple(one.outbox_id for one in made.outbox if one.event is OutboxEvent.CANCEL)
    let_go = tuple(one.outbox_id for one in made.outbox if one.event is OutboxEvent.RELEASE)
    body = snapshot(item, as_left(made, item), (*((draft.id,) if draft is not None else ()), *let_go), " ".join(steps.said), cancelled=cancelled)
    undoes = bool(made.items or draft is not None or let_go)
    link, url = link_to(means.ids.undo, LinkDeed.UNDO, item.id, body, scene, means) if undoes else (None, "")
    answer = confirmation(paper_for(came, means, scene.user, scene.setup, scene.now, item), said, draft or leaves, url)
    return made + telling(answer, link)


def by_mail(made: Decision, inbound_id: str, by: str) -> Decision:
    """The lines by the person name the mail that did it."""
    marked = (replace(one, facts={**one.facts, BY_MAIL: inbound_id}) if one.by == by else one for one in made.entries)
    return replace(made, entries=tuple(marked))


def asked_for_help(came: Came, item: WorkItem | None, user: User, setup: Setup, now: datetime, means: Means, text: str) -> Decision:
    """The list of commands, and nothing else."""
    record = audit_line(came, means, _key(user), AgentOutcome.DONE, item.id if item is not None else "", now, words="#help")
    return Decision(audited=(record,)) + telling(helped(paper_for(came, means, user, setup, now, item), text) if means.may_tell else None)


# ---------------------------------------------------------------- not carried out


def ignored(came: Came, user_key: str, item_id: str, reason: str, now: datetime, means: Means) -> Decision:
    """An automatic answer to what we told them: written down, and nobody is told."""
    return Decision(audited=(audit_line(came, means, user_key, AgentOutcome.IGNORED, item_id, now, reason=reason),))


@dataclass(frozen=True, slots=True)
class No:
    """Why a mail is not carried out: a word for the audit list, the sentence for the person in their language, and the one for timelines.

    `trusted`: it is surely theirs, so that their words may go back to them; `partly`: it came in all the same, only its commands did nothing;
    `line`: it is shown on its item.
    """

    reason: str
    sentence: str
    english: str = ""
    trusted: bool = False
    own_words: str = ""
    internal: bool = False
    partly: bool = False
    line: bool = True


def refused(came: Came, no: No, user: User | None, user_key: str, item: WorkItem | None, setup: Setup, now: datetime, means: Means) -> Decision:
    """Kept on the item and told to whom the address belongs; the item is not moved, marked or woken by it (Agents by mail, 4)."""
    english = clean_line(no.english or no.sentence, 500)
    record = audit_line(came, means, user_key, AgentOutcome.REFUSED, item.id if item is not None else "", now, reason=no.reason, words=english)
    made = Decision(audited=(record,))
    if item is not None and no.line:
        made = made + Decision(entries=(_kept(came, no, user_key, item, english, now),))
    if user is None or not means.may_tell:
        return made
    shown = item if item is not None and sees(visible_to(user, setup), item) else None
    paper = paper_for(came, means, user, setup, now, shown)
    if no.trusted:
        return made + telling(refusal(paper, no.sentence, own_words=no.own_words, internal=no.internal, partly=no.partly))
    apart = replace(paper, message_id="", references=())
    return made + telling(distrusted(apart, no.sentence, sender=came.from_key, came_at=came.at))


def _kept(came: Came, no: No, user_key: str, item: WorkItem, english: str, now: datetime) -> Entry:
    whose = f"A mail by {user_key}" if no.trusted else f"A mail in the name of {user_key}, from {came.from_key or 'an address that cannot be read'},"
    facts: dict[str, object] = {"reason": no.reason, "from": came.from_key, "agent": user_key}
    text = clean_line(f"{whose} was not carried out: {english}")
    by = user_key if no.trusted else ""
    return Entry(item.id, now, EntryKind.AGENT_MAIL, by=by, text=text, system=not by, facts=facts, inbound_id=came.inbound_id)


# ---------------------------------------------------------------- filed


def filed(came: Came, mail: Mail, item: WorkItem, scene: Scene, means: Means, unsent: Iterable[OutboxMessage] = ()) -> Decision:
    """One of our people wrote to everybody from their own mail program: it stands on the item as ours and counts as an answer.

    Nothing is sent again and nothing wakes; whoever they wrote to is tied to the item, and answers to it find it.
    """
    facts: dict[str, object] = {
        "subject": clean_line(mail.subject),
        "from": str(mail.author or ""),
        "to": [str(one) for one in mail.to[:MOST_RECIPIENTS]],
        "cc": [str(one) for one in mail.cc[:MOST_RECIPIENTS]],
        "filed": True,
        BY_MAIL: came.inbound_id,
    }
    text = clean_text(mail.new_text or mail.text, MOST_TEXT)
    line = Entry(item.id, came.at, EntryKind.MAIL_OUT, by=scene.by, text=text, facts=facts, inbound_id=came.inbound_id)
    known = (KnownId(mail.message_id, item.id, "in", came.inbound_id),) if mail.message_id else ()
    tied = tuple((item.id, one.key) for one in outsiders((*mail.to, *mail.cc), scene.setup))
    record = audit_line(came, means, scene.by, AgentOutcome.FILED, item.id, scene.now)
    made = Decision(entries=(line,), known_ids=known, participants=tied, audited=(record,))
    by = Overtaking(Kind.COLLEAGUE_ANSWERED, scene.by, came.at, person=scene.by, inbound_id=came.inbound_id)
    return made + overtaken(item, unsent, by, scene.now, people=present(scene.setup, scene.now, acting=scene.by))


# ---------------------------------------------------------------- people


def outsiders(people: Iterable[Address], setup: Setup) -> tuple[Address, ...]:
    """Those who are neither an address of ours nor one of our people, each once, no more than a mail may have."""
    ours = {Address(one.email).key for one in setup.users}
    found = {one.key: one for one in people if "@" in one.address and not setup.is_ours(one.address) and one.key not in ours}
    return tuple(found.values())[:MOST_RECIPIENTS]


def with_copies(letter: Letter, copies: Sequence[Address], scene: Scene, talk: Conversation) -> Letter:
    """The letter as the page presets its recipients, with those in Cc whom the agent wrote to besides (reply-all)."""
    if not copies:
        return letter
    to, cc = default_recipients(talk, scene)
    there = {one.key for one in (*to, *cc)}
    more = tuple(one for one in copies if one.key not in there)
    if not more:
        return letter
    return replace(letter, to=tuple(map(str, to)), cc=(*map(str, cc), *(one.address for one in more)))


def _key(user: User) -> str:
    return Address(user.email).key


# ---------------------------------------------------------------- parts


def paper_for(came: Came, means: Means, user: User, setup: Setup, now: datetime, item: WorkItem | None) -> Paper:
    return Paper(means.ids.answer, user, setup, now, item, came.message_id, came.references, came.told)


def telling(answer: Draft | None, *links: MailLink | None) -> Decision:
    if answer is None:
        return Decision()
    return Decision(mails=(answer,), mail_links=tuple(one for one in links if one is not None))


def link_to(link_id: str, deed: LinkDeed, item_id: str, body: dict[str, object], scene: Scene, means: Means) -> tuple[MailLink | None, str]:
    """The link and the address of its page; none where the installation has no public address."""
    url = means.url(link_id)
    return (MailLink(link_id, scene.by, deed, scene.now, scene.now + means.link_life, item_id, body) if url else None), url


def audit_line(
    came: Came, means: Means, user_key: str, outcome: AgentOutcome, item_id: str, now: datetime, *, reason: str = "", words: str = "", outbox_id: str = ""
) -> AgentRecord:
    return AgentRecord(
        id=means.ids.record,
        inbound_id=came.inbound_id,
        at=now,
        user_key=user_key,
        from_key=came.from_key,
        outcome=outcome,
        reason=reason[:40],
        words=words[:MOST_WORDS],
        item_id=item_id,
        answers=came.answers,
        commands=came.commands,
        outbox_id=outbox_id,
        fingerprint=came.fingerprint,
    )
