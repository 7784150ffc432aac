"""What a person changes in a mail that has not been tried (E-27), checked as if it were written anew; making the change is `core/outbox_acts.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.outbox import FileRef, OutboxMessage, Recipient
from core.outbox_acts import Edit
from core.recipients import MOST_RECIPIENTS, parse_address
from core.refusal import Refused
from core.scene import Scene
from core.test_mode import why_not_written
from core.wording import LINE, TEXT, clean_line, clean_text
from core.work_item import WorkItem
from core.writing import WHOLE_HTML, scheduled_for

ROLES = ("to", "cc", "bcc")
PARTS = ("subject", "text", "html", "send_at", *ROLES, "files")
"""What of a mail a person may change, as `edit_of` takes it."""


def edit_of(
    message: OutboxMessage,
    item: WorkItem | None,
    scene: Scene,
    *,
    subject: str | None = None,
    text: str | None = None,
    html: str | None = None,
    send_at: datetime | None = None,
    to: Sequence[str] | None = None,
    cc: Sequence[str] | None = None,
    bcc: Sequence[str] | None = None,
    files: tuple[FileRef, ...] | None = None,
) -> Edit:
    """The change; None leaves a part as it was. `send_at` is aware, `files` all that it carries then.

    Raises Refused for a mail that would have no text or nobody to go to, a past time, what is no address, and strangers on a test item (E-47).
    """
    edit = Edit(
        subject=clean_line(subject, LINE) if subject is not None else None,
        text=clean_text(text, TEXT) if text is not None else None,
        html=clean_text(html, WHOLE_HTML) if html is not None else None,
        recipients=_recipients(message, item, scene, {"to": to, "cc": cc, "bcc": bcc}),
        due_at=scheduled_for(send_at, scene.now) if send_at is not None else None,
        files=files,
    )
    if not message.system_generated and not any(_after(message, edit, part) for part in ("text", "html")):
        raise Refused("The mail would have no text; nothing was changed.")
    return edit


def _recipients(message: OutboxMessage, item: WorkItem | None, scene: Scene, given: dict[str, Sequence[str] | None]) -> tuple[Recipient, ...] | None:
    if all(some is None for some in given.values()):
        return None
    found: dict[str, Recipient] = {}
    for role in ROLES:
        typed = given[role]
        some = [one for one in message.recipients if one.role == role] if typed is None else [Recipient(parse_address(one), role) for one in typed]
        for one in some:
            found.setdefault(one.address.key, one)
    if not found:
        raise Refused("The mail would go to nobody; nothing was changed. To stop it, cancel it.")
    if len(found) > MOST_RECIPIENTS:
        raise Refused(f"A mail may have at most {MOST_RECIPIENTS} recipients; this one would have {len(found)}. Nothing was changed.")
    refused = why_not_written(item.ref, scene.setup, (one.address for one in found.values())) if item is not None and item.test else ""
    if refused:
        raise Refused(refused)
    return tuple(found.values())


def _after(message: OutboxMessage, edit: Edit, part: str) -> object:
    changed = getattr(edit, part)
    return message.content.get(part) if changed is None else changed
