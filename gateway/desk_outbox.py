"""Deeds on mails in the outbox: undo, hold, release, retry, mark as sent, one or many; changing one is `desk_edits.py`, looking at them `desk_outbox_views.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core.absence import present
from core.decision import Decision, Entry, EntryKind
from core.mail_edits import edit_of
from core.on_result import marked_sent
from core.outbox import OUTBOX, OutboxEvent, OutboxMessage, OutboxState
from core.outbox_acts import TOO_LATE, Edit, acted
from core.outbox_view import Shown
from core.permissions import may_change_mail
from core.refusal import Refused
from core.resolving import mail_taken_back
from core.scene import Scene
from core.settling import Rules
from core.transitions import IllegalTransition
from core.wording import clean_line
from core.work_item import WorkItem
from gateway.desk_base import Json
from gateway.desk_outbox_views import OutboxViewDesk, disabled, who
from gateway.desk_people import about_added
from gateway.store import items, outbox_views, outboxes, sent_copies, sight

_S, _E = OutboxState, OutboxEvent

MOST_AT_ONCE = 10_000
"""Mails that one deed with a filter touches; repeated, it goes on with the rest."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that is done with a mail: its event in the table, and what the item's timeline says of it."""

    event: OutboxEvent
    told: str = ""


DEEDS: Mapping[str, Deed] = {
    "send-now": Deed(_E.SEND_NOW, "to be sent now"),
    "retry": Deed(_E.RETRY, "to be tried again"),
    "cancel": Deed(_E.CANCEL),
    "hold": Deed(_E.HOLD, "held back"),
    "release": Deed(_E.RELEASE, "released"),
    "edit": Deed(_E.EDIT, "changed"),
    "mark-sent": Deed(_E.ACCEPTED, "marked as sent"),
}
"""What can be done, by the names of the commands (A-OB-13…16, A-US-04, C-SC-01, E-27, decisions.md 18)."""

ASKS = frozenset({_E.SEND_NOW, _E.RELEASE, _E.RETRY})
"""Deeds by which a mail leaves: where something overtook it, the person is asked before (decisions.md 16)."""

NOT_YOURS = "Only the author of a mail, the leader of the author's team, whoever has its item, or an administrator may do this."


