"""Files that came in, handed out to people: what each is, why one is kept back, and its bytes; the rules are `gateway/inbound/judging.py`."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from core.mail import Attachment
from core.refusal import NotFound, Refused
from core.setup import Role
from gateway.desk_base import Json
from gateway.desk_waiting import WaitingDesk
from gateway.inbound.attachments import Contents
from gateway.inbound.judging import VIRUS, judged
from gateway.inbound.remote import loading
from gateway.inbound.stored_html import shown
from gateway.store import attachments


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A file as it is given away. The name is safe for any file system, the bytes are what the sender sent."""

    name: str
    content_type: str
    content: bytes


class FileDesk(WaitingDesk):
    """Attachments of inbound messages. Nothing is changed by looking at one."""

    def list_attachments(self, inbound_id: str, by: str) -> list[Json]:
        """Number, name, type, size and danger of each, by the list of allowed types as it is now."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            named = self._seen_inbound(connection, inbound_id, scene)
            contents = contents_of(connection, named)
            found = judged(contents, attachments.listed(connection, named), scene.setup.attachment_types)
        return [_json(number, one) for number, one in enumerate(found, 1)]

    def attachment(self, inbound_id: str, number: int, by: str, *, anyway: bool = False) -> HandedOut:
        """One file. Raises NotFound, and Refused for a dangerous one unless `anyway`; one with a virus is given to administrators only."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            named = self._seen_inbound(connection, inbound_id, scene)
            one = numbered(connection, named, number)
            contents = contents_of(connection, named)
            content = contents.of(one)
            require_unchanged(one, connection, named, content)
            safe = judged(contents, (one,), scene.setup.attachment_types)[0]
        require_safe(safe, anyway=anyway, administrator=scene.user.role is Role.ADMIN)
        return HandedOut(one.name, one.content_type, content)

    def html(self, inbound_id: str, by: str, *, remote: bool = False) -> str:
        """The sanitised HTML, '' where the mail has none; with `remote` its remote images would load where it is shown."""
        with self._database.read() as connection:
            found = shown(connection, self._seen_inbound(connection, inbound_id, self._scene(connection, by)))
        html = found.html if found is not None else ""
        return loading(html) if remote else html


def contents_of(connection: Connection, inbound_id: str) -> Contents:
    """Pieces of the raw mail as they are needed: most attachments are judged by their name alone."""
    return Contents(lambda one: attachments.piece(connection, inbound_id, one))


def numbered(connection: Connection, inbound_id: str, number: int) -> Attachment:
    """The attachment that people call so. Raises NotFound."""
    found = attachments.listed(connection, inbound_id)
    if not 1 <= number <= len(found):
        raise NotFound(f"The message {inbound_id} has {len(found)} attachments; there is no number {number}.")
    return found[number - 1]


def require_unchanged(one: Attachment, connection: Connection, inbound_id: str, content: bytes) -> None:
    """A mail whose content was replaced since it was read has other bytes at this place."""
    there = content if one.within else attachments.piece(connection, inbound_id, one)
    if one.sha256 not in (sha256(there).hexdigest(), sha256(there.replace(b"\r", b"\n")).hexdigest()):  # lines of the mail may end in a lone CR
        raise Refused("The mail was changed since it was read; replay it, then its attachments can be opened.")


def require_safe(one: Attachment, *, anyway: bool, administrator: bool) -> None:
    """Raises Refused for a dangerous file unless `anyway`, and for one with a virus unless an administrator asks."""
    if not one.danger:
        return
    if one.danger.startswith(VIRUS) and not administrator:
        raise Refused(f"“{one.name}” is not handed out ({one.danger}). Only an administrator can take it out, with --anyway.")
    if not anyway:
        raise Refused(f"“{one.name}” is not handed out: {one.danger} If you know the sender and expected the file, ask for it with --anyway.")


def _json(number: int, one: Attachment) -> dict[str, Any]:
    return {
        "number": number,
        "name": one.name,
        "content_type": one.content_type,
        "sniffed": one.sniffed,
        "size": one.size,
        "inline": one.inline,
        "within": one.within,
        "danger": one.danger,
    }
