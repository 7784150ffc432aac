"""What people do, for pages, API, command line and mail alike: read the facts, ask the core, apply the answer, in one durable transaction.

Every method is told who acts (`by`, the e-mail address of an active user) and answers with JSON as the contract names it. What is not
within the person's sight does not exist for them (decisions.md 21). Refused, NotFound and IllegalTransition carry a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.absence import warning
from core.deeds import ask_of
from core.mail import address_key
from core.new_item import NewItem, make_item, process_for
from core.on_person import act
from core.wording import clean_line
from gateway.desk_agent_mails import AgentMailDesk
from gateway.desk_base import Json
from gateway.desk_connectors import ConnectorDesk
from gateway.desk_drafts import DraftDesk
from gateway.desk_edits import EditDesk
from gateway.desk_files import FileDesk
from gateway.desk_inbound import InboundDesk
from gateway.desk_item_files import ItemFileDesk
from gateway.desk_preferences import PreferenceDesk
from gateway.desk_suppressed import SuppressedDesk
from gateway.desk_templates import TemplateDesk
from gateway.desk_words import WordsDesk
from gateway.store import conversations, items, views


class Desk(DraftDesk, ItemFileDesk, EditDesk, InboundDesk, FileDesk, SuppressedDesk, ConnectorDesk, TemplateDesk, WordsDesk, PreferenceDesk, AgentMailDesk):
    """Everything the people of one installation can do: items here; letters in `desk_mail.py`, outbox in `desk_outbox.py`, what came in in `desk_inbound.py`."""

    def new_item(
        self, by: str, *, process: str, title: str = "", description: str = "", category: str = "", contacts: Sequence[str] = (), submit: bool = False
    ) -> Json:
        """A new ticket or case as a draft, or submitted at once (A-TK-01, A-CS-02). Returns it as `show` does."""
        new = NewItem(process, title, description, category, tuple(contacts), submit)

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            process_for(process, scene)  # before a number is taken
            (number,) = items.take_numbers(connection, 1)
            decision = make_item(new, scene, item_id=self._clock.new_id(), number=number)
            return self._applied(connection, decision, scene)

        return self._durably(deed)

    def do(self, ref: str, verb: str, by: str, *, session_since: datetime | None = None, **arguments: Any) -> Json:
        """A verb of `core.deeds.VERBS` with its arguments (`method`, `note`, `until` aware, `days`, `close_if_no_answer`, `wait_type`, `to`, …).

        `session_since` is when the person logged in, aware; what was said before is no resolution (E-31). Returns the item as `show` does,
        with `warnings` where there is something to know (it was given to somebody who is away).
        """
        ask = ask_of(arguments)

        def deed(connection: Connection) -> Json:
            scene = replace(self._scene(connection, by), session_since=session_since)
            item = self._item(connection, ref, scene, lock=True)
            decision = act(item, verb, ask, scene, conversations.conversation(connection, item.id))
            said = warning(scene.setup, address_key(ask.to), scene.now) if ask.to else ""
            return {**self._applied(connection, decision, scene), **({"warnings": [said]} if said else {})}

        return self._durably(deed)

    def note(self, ref: str, by: str, text: str) -> Json:
        """A note on an item."""
        return self.do(ref, "note", by, note=text)

    def show(self, ref: str, by: str) -> Json:
        """An item with its timeline, newest first, and what may be done to its status now (A-ST-21)."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return self._shown(connection, self._item(connection, ref, scene), scene)

    def list_items(
        self, by: str, *, status: str | Sequence[str] = (), queue: str = "", assignee: str = "", text: str = "", limit: int = views.MOST_ITEMS
    ) -> list[Json]:
        """The items within sight that fit every filter, the last changed first."""
        statuses = (status,) if isinstance(status, str) and status else tuple(status)
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return views.list_items(
                connection,
                scene.setup,
                self._sight(scene),
                status=statuses,
                queue=clean_line(queue),
                assignee=address_key(clean_line(assignee)) if assignee else "",
                text=clean_line(text),
                limit=limit,
            )
