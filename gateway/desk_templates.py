"""The templates of automatic mails as people see them: which there are, their source, and the mail as it would be for a real item; changing them is the desk file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.policy import default
from typing import Any

from sqlalchemy import Connection

from core.mail import Address
from core.outbox import Draft, Purpose, Recipient
from core.plain import PlainTrouble, from_plain
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.senders import answering, nobody
from core.setup import MailTemplate, Setup
from core.told import Asked, draft_for, tell
from core.work_item import WorkItem
from gateway.desk_base import DeskBase, Json
from gateway.store import conversations, setups

PREVIEW = "preview"
"""The id of a mail that is shown and never exists: its Message-ID and reply address prove nothing, for no row has it."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A mail as it would be, and why it would not be sent to this item now, '' if it would."""

    draft: Draft
    ref: str
    because: str = ""


class TemplateDesk(DeskBase):
    """Everybody who works at the desk may look at its templates; items only within sight."""

    def list_templates(self, by: str) -> list[Json]:
        """Every purpose in every language there is a text for: `own` or shipped, its version, its subject, and what is wrong with it."""
        from gateway.outbound.templates import check, listed

        with self._database.read() as connection:
            scene = self._scene(connection, by)
            versions = setups.versions(connection, "mail_template")
        return [
            {
                "purpose": str(one.purpose),
                "language": one.language,
                "own": one.own is not None,
                "version": versions.get(one.own.id) if one.own is not None else None,
                "subject": one.subject.strip(),
                "files": list(one.files),
                "trouble": check(one.own) if one.own is not None else "",
            }
            for one in listed(scene.setup)
        ]

    def show_template(self, purpose: str, by: str, *, language: str = "") -> Json:
        """The source of the template that is taken for a language; '' is that of the desk. Raises NotFound for a purpose that does not exist."""
        from gateway.outbound.templates import chosen

        with self._database.read() as connection:
            setup = self._scene(connection, by).setup
        found = chosen(setup, _purpose(purpose), language or setup.language)
        return {
            "purpose": str(found.purpose),
            "language": found.language,
            "own": found.own is not None,
            "subject": found.subject.strip(),
            "text": found.text,
            "html": found.html,
            "files": list(found.files),
        }

    def preview_template(self, purpose: str, by: str, *, ref: str = "", language: str = "", template: Mapping[str, Any] | None = None) -> Json:
        """The mail as it would be for the item: headers, text, HTML and files. Nothing is written and nothing is sent.

        `template` is one that is not saved yet, with the keys of `[[mail_templates]]`. `because` says why the item would not get it now,
        `missing` which of its files the desk does not have. Raises Refused for a template that could not be saved, NotFound.
        """
        from gateway.outbound.sealing import with_template_files

        wanted = _purpose(purpose)
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            setup = _with(scene.setup, wanted, language, template) if template is not None else scene.setup
            if not ref and wanted != Purpose.ALARM:
                raise Refused("Name an item to show it for: --item REF.")
            item = self._item(connection, ref, scene) if ref else None
            if wanted not in set(Purpose):
                return _line(setup, wanted, language or (item.language if item is not None else ""), item.ref if item is not None else "")
            found = _shown(connection, item, replace(scene, setup=setup), Purpose(wanted))
            draft = replace(found.draft, language=language or found.draft.language)
            _, missing = with_template_files(connection, draft, setup)
            sealed = self._apply.sealed(connection, draft, setup, ref=found.ref)
        mail = message_from_bytes(sealed.bytes, policy=default)
        return {
            "purpose": wanted,
            "headers": [[name, str(value)] for name, value in mail.items() if not name.lower().startswith(("content-t", "mime-"))],
            "subject": sealed.subject,
            "text": sealed.text,
            "html": sealed.html,
            "files": [part.get_filename() or "" for part in mail.iter_attachments()],
            "missing": list(missing),
            "note": sealed.note,
            "because": found.because,
        }


def _purpose(name: str) -> str:
    from gateway.outbound.template_values import PURPOSES

    if name not in PURPOSES:
        raise NotFound(f"There is no template for “{name[:60]}”; there are {', '.join(PURPOSES)}.")
    return name


def _with(setup: Setup, purpose: str, language: str, given: Mapping[str, Any]) -> Setup:
    """The setup as if the template were saved. Raises Refused for one that could not be."""
    from gateway.outbound.templates import check

    try:
        made = from_plain(MailTemplate, {"language": language or setup.language, **given, "purpose": purpose}, "", id="")
    except PlainTrouble as trouble:
        raise Refused(f"The template cannot be used: {trouble.path}: {trouble}.") from None
    fault = check(made)
    if fault:
        raise Refused(f"The template cannot be used: {fault}.")
    return replace(setup, mail_templates=(made, *(one for one in setup.mail_templates if (one.purpose, one.language) != (purpose, made.language))))


def _line(setup: Setup, purpose: str, language: str, ref: str) -> Json:
    """What is no mail of its own, but stands in others."""
    from gateway.outbound.templates import render

    words = render(setup, purpose, language, ref, {})
    return {"purpose": purpose, "headers": [], "subject": "", "text": words.text, "html": words.html, "files": [], "missing": [], "note": words.note, "because": ""}


def _shown(connection: Connection, item: WorkItem | None, scene: Scene, purpose: Purpose) -> _Shown:
    from gateway.outbound.template_values import ALWAYS, OF_ITEM, VALUES

    always = {value.fact: value.sample for value in VALUES if value.fact in ALWAYS.get(purpose, ())}
    if purpose not in OF_ITEM or item is None:
        return _Shown(_to_colleague(item, scene, purpose, always), item.ref if item is not None else "")
    talk = conversations.conversation(connection, item.id)
    asked = Asked(talk, scene.setup, doubt=conversations.doubt(connection, talk.last_mail))
    primary, sender = asked.talk.tagged("primary"), answering(scene.setup, item.connector, item.reply_from)
    if not primary:
        raise Refused(f"{item.ref} has no primary contact whom the mail could go to; name another item.")
    if sender is None:
        raise Refused("No connector of the desk sends mail.")
    because = tell(item, asked, purpose, always, draft_id=PREVIEW, now=scene.now).because
    return _Shown(draft_for(item, asked, purpose, always, primary[0], sender, draft_id=PREVIEW, now=scene.now), item.ref, because)


def _to_colleague(item: WorkItem | None, scene: Scene, purpose: Purpose, always: dict[str, str]) -> Draft:
    """What tells people of the desk about trouble, as whoever looks would get it."""
    sender = nobody(scene.setup)
    if sender is None:
        raise Refused("No connector of the desk sends mail.")
    return Draft(
        id=PREVIEW,
        item_id=item.id if item is not None else "",
        purpose=purpose,
        connector=sender.connector.name,
        from_=sender.named(scene.setup.name),
        recipients=(Recipient(Address(scene.user.email, scene.user.name)),),
        due_at=scene.now,
        language=scene.user.language or scene.setup.language,
        facts={**({"subject": item.title} if item is not None else {}), "agent_name": scene.user.name, **always},
    )
