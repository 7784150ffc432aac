"""Drafts of mails: what one holds, who has it open, and for how long it is kept (C-DR-01); keeping them is `gateway/store/mail_drafts.py`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.mail import Importance, address_key
from core.original import LetterKind
from core.outbox import FileRef
from core.permissions import team_of
from core.refusal import Refused
from core.scene import Scene
from core.setup import Role

OPEN_FOR = timedelta(minutes=10)
"""How long whoever opened or saved a draft has it for themselves."""
KEPT = timedelta(days=90)
"""After the last change (C-DR-01)."""
MOST_DRAFTS = 50
"""On one item."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a draft: a letter as far as it is written. Addresses as typed; `send_at` an aware moment as ISO 8601 text."""

    kind: str = LetterKind.ANSWER.value
    about: str = ""
    quote: bool = False
    as_attachment: bool = False
    from_: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    importance: str = Importance.NORMAL.value
    send_at: str = ""
    resolve: bool = False
    method: str = ""
    cancel_if_answered: bool = False
    signature: bool = False
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True, slots=True)
class MailDraft:
    """A mail that somebody has begun. `editor` has it open until `editor_until`; moments are aware UTC, people address keys."""

    id: str
    item_id: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    version: int = 1
    editor: str = ""
    editor_until: datetime | None = None
    content: Content = field(default_factory=Content)


def begun(draft_id: str, item_id: str, content: Content, scene: Scene) -> MailDraft:
    """A new draft, open for whoever began it."""
    until = scene.now + OPEN_FOR
    return MailDraft(draft_id, item_id, scene.now, scene.by, scene.now, scene.by, editor=scene.by, editor_until=until, content=content)


def saved(draft: MailDraft, content: Content, scene: Scene, *, version: int | None = None) -> MailDraft:
    """The draft with what was written now; its author has it for ten minutes more. `version`: the one they began from; None: not asked.

    Raises Refused if somebody else has it open, or it was changed since.
    """
    require_free(draft, scene)
    if version is not None and version != draft.version:
        raise Refused(f"The draft was changed by {draft.updated_by} since you opened it. Open it again; what you wrote is not saved yet.")
    return replace(_held(draft, scene), content=content, updated_at=scene.now, updated_by=scene.by)


def opened(draft: MailDraft, scene: Scene, *, take_over: bool = False) -> MailDraft:
    """The draft, open for this person for ten minutes. `take_over`: also where another has it open, which leaders of theirs and administrators may."""
    if take_over and other_editor(draft, scene) and not _may_take_over(draft, scene):
        raise Refused(f"{_has_it(draft, scene)} Only the leader of their team or an administrator can take it over.")
    if not take_over:
        require_free(draft, scene)
    return _held(draft, scene)


def closed(draft: MailDraft, scene: Scene) -> MailDraft:
    """The draft, given free by whoever has it open; another's place stays."""
    return draft if other_editor(draft, scene) else replace(draft, editor="", editor_until=None)


def require_free(draft: MailDraft, scene: Scene) -> None:
    """Raises Refused naming who has the draft open, and until when."""
    if other_editor(draft, scene):
        raise Refused(_has_it(draft, scene))


def other_editor(draft: MailDraft, scene: Scene) -> str:
    """Who else has the draft open now; '' for nobody."""
    theirs = draft.editor and draft.editor != scene.by and draft.editor_until is not None and scene.now < draft.editor_until
    return draft.editor if theirs else ""


def to_json(content: Content) -> dict[str, Any]:
    """As it is stored."""
    return {name: value for name, value in asdict(content).items() if value != _EMPTY[name]}


def from_json(stored: dict[str, Any]) -> Content:
    """As it was stored, by this version or another."""
    given: dict[str, Any] = {name: tuple(value) if name in _LISTS else value for name, value in stored.items() if name in _EMPTY}
    return Content(**{**given, "files": tuple(FileRef(**one) for one in stored.get("files", ()))})


def _held(draft: MailDraft, scene: Scene) -> MailDraft:
    return replace(draft, version=draft.version + 1, editor=scene.by, editor_until=scene.now + OPEN_FOR)


def _may_take_over(draft: MailDraft, scene: Scene) -> bool:
    team = {address_key(one.email) for one in team_of(scene.user, scene.setup)}
    return scene.user.role is Role.ADMIN or draft.editor in team


def _has_it(draft: MailDraft, scene: Scene) -> str:
    zone = ZoneInfo(scene.user.timezone or scene.setup.timezone or "UTC")
    until = f"{draft.editor_until.astimezone(zone):%H:%M %Z}" if draft.editor_until is not None else "now"
    return f"{draft.editor} has this draft open until {until}, or longer if they save it."


_LISTS = frozenset({"to", "cc", "bcc"})
_EMPTY: dict[str, Any] = {one.name: getattr(Content(), one.name) for one in fields(Content)}
