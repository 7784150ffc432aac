"""What became of inbound messages: settled with their verdicts, text and trace; claims are `inbound_claims.py`, what was taken in `intake_keys.py`.

Lists and details are `inbound_list.py`, what people decide `inbound_waiting.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from core.mail import Address, Attachment, Forwarded, Invitation, Mail, Report
from core.plain import from_plain, to_plain
from core.verdict import InboundState, TraceStep, Verdict, most_urgent
from gateway.store import prints
from gateway.store.inbound_claims import MINE, Claimed, mine, record
from gateway.store.intake_keys import write_keys
from gateway.store.schema import inbound, inbound_body, inbound_verdict, item, raw_mail

MOST_ADDRESSES = 1_000
MOST_REPORTED = 100
_ATTACHMENT = tuple(one.name for one in fields(Attachment))
MOST_OPENED = 64
"""How far behind the last verdict an item that was opened and undone is looked for."""
SHORT, LONG = 998, 1_000
"""Bounds of the id and address columns."""

_SETTLED_COLUMNS = ("state", "reason", "message_id", "from_address", "from_name", "subject", "sent_at", "classification", "settled_at", "trace")
_SETTLE = (
    update(inbound)
    .where(*MINE)
    .values({name: bindparam(f"new_{name}", type_=inbound.c[name].type) for name in _SETTLED_COLUMNS})
    .values(lease_until=None, lease_by=None)
)
_NO_VERDICT = {
    "recipient": "",
    "connector": "",
    "action": "hold",
    "state": "quarantined",
    "process_id": None,
    "evidence": "none",
    "decided_by": "",
    "decided_at": None,
}
_BODY = insert(inbound_body)
_BODY = _BODY.on_conflict_do_update(
    index_elements=[inbound_body.c.inbound_id],
    set_={name: _BODY.excluded[name] for name in ("new_text", "quoted_text", "html", "attachments", "people", "defects", "more")},
)
_VERDICTS = inbound_verdict.insert()
_STANDING = select(inbound_verdict.c.n, inbound_verdict.c.state).where(inbound_verdict.c.inbound_id == bindparam("its_id"))
_OPENED = select(item.c.id).where(item.c.id.in_(bindparam("ids", expanding=True)))
_ARCHIVE = select(inbound.c.archive).where(inbound.c.id == bindparam("its_id"))
_RAWS = select(raw_mail).where(raw_mail.c.id.in_(bindparam("ids", expanding=True)))


class LostLease(Exception):
    """Somebody else has the message now: what was worked out for it is thrown away."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Verdicts of an earlier run that stand: their states, and the number of the next verdict."""

    states: tuple[InboundState, ...] = ()
    next: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is written of a mail that was read and decided. `keys` are the (connector, recipient key) it was taken in for."""

    mail: Mail
    verdicts: tuple[Verdict, ...]
    trace: tuple[TraceStep, ...]
    classification: str
    keys: tuple[tuple[str, str], ...] = ()
    standing: Standing = field(default_factory=Standing)
    prints: tuple[str, ...] = ()
    """By which it is known if it is sent again, for mail that surely is by one of our people."""

    @property
    def state(self) -> InboundState:
        return most_urgent((*self.standing.states, *(verdict.state for verdict in self.verdicts)))

    @property
    def reason(self) -> str:
        return next((verdict.because for verdict in self.verdicts if verdict.state is self.state), "")


def standing(connection: Connection, inbound_id: str) -> Standing:
    """What an earlier run left."""
    rows = connection.execute(_STANDING, {"its_id": inbound_id}).all()
    next_number = 1 + max((row.n for row in rows), default=-1)
    return Standing(tuple(InboundState(row.state) for row in rows), unused(connection, inbound_id, next_number))


def unused(connection: Connection, inbound_id: str, first: int) -> int:
    """The number of the next item the message opens, from `first` on: one that it opened before keeps its id, also where that was undone."""
    numbers = range(first, first + MOST_OPENED)
    rows = connection.execute(_OPENED, {"ids": [f"{inbound_id}.{n}" for n in numbers]})
    return 1 + max((int(row.id.rpartition(".")[2]) for row in rows), default=first - 1)


def raw(connection: Connection, inbound_id: str) -> bytes:
    """The raw mail. Raises LookupError if it is not there."""
    found = raws(connection, (inbound_id,)).get(inbound_id)
    if found is None:
        raise LookupError(f"The raw mail of {inbound_id} is not stored.")
    return found


def raws(connection: Connection, ids: Collection[str]) -> dict[str, bytes]:
    """The raw mails of these messages, those that are there."""
    return {row.id: bytes(row.bytes) for row in connection.execute(_RAWS, {"ids": list(ids)})} if ids else {}


def is_archive(connection: Connection, inbound_id: str) -> bool:
    """Whether the message came in as history; False if there is none."""
    return bool(connection.execute(_ARCHIVE, {"its_id": inbound_id}).scalar())


# ---------------------------------------------------------------- settlement


def settle(connection: Connection, claimed: Claimed, settled: Settlement, now: datetime) -> None:
    """Write what became of a mail: state, text, verdicts, trace, and that it was taken in.

    Raises LostLease if the message is no longer ours, TakenMeanwhile if the same mail was taken in at the same time.
    """
    mail, author = settled.mail, settled.mail.author or Address("")
    state = settled.state
    done = connection.execute(
        _SETTLE,
        {
            **mine(claimed),
            "new_state": state.value,
            "new_reason": settled.reason[:2000],
            "new_message_id": mail.message_id[:SHORT],
            "new_from_address": author.address[:LONG],
            "new_from_name": author.name[:LONG],
            "new_subject": mail.subject,
            "new_sent_at": mail.date,
            "new_classification": settled.classification,
            "new_settled_at": now,
            "new_trace": [[step.step, step.check, step.outcome, step.because] for step in settled.trace],
        },
    )
    if done.rowcount != 1:
        raise LostLease(claimed.id)
    write_keys(connection, claimed.id, mail, settled.keys, now)
    prints.add(connection, claimed.id, settled.prints, now)
    connection.execute(_BODY, _body_row(claimed.id, mail))
    write_verdicts(connection, claimed.id, settled.verdicts, settled.standing.next)
    record(connection, claimed.id, now, InboundState.WORKING, state, reason=settled.reason)


def write_verdicts(connection: Connection, inbound_id: str, verdicts: Sequence[Verdict], first: int = 0) -> None:
    """One row for each verdict, numbered from `first`."""
    rows = [
        {
            "inbound_id": inbound_id,
            "n": first + n,
            "recipient": verdict.recipient[:LONG],
            "connector": verdict.connector,
            "action": verdict.action.value,
            "state": verdict.state.value,
            "item_id": verdict.item_id or None,
            "process_id": verdict.process_id or None,
            "evidence": verdict.evidence.value,
            "because": verdict.because,
            "decided_by": "",
            "decided_at": None,
        }
        for n, verdict in enumerate(verdicts)
    ]
    if rows:
        connection.execute(_VERDICTS, rows)


def write_pointers(connection: Connection, inbound_id: str, item_ids: Iterable[str], because: str) -> None:
    """The items whose clocks stand still because of a quarantined message, as verdicts that are yet to be made."""
    first = standing(connection, inbound_id).next
    rows = [{**_NO_VERDICT, "inbound_id": inbound_id, "n": n, "item_id": item_id, "because": because} for n, item_id in enumerate(item_ids, first)]
    if rows:
        connection.execute(_VERDICTS, rows)


def _body_row(inbound_id: str, mail: Mail) -> Mapping[str, Any]:
    people = {"from": mail.from_, "reply_to": mail.reply_to, "to": mail.to, "cc": mail.cc}
    return {
        "inbound_id": inbound_id,
        "new_text": mail.new_text,
        "quoted_text": mail.quoted_text,
        "html": mail.html,
        "attachments": [{name: getattr(attachment, name) for name in _ATTACHMENT} for attachment in mail.attachments],
        "people": {role: [[one.name, one.address] for one in listed[:MOST_ADDRESSES]] for role, listed in people.items()},
        "defects": list(mail.defects),
        "more": more_of(mail),
    }


def more_of(mail: Mail) -> dict[str, Any]:
    """What only few mails have, as JSON: a forwarded mail, an invitation, signed or encrypted parts, remote images, what a report says.

    Never null: that says that the row is older than this, and its HTML not yet sanitised.
    """
    said: dict[str, Any] = {
        "forwarded": to_plain(mail.forwarded, full=False) if mail.forwarded is not None else None,
        "invitation": to_plain(mail.invitation, full=False) if mail.invitation is not None else None,
        "protection": list(mail.protection),
        "remote": mail.remote,
        "report": _report(mail.report) if mail.report is not None else None,
    }
    return {name: value for name, value in said.items() if value}


def _report(report: Report) -> dict[str, Any]:
    """A delivery report as it is shown; what it changed is on the mail that came back."""
    return to_plain(replace(report, recipients=report.recipients[:MOST_REPORTED]), full=True)


def with_more(mail: Mail, more: Mapping[str, Any] | None) -> Mail:
    """The mail with what `more_of` wrote of it."""
    if not more:
        return mail
    return replace(
        mail,
        forwarded=from_plain(Forwarded, more["forwarded"]) if "forwarded" in more else None,
        invitation=from_plain(Invitation, more["invitation"]) if "invitation" in more else None,
        protection=tuple(more.get("protection", ())),
        remote=more.get("remote", 0),
    )