class OutboxDesk(OutboxViewDesk):
    """Who may touch another's mail is `core.permissions.may_change_mail` (E-33). Every deed stands in the mail's history with its actor."""

    def cancel_mail(self, outbox_id: str, by: str, *, reason: str = "") -> Json:
        """Undo or cancel a mail that has not left; a resolution made by it is taken back if nothing else happened since (decisions.md 15)."""
        return self.do_with_mail("cancel", outbox_id, by, reason=reason)

    def hold_mail(self, outbox_id: str, by: str, *, reason: str = "") -> Json:
        """Keep a mail back until somebody releases it."""
        return self.do_with_mail("hold", outbox_id, by, reason=reason)

    def release_mail(self, outbox_id: str, by: str, *, anyway: bool = False) -> Json:
        """Let a held mail go."""
        return self.do_with_mail("release", outbox_id, by, anyway=anyway)

    def send_mail_now(self, outbox_id: str, by: str, *, anyway: bool = False) -> Json:
        """Send a mail now that waits for an undo, its time or its next try (A-US-04). Overtaken: refused with the warnings unless `anyway`."""
        return self.do_with_mail("send-now", outbox_id, by, anyway=anyway)

    def retry_mail(self, outbox_id: str, by: str, *, anyway: bool = False) -> Json:
        """Try a failed, returned or uncertain mail once more (A-OB-13), also one that waits for its next try or a disabled connector (E-23)."""
        return self.do_with_mail("retry", outbox_id, by, anyway=anyway)

    def mark_mail_sent(self, outbox_id: str, by: str, *, reason: str = "") -> Json:
        """A mail of unknown outcome is known to have arrived; what waited for it goes on (decisions.md 18)."""
        return self.do_with_mail("mark-sent", outbox_id, by, reason=reason)

    def do_with_mail(
        self, deed: str, outbox_id: str, by: str, *, reason: str = "", anyway: bool = False, dry_run: bool = False, changes: Json | None = None
    ) -> Json:
        """A deed of `DEEDS` with one mail, in a transaction of its own; returns the mail as it is now.

        `dry_run` changes nothing and says what would become of it (`would_be`, `due_at`). Raises Refused, NotFound, IllegalTransition.
        """
        wanted = _deed(deed)
        if dry_run:
            with self._database.read() as connection:
                scene = self._scene(connection, by)
                message, item, _, after = self._mail_after(connection, outbox_id, wanted, scene, reason=reason, anyway=anyway, changes=changes)
                return {**outboxes.as_json(after, item.ref if item else ""), "state": str(message.state), "would_be": str(after.state)}

        def act(connection: Connection) -> tuple[OutboxMessage, Json]:
            scene = self._scene(connection, by)
            message, item, edit, _ = self._mail_after(connection, outbox_id, wanted, scene, reason=reason, anyway=anyway, changes=changes, lock=True)
            after = outboxes.act(connection, message.id, wanted.event, scene.now, scene.by, reason=clean_line(reason), edit=edit)
            if wanted.event is _E.ACCEPTED:
                sent_copies.queue_known(connection, message, scene.setup.connector_named.get(message.connector), scene.now)
            noted = about_added(connection, item, scene, message, after) if item is not None and edit is not None else ()
            if item is not None:
                self._tell_item_of_mail(connection, item.id, message, after, wanted, scene)
            shown = outboxes.as_json(after, item.ref if item is not None else "", warned=outboxes.warnings_on(connection, after))
            return after, {**shown, "warnings": [*shown["warnings"], *noted]}

        after, shown = self._durably(act)
        if after.state in (_S.QUEUED, _S.PENDING_RETRY) and after.due_at <= self._clock.now():
            self._wake_outbox()
        return shown

    def do_with_mails(
        self, deed: str, by: str, *, ids: Sequence[str] = (), reason: str = "", anyway: bool = False, dry_run: bool = False, **filters: Any
    ) -> Iterator[Json]:
        """The deed with each of these mails, or with those of a view by filters (`view`, `states`, `connector`, `ref`, …), each in a transaction
        of its own (A-OB-16); a refusal of one is its result (`done`, `because`) and does not keep the others from being done.

        Filters without states choose the mails with which the deed is possible at all, at most `MOST_AT_ONCE`. Mails that leave by it do so
        as fast as the rate of their connector allows. Raises Refused for an unknown deed or filter before anything is done.
        """
        wanted = _deed(deed)
        chosen = tuple(dict.fromkeys(ids)) or self._mails_chosen(by, wanted, filters)
        return self._with_each(deed, chosen, by, reason=reason, anyway=anyway, dry_run=dry_run)

    # ------------------------------------------------------------ how

    def _possible_deeds(self, message: OutboxMessage, item: WorkItem | None, scene: Scene) -> list[str]:
        if not may_change_mail(scene.user, message.author, item, scene.setup):
            return []
        off = disabled(scene.setup)
        return [name for name, deed in DEEDS.items() if _is_possible(message, deed.event, scene, off)]

    def _mails_chosen(self, by: str, deed: Deed, filters: Json) -> tuple[str, ...]:
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            wanted = self._wanted_mails(connection, scene, **{**filters, "states": filters.get("states") or _possible(deed.event)})
            seen = sight.visible_outbox(self._sight(scene))
            return tuple(outbox_views.ids_of(connection, wanted, who(scene), seen, MOST_AT_ONCE))

    def _with_each(self, deed: str, ids: Sequence[str], by: str, **more: Any) -> Iterator[Json]:
        for one in ids:
            try:
                done = self.do_with_mail(deed, one, by, **more)
                yield {**done, "done": not more["dry_run"]}
            except (Refused, IllegalTransition) as refused:
                yield {"id": one, "done": False, "because": str(refused)}

    def _mail_after(
        self, connection: Connection, outbox_id: str, deed: Deed, scene: Scene, *, reason: str, anyway: bool, changes: Json | None, lock: bool = False
    ) -> tuple[OutboxMessage, WorkItem | None, Edit | None, OutboxMessage]:
        """The mail, its item, the change and the mail as it would be. Raises what the person is told."""
        message, item = self._seen_message(connection, outbox_id, scene, lock=lock)
        if not may_change_mail(scene.user, message.author, item, scene.setup):
            raise Refused(NOT_YOURS)
        _require_possible(message, deed.event, disabled(scene.setup))
        warned = outboxes.warnings_on(connection, message).sentences if deed.event in ASKS and not anyway else ()
        edit = edit_of(message, item, scene, **(changes or {})) if deed.event is _E.EDIT else None
        after = acted(message, deed.event, scene.now, scene.by, reason=clean_line(reason), edit=edit)
        if warned:
            raise Refused(f"The mail stays as it is: {' '.join(warned)} If it is to leave all the same, say so (--anyway).")
        return message, item, edit, after

    def _tell_item_of_mail(self, connection: Connection, item_id: str, was: OutboxMessage, message: OutboxMessage, deed: Deed, scene: Scene) -> None:
        """What a deed on a mail means for its item: the outbox row is locked first, then the item, as a delivery does it."""
        item = items.load(connection, (item_id,), lock=True)[item_id]
        if deed.event is _E.CANCEL:
            decision = mail_taken_back(item, message.id, by=scene.by, now=scene.now, people=present(scene.setup, scene.now, acting=scene.by))
        else:
            facts: dict[str, object] = {"event": str(deed.event), "state": str(message.state), "due_at": message.due_at.isoformat()}
            facts |= {"scheduled_for": message.due_at.isoformat()} if deed.event is _E.EDIT and message.due_at != was.due_at else {}
            line = Entry(item_id, scene.now, EntryKind.DELIVERY, by=scene.by, text=f"Mail: {deed.told}.", facts=facts, outbox_id=message.id)
            decision = Decision(entries=(line,), participants=_newly_tied(was, message, scene))
            if deed.event is _E.ACCEPTED:
                decision += marked_sent(message, Rules(people=present(scene.setup, scene.now, acting=scene.by), feedback_window=scene.window(item)), item, scene.now)
        self._apply(connection, decision, scene.setup, scene.now)


