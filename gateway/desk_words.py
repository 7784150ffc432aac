"""Words that people keep for their mails: canned texts of the desk, and their own signature; putting them into a mail is `core/writing.py` and `desk_letters.py`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection

from core import automatic, canned
from core.mail import Address, address_key
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.setup import CannedText, Role, User
from core.signature import LONGEST_HTML, LONGEST_TEXT, warning
from core.wording import clean_line, clean_text
from core.work_item import WorkItem
from gateway.desk_base import DeskBase, Json
from gateway.store import conversations, preferences

RECENT = "canned_recent"
"""The preference that holds the titles somebody used last."""
MOST_LISTED = 1_000


class WordsDesk(DeskBase):
    """Canned texts are for everybody at the desk; a signature belongs to its owner and to administrators."""

    def list_canned(self, by: str, *, ref: str = "", language: str = "", search: str = "", service: str = "") -> list[Json]:
        """The canned texts for an item, or for a service line, best first; without both all of them (C-CO-07)."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            item = self._item(connection, ref, scene) if ref else None
            wish = _wish(connection, scene, item, language=language, search=search, service=service)
        return [
            {"title": one.title, "language": one.language, "service": one.service, "files": list(one.files), "recent": one.title in wish.recent, "text": one.text}
            for one in canned.offered(scene.setup.canned_texts, wish)[:MOST_LISTED]
        ]

    def canned_for(self, ref: str, title: str, by: str, *, language: str = "") -> Json:
        """A canned text with the item's values: `text`, `html`, `files` of the desk that go with it (id, name, …), `missing` names of files that are not there.

        Raises NotFound for a title that is not offered for the item, Refused for a text that cannot be filled in.
        """
        from gateway.outbound.sealing import from_shelf
        from gateway.outbound.template_language import TemplateTrouble

        with self._database.read() as connection:
            scene = self._scene(connection, by)
            item = self._item(connection, ref, scene)
            found = canned.named(scene.setup.canned_texts, title, _wish(connection, scene, item, language=language))
            if found is None:
                raise NotFound(f"There is no canned text “{clean_line(title, 200)}” for {item.ref}; `guichet canned list --item {item.ref}` shows those there are.")
            files, missing = from_shelf(connection, found.files)
            try:
                text, html = _filled(connection, found, item, scene)
            except TemplateTrouble as trouble:
                raise Refused(f"The canned text “{found.title}” cannot be filled in: {trouble}. An administrator mends it in the desk file.") from None
        return {"title": found.title, "language": found.language, "text": text, "html": html, "files": [asdict(one) for one in files], "missing": list(missing)}

    def note_canned(self, title: str, by: str) -> None:
        """Remember that a person used a canned text, so that it is offered to them first."""
        with self._database.lazy() as connection:
            scene = self._scene(connection, by)
            preferences.put(connection, scene.by, RECENT, {"titles": list(canned.used(_recent(connection, scene), clean_line(title, 200)))}, scene.now)

    def signature(self, email: str, by: str) -> Json:
        """A person's signature: `text`, `html`, `warnings`. Raises Refused for somebody else's, unless an administrator asks."""
        with self._database.read() as connection:
            return _shown(_owner(self._scene(connection, by), email))

    def set_signature(self, email: str, by: str, *, text: str | None = None, html: str | None = None) -> Json:
        """Keep a signature; None leaves that part as it is, '' takes it away. HTML is made safe; its `data:` images stay with it.

        Raises Refused for somebody else's, unless an administrator asks, and for one that is too long or cannot be made safe.
        """
        if text is not None and len(text) > LONGEST_TEXT:
            raise Refused(f"The signature has {len(text)} characters; {LONGEST_TEXT} are possible. It was left as it was.")
        safe = safe_signature(html) if html else html

        def deed(connection: Connection) -> Json:
            self._setups.locked(connection)
            scene = self._scene(connection, by)
            was = _owner(scene, email)
            kept_text = was.signature if text is None else clean_text(text, LONGEST_TEXT)
            becomes = replace(was, signature=kept_text, signature_html=was.signature_html if safe is None else safe)
            users = tuple(becomes if one is was else one for one in scene.setup.users)
            self._setups.save(connection, replace(scene.setup, users=users), scene.by, scene.now)
            return _shown(becomes)

        return self._durably(deed)


def safe_signature(html: str) -> str:
    """HTML of a signature without what could do harm, its images in it as `data:`. Raises Refused."""
    from base64 import b64encode

    from gateway.desk_html import written

    safe, images = written(html, most=LONGEST_HTML)
    for one in images:
        safe = safe.replace(f"cid:{one.inline_id}", f"data:{one.content_type};base64,{b64encode(one.content).decode('ascii')}")
    if len(safe) > LONGEST_HTML:
        raise Refused(f"The signature has {len(safe)} characters with its images; {LONGEST_HTML} are possible. It was left as it was.")
    return safe


def _owner(scene: Scene, email: str) -> User:
    """Whose signature it is. Raises Refused, NotFound."""
    key = address_key(clean_line(email, 320))
    if key != scene.by and scene.user.role is not Role.ADMIN:
        raise Refused("A signature belongs to its owner; only an administrator may look at another's or change it.")
    owner = scene.setup.user_of.get(key)
    if owner is None:
        raise NotFound(f"There is no active user “{clean_line(email, 320)}”.")
    return owner


def _shown(user: User) -> Json:
    said = warning(user.signature, user.signature_html)
    return {"email": user.email, "text": user.signature, "html": user.signature_html, "warnings": [f"{said}."] if said else []}


def _wish(connection: Connection, scene: Scene, item: WorkItem | None, *, language: str = "", search: str = "", service: str = "") -> canned.Wish:
    process = scene.setup.process_by_id.get(item.process_id) if item is not None else None
    return canned.Wish(
        service=clean_line(service, 200) or (process.service if process is not None else ""),
        languages=(language, scene.user.language, scene.setup.language),
        search=clean_line(search, 200),
        recent=_recent(connection, scene),
    )


def _recent(connection: Connection, scene: Scene) -> tuple[str, ...]:
    kept: Any = preferences.get(connection, scene.by, RECENT).get("titles", ())
    return tuple(str(one) for one in kept) if isinstance(kept, list) else ()


def _filled(connection: Connection, text: CannedText, item: WorkItem, scene: Scene) -> tuple[str, str]:
    """Text and HTML with the values of the item, its contact and whoever writes. Raises TemplateTrouble."""
    from gateway.outbound.template_language import fill
    from gateway.outbound.template_values import values_for

    talk = conversations.conversation(connection, item.id)
    contact = next(iter(talk.tagged("primary", "requester")), Address(""))
    subject = talk.last_mail.subject if talk.last_mail is not None else item.title
    facts = {**automatic.shown(item, scene.setup, contact), "agent_name": scene.user.name, "subject": subject[: automatic.SHOWN]}
    values = values_for(scene.setup, text.language or item.language or scene.setup.language, item.ref, facts)
    return fill(text.text, values), fill(text.html, values, html=True) if text.html else ""
