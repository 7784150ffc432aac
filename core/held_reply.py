"""An answer by mail that waits in the outbox until its author says that it may leave, and what was wanted besides; pure, as `on_agent_mail.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from core.absence import present
from core.agent_answers import HELD, Since, question
from core.agent_record import AgentOutcome
from core.agent_steps import Around, Deeds, Steps, as_left, deeds_on, heard, with_resolution
from core.conversation import NEVER_ARRIVED, Conversation
from core.decision import Decision, Entry, EntryKind, OutboxChange
from core.deeds import Ask, ask_of
from core.link_words import Impossible
from core.mail_links import LinkDeed
from core.on_agent_mail import Came, Means, audit_line, by_mail, link_to, paper_for, telling
from core.outbox import Draft, OutboxEvent, OutboxMessage, OutboxState
from core.resolving import mail_taken_back
from core.scene import Scene
from core.setup import Setup
from core.status import ResolutionMethod
from core.wording import clean_line
from core.work_item import WorkItem
from core.writing import mail_line, written


def happened_since(talk: Conversation, customers: Sequence[Since], user_key: str, since: datetime, setup: Setup) -> tuple[Since, ...]:
    """What speaks for asking first: what customers wrote that counts (read by the caller), and answers by colleagues after `since` (decisions.md 16)."""
    theirs = (one for one in talk.said if one.is_mail and one.by != user_key and one.at > since and one.state not in NEVER_ARRIVED)
    colleagues = tuple(Since(_named(setup, one.by), one.at, colleague=True) for one in theirs)
    return tuple(sorted((*customers, *colleagues), key=lambda one: one.at))


def held(
    came: Came, item: WorkItem, steps: Steps, made: Decision, scene: Scene, means: Means, *, why: str = "", since: Sequence[Since] = ()
) -> Decision:
    """The answer waits in the outbox and its author is asked; what else the mail wanted is kept for when it leaves. `made`: as it would be done at once."""
    draft = next(one for one in made.mails if one.id == means.ids.draft)
    happened = why or "; ".join(f"{one.who} {'answered' if one.colleague else 'wrote'} meanwhile" for one in since[:3])
    draft = replace(draft, hold_reason=clean_line(f"Its author is asked by mail: {happened}", 500))
    body = held_body(draft.id, steps, came.inbound_id)
    record = audit_line(came, means, scene.by, AgentOutcome.HELD, item.id, scene.now, words=happened, outbox_id=draft.id)
    waits = by_mail(Decision(entries=(mail_line(draft, scene),), mails=(draft,)), came.inbound_id, scene.by)
    waits = waits + Decision(audited=(record,))
    if not means.may_tell:
        return waits
    send, send_url = link_to(means.ids.send, LinkDeed.SEND, item.id, body, scene, means)
    discard, discard_url = link_to(means.ids.discard, LinkDeed.DISCARD, item.id, body, scene, means)
    paper = paper_for(came, means, scene.user, scene.setup, scene.now, item)
    paper = replace(paper, facts={HELD: json.dumps(body)})
    more = steps.said if steps.deeds or draft.resolves else ()
    return waits + telling(question(paper, why, since, draft, more=more, send=send_url, discard=discard_url), send, discard)


def held_body(draft_id: str, steps: Steps, inbound_id: str) -> dict[str, object]:
    """What is done when a held answer is let go, as JSON."""
    method = steps.letter.method if steps.letter is not None else None
    return {
        "outbox_id": draft_id,
        "inbound_id": inbound_id,
        "method": str(method or ""),
        "before": [_written(verb, ask) for verb, ask in steps.before],
        "after": [_written(verb, ask) for verb, ask in steps.after],
    }


def let_go(item: WorkItem, message: OutboxMessage, draft: Draft, body: Mapping[str, object], scene: Scene, around: Around) -> Decision:
    """What a held answer does to its item when it is let go, and what was wanted besides; letting it go is the caller's. Raises Refused, IllegalTransition."""
    before, after = _read(body.get("before")), _read(body.get("after"))
    made, talk = deeds_on(Decision(), item, before, scene, around.talk)
    method = ResolutionMethod(str(body["method"])) if body.get("method") else None
    others = tuple(one for one in around.unsent if one.id != message.id)
    step = written(as_left(made, item), draft, scene, talk, method=method, unsent=others, fresh=False)
    made, talk = made + step, heard(talk, step)
    made, _ = deeds_on(made, item, after, scene, talk)
    return by_mail(with_resolution(made), str(body.get("inbound_id", "")), scene.by)


def released(item: WorkItem, message: OutboxMessage, more: Decision, scene: Scene) -> Decision:
    """A held answer let go by an answer of its author: it leaves after their delay, or at the time it was scheduled for. `more` is `let_go`."""
    due_at = max(message.due_at, scene.now + (timedelta(0) if message.scheduled else scene.user.by_mail.undo))
    facts: dict[str, object] = {"event": str(OutboxEvent.RELEASE), "state": str(OutboxState.QUEUED), "due_at": due_at.isoformat()}
    line = Entry(item.id, scene.now, EntryKind.DELIVERY, by=scene.by, text="Mail: released.", facts=facts, outbox_id=message.id)
    change = OutboxChange(message.id, OutboxEvent.RELEASE, scene.by, "its author answered that it may leave", due_at=due_at, again_if_late=True)
    return Decision(entries=(line,), outbox=(change,)) + more


def discarded(item: WorkItem, message: OutboxMessage, scene: Scene) -> Decision:
    """A held answer that shall not leave."""
    change = OutboxChange(message.id, OutboxEvent.CANCEL, scene.by, "its author answered that it shall not leave", again_if_late=True)
    return mail_taken_back(item, message.id, by=scene.by, now=scene.now, people=present(scene.setup, scene.now, acting=scene.by)) + Decision(outbox=(change,))


def require_held(message: OutboxMessage | None, user_key: str) -> OutboxMessage:
    """The mail, if it is that person's and waits. Raises Refused."""
    if message is None or message.author != user_key:
        raise Impossible("no_mail")
    if message.state is OutboxState.CANCELLED:
        raise Impossible("cancelled", subject=clean_line(message.subject, 200))
    if message.state is not OutboxState.HELD:
        raise Impossible("let_go", subject=clean_line(message.subject, 200), to=", ".join(one.address.address for one in message.recipients[:5]))
    return message


def _named(setup: Setup, person: str) -> str:
    user = setup.user_of.get(person)
    return (user.name or user.email) if user is not None else person


def _written(verb: str, ask: Ask) -> dict[str, object]:
    nothing = Ask()
    given = {one.name: getattr(ask, one.name) for one in fields(Ask) if getattr(ask, one.name) != getattr(nothing, one.name)}
    return {"verb": verb, **{name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items()}}


def _read(deeds: Any) -> Deeds:
    """Deeds as `_written` left them. Raises Refused for what is none."""
    read = []
    for one in deeds if isinstance(deeds, list) else ():
        given = {name: datetime.fromisoformat(value) if name == "until" else value for name, value in one.items() if name != "verb"}
        read.append((str(one["verb"]), ask_of(given)))
    return tuple(read)