def _deed(name: str) -> Deed:
    if name not in DEEDS:
        raise Refused(f"Nothing called “{clean_line(name, 40)}” is done with mails; there are {', '.join(DEEDS)}.")
    return DEEDS[name]


def _possible(event: OutboxEvent) -> tuple[str, ...]:
    """The states, as they are named in filters, in which the table knows this deed."""
    states = tuple(state for state, row in OUTBOX.items() if event in row and state is not _S.SENDING)
    if event is not _E.RETRY:
        return tuple(state.value for state in states)
    return (*(state.value for state in states if state is not _S.QUEUED), Shown.CONNECTOR_DISABLED.value)


def _require_possible(message: OutboxMessage, event: OutboxEvent, off: frozenset[str]) -> None:
    """What the table allows to others but not to a person: an attempt is marked as sent by its answer, and what was never tried is not retried."""
    if event is _E.ACCEPTED and message.state is not _S.UNKNOWN:
        raise IllegalTransition(f"Only a mail whose outcome is not known is marked as sent. {TOO_LATE[message.state]}", state=message.state, event=event)
    if event is _E.RETRY and message.state is _S.QUEUED and message.connector not in off:
        raise IllegalTransition(TOO_LATE[message.state], state=message.state, event=event)


def _is_possible(message: OutboxMessage, event: OutboxEvent, scene: Scene, off: frozenset[str]) -> bool:
    try:
        _require_possible(message, event, off)
        acted(message, event, scene.now, scene.by)
    except IllegalTransition:
        return False
    return True


def _newly_tied(was: OutboxMessage, message: OutboxMessage, scene: Scene) -> tuple[tuple[str, str], ...]:
    """Whoever an edit adds to To or Cc takes part in the item, never one of us (decisions.md, participant)."""
    before = {one.address.key for one in was.recipients}
    added = (one.address for one in message.recipients if one.role in ("to", "cc") and one.address.key not in before)
    return tuple((message.item_id or "", one.key) for one in added if not scene.setup.is_ours(one.address))
