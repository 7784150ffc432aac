"""The answer to a customer in a mail by one of our people, made ready as on the page: recipients, thread, signature, HTML, files; `agent_mail.py` decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from core.agent_text import AgentText
from core.conversation import Conversation
from core.decision import Decision
from core.on_agent_mail import outsiders, with_copies
from core.original import Original
from core.outbox import FileRef
from core.scene import Scene
from core.work_item import WorkItem
from core.writing import Letter
from gateway.agent_answered import Answered
from gateway.agent_files import Files, Told, files_of
from gateway.clock import Clock
from gateway.desk_letters import Asked, Ready, Weight, ready, require_size, stored
from gateway.inbound.agent_html import html_saying
from gateway.inbound.by_agent import AgentMail
from gateway.store import attachments, originals


@dataclass(frozen=True, slots=True)
class Reply:
    """A letter that can be written: its new files are named, and stored when nothing can refuse it any more. `left_out`: names of files that stay behind."""

    letter: Letter
    found: Ready
    left_out: tuple[str, ...] = ()

    @property
    def original(self) -> Original | None:
        return self.found.original


def prepared(
    connection: Connection, agent_mail: AgentMail, letter: Letter, words: AgentText, found: Answered | None, item: WorkItem, talk: Conversation, scene: Scene
) -> Reply:
    """`letter` has the text and the time. It is about the mail that was told of, waits as long as their mails by mail do, and goes to whom an answer on
    the page goes, with those in Cc whom they wrote to besides. Raises Refused."""
    mail = agent_mail.mail
    files = files_of(
        mail,
        _html(words, letter.text),
        lambda one: attachments.piece(connection, agent_mail.inbound_id, one),
        scene.setup,
        found.sign if found is not None else Told(),
    )
    told = found.inbound_ids if found is not None else ()
    addressed = replace(
        letter,
        html=files.html,
        about=_on_item(connection, item, reversed(told)),
        undo=scene.user.by_mail.undo if letter.send_at is None else None,
        importance=mail.importance,
        signature=bool(scene.user.signature or scene.user.signature_html),
    )
    addressed = with_copies(addressed, outsiders((*mail.to, *mail.cc), scene.setup), scene, talk)
    return reply_of(ready(connection, item, scene, addressed, Asked(attach=files.uploads)), files)


def reply_of(found: Ready, files: Files) -> Reply:
    """The letter with the pictures between its words, and a name for each new file."""
    found = replace(found, new=(*files.images, *found.new))
    return Reply(_with_names(found), found, files.left_out)


def with_files(connection: Connection, clock: Clock, decision: Decision, draft_id: str, item: WorkItem, reply: Reply, scene: Scene) -> Decision:
    """The decision with the files of its answer stored; the last step that can refuse is its size. Raises Refused."""
    (draft,) = (one for one in decision.mails if one.id == draft_id)
    require_size(connection, Weight(draft.connector, draft.text, draft.html, draft.files, len(draft.recipients)), scene.setup)
    letter = stored(connection, clock, item, scene, reply.found)
    kept = replace(draft, files=tuple(one for one in letter.files if one.goes_with(draft.html)))
    return replace(decision, mails=tuple(kept if one.id == draft.id else one for one in decision.mails))


def _html(words: AgentText, text: str) -> str:
    """The agent's HTML without the commands in it, where that can be had."""
    return words.html if not words.html or words.text == text else html_saying(words.html, text)


def _on_item(connection: Connection, item: WorkItem, mails: Iterable[str]) -> str:
    """The first of these that is on the item still, '' for none: then the newest mail is answered."""
    return next((one for one in mails if originals.original_of(connection, item.id, one) is not None), "")


def _with_names(found: Ready) -> Letter:
    new = tuple(FileRef(f"new-{n}", one.name, one.content_type, len(one.content), one.inline_id) for n, one in enumerate(found.new))
    return replace(found.letter, files=(*found.letter.files, *new))
