"""Every table of the house, declared once; moving rows in and out of values is done by the modules beside this one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.dialects.postgresql import JSONB

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment: microseconds since 1970 in a 64-bit integer, the same on both databases, sortable and cheap."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a zone may not be stored: {value!r}")
        delta = value.astimezone(UTC) - _EPOCH
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        seconds, micro = divmod(value, 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Id = String(64)


def _id(**more: Any) -> Column[str]:
    return Column("id", Id, primary_key=True, **more)


def _configured(name: str, *columns: Column[Any]) -> Table:
    """A table of what administrators edit: position, body as JSON, who changed it when. Inactive rows are old versions or deleted ones."""
    return Table(
        name,
        metadata,
        _id(),
        Column("name", String(320), nullable=False),
        Column("version", Integer, nullable=False, default=1),
        Column("position", Integer, nullable=False, default=0),
        Column("active", Boolean, nullable=False, default=True),
        Column("body", Json, nullable=False),
        Column("changed_at", Moment, nullable=False),
        Column("changed_by", String(320), nullable=False, default=""),
        *columns,
        UniqueConstraint("name", "version"),
    )


desk = _configured("desk")
company = _configured("company")
queue = _configured("queue")
team = _configured("team")
user = _configured("user_account", Column("password_hash", String(255), nullable=False, default=""))
retry_template = _configured("retry_template")
connector = _configured("connector")
process = _configured("process")
route = _configured("route")
blocked_address = _configured("blocked_address")
mail_template = _configured("mail_template")
canned_text = _configured("canned_text")
dkim_key = _configured("dkim_key")

desk_revision = Table(
    "desk_revision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
)
"""One row (id 1); its number rises with every change of a configured table."""

desk_change = Table(
    "desk_change",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("by", String(320), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("name", String(320), nullable=False),
    Column("change", String(20), nullable=False),
    Column("body", Json),
)

counter = Table("counter", metadata, Column("name", String(40), primary_key=True), Column("value", BigInteger, nullable=False))
"""Work-item numbers on SQLite; PostgreSQL has a sequence `item_number`."""

lease = Table(
    "lease",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("holder", String(120), nullable=False),
    Column("until", Moment, nullable=False),
)

# ---------------------------------------------------------------- what came in

inbound = Table(
    "inbound",
    metadata,
    _id(),
    Column("state", String(16), nullable=False),  # new working done unhandled held quarantined duplicate ignored discarded
    Column("reason", Text, nullable=False, default=""),
    Column("door", String(16), nullable=False),
    Column("connector", String(320), nullable=False, default=""),  # where a polled mailbox fetched it
    Column("peer", String(120), nullable=False, default=""),
    Column("received_at", Moment, nullable=False),
    Column("envelope_from", String(1000), nullable=False, default=""),
    Column("envelope_to", Json, nullable=False),
    Column("archive", Boolean, nullable=False, default=False),
    Column("helo", String(320), nullable=False, default="", server_default=""),
    Column("folder", String(320), nullable=False, default="", server_default=""),  # of the mailbox it was fetched from
    Column("spam", Boolean, nullable=False, default=False, server_default=false()),  # it lay in a folder for spam
    Column("full_size", BigInteger, nullable=False, default=0, server_default="0"),  # of a mail of which only the header was taken in
    Column("submitted_by", String(320), nullable=False, default="", server_default=""),  # our user who logged in to hand it in
    Column("size", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_until", Moment),
    Column("lease_by", String(120)),
    # known once read
    Column("message_id", String(998), nullable=False, default=""),
    Column("from_address", String(1000), nullable=False, default=""),
    Column("from_name", String(1000), nullable=False, default=""),
    Column("subject", Text, nullable=False, default=""),
    Column("sent_at", Moment),
    Column("classification", String(40), nullable=False, default=""),
    Column("settled_at", Moment),
    Column("trace", Json),
    Index("ix_inbound_open", "state", "lease_until"),
    Index(None, "received_at"),
)

raw_mail = Table(
    "raw_mail",
    metadata,
    Column("id", Id, primary_key=True),  # the inbound or outbox id it belongs to
    Column("bytes", LargeBinary, nullable=False),
)

inbound_body = Table(
    "inbound_body",
    metadata,
    Column("inbound_id", Id, ForeignKey("inbound.id", ondelete="CASCADE"), primary_key=True),
    Column("new_text", Text, nullable=False),
    Column("quoted_text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("attachments", Json, nullable=False),
    Column("people", Json, nullable=False),  # from, reply_to, to, cc as [[name, address], …]
    Column("defects", Json, nullable=False),
    Column("more", Json),  # forwarded, invitation, protection, remote: what few mails have
)

inbound_verdict = Table(
    "inbound_verdict",
    metadata,
    Column("inbound_id", Id, ForeignKey("inbound.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("recipient", String(1000), nullable=False),
    Column("connector", String(320), nullable=False, default=""),
    Column("action", String(20), nullable=False),
    Column("state", String(16), nullable=False),  # what this verdict amounts to: done held unhandled duplicate ignored discarded
    Column("item_id", Id),
    Column("process_id", Id),
    Column("evidence", String(20), nullable=False, default="none"),
    Column("because", Text, nullable=False, default=""),
    Column("decided_by", String(320), nullable=False, default=""),
    Column("decided_at", Moment),
    Index(None, "item_id"),
)

fetched = Table(
    "fetched",
    metadata,
    Column("connector", String(320), primary_key=True),
    Column("source", String(700), primary_key=True),  # folder/UIDVALIDITY/UID, a UIDL, a file name
    Column("inbound_id", Id, nullable=False, default="", server_default=""),  # '' = looked at and left where it is
    Column("at", Moment, nullable=False),
    Column("touched", Boolean, nullable=False, default=False, server_default=false()),  # marked, moved or deleted there
    Index(None, "connector", "touched"),
)
"""Messages of mailboxes that are ours already, written in the commit that made them so: none is taken in twice."""

mailbox_folder = Table(
    "mailbox_folder",
    metadata,
    Column("connector", String(320), primary_key=True),
    Column("folder", String(320), primary_key=True),
    Column("uidvalidity", BigInteger, nullable=False, default=0),
    Column("last_uid", BigInteger, nullable=False, default=0),
    Column("begun_at", Moment),  # None: nobody has chosen yet from where on mail is taken in (decisions.md 13)
    Column("choice", String(40), nullable=False, default=""),
    Column("seen", BigInteger, nullable=False, default=0),  # messages on the server, as last looked at
    Column("stored", BigInteger, nullable=False, default=0),  # taken in from this folder since it began
    Column("waiting", BigInteger, nullable=False, default=0),
    Column("oldest_waiting_at", Moment),
    Column("looked_at", Moment),
)
"""How far each folder of each mailbox was read, and what lies there."""

oauth_token = Table(
    "oauth_token",
    metadata,
    Column("name", String(320), primary_key=True),  # of the connector
    Column("access_token", Text, nullable=False, default=""),  # encrypted, as the next one
    Column("refresh_token", Text, nullable=False, default=""),
    Column("expires_at", Moment),
    Column("state", String(20), nullable=False, default=""),  # '' ok, needs_consent
    Column("last_error", Text, nullable=False, default=""),
    Column("changed_at", Moment),
)

connector_proof = Table(
    "connector_proof",
    metadata,
    Column("connector", String(320), primary_key=True),
    Column("what", String(40), primary_key=True),  # plus_addressing round_trip
    Column("address", String(1000), nullable=False, default=""),
    Column("proved_at", Moment, nullable=False),
)
"""What the connection test has shown to work."""

intake_key = Table(
    "intake_key",
    metadata,
    Column("connector", String(320), primary_key=True),
    Column("recipient", String(1000), primary_key=True),
    Column("message_id", String(998), primary_key=True),
    Column("content_key", String(64), primary_key=True),
    Column("inbound_id", Id, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "content_key"),
)
"""What was taken in for which recipient: decisions.md 8. The same mail for the same recipient cannot be taken twice."""

known_id = Table(
    "known_id",
    metadata,
    Column("message_id", String(998), primary_key=True),
    Column("item_id", Id, primary_key=True),
    Column("direction", String(3), primary_key=True),  # in out
    Column("source_id", Id, nullable=False),  # inbound or outbox id
    Column("at", Moment, nullable=False),
    Index(None, "item_id", "at"),
)
"""Message-IDs of mails that belong to items, both ways; what In-Reply-To and References are looked up in."""

# ---------------------------------------------------------------- items

item = Table(
    "item",
    metadata,
    _id(),
    Column("version", Integer, nullable=False),
    Column("kind", String(8), nullable=False),  # ticket case
    Column("number", BigInteger, nullable=False),
    Column("ref", String(40), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("status", String(16), nullable=False),
    Column("wait_type", String(20)),
    Column("resolution_method", String(40)),
    Column("reason", String(60), nullable=False, default=""),
    Column("process_id", Id, nullable=False),
    Column("category", String(320), nullable=False, default=""),
    Column("company", String(320), nullable=False, default=""),
    Column("home_queue", String(320), nullable=False, default=""),
    Column("queue", String(320), nullable=False, default=""),
    Column("assignee", String(320), nullable=False, default=""),
    Column("owner", String(320), nullable=False, default=""),
    Column("new_information", Boolean, nullable=False, default=False),
    Column("attention", Text, nullable=False, default=""),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(320), nullable=False, default=""),
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", String(320), nullable=False, default=""),
    Column("alarm_at", Moment),
    Column("clock", Json, nullable=False),  # waits, countdowns and windows: core.wait.Clocks
    Column("resolution", Json),  # who, when, with what: kept through a reopening (A-ST-16)
    Column("before", Json),  # what Send & Resolve gives back when undone
    Column("connector", String(320), nullable=False, default=""),
    Column("reply_from", String(1000), nullable=False, default=""),  # the address of ours the customer wrote to
    Column("language", String(10), nullable=False, default=""),
    Column("send_automated_emails", Boolean, nullable=False, default=True),
    Column("due_at", Moment),
    Column("test", Boolean, nullable=False, default=False, server_default=false()),  # mails nobody but test contacts (E-47)
    Index(None, "alarm_at"),
    Index(None, "due_at"),
    Index(None, "status", "updated_at"),
    Index(None, "home_queue"),
    Index(None, "assignee"),
    Index(None, "owner"),
)

item_contact = Table(
    "item_contact",
    metadata,
    Column("item_id", Id, ForeignKey("item.id", ondelete="CASCADE"), primary_key=True),
    Column("address_key", String(1000), primary_key=True),
    Column("address", String(1000), nullable=False),
    Column("name", String(1000), nullable=False, default=""),
    Column("tags", Json, nullable=False),
)

participant = Table(
    "participant",
    metadata,
    Column("item_id", Id, ForeignKey("item.id", ondelete="CASCADE"), primary_key=True),
    Column("address_key", String(1000), primary_key=True),
)
"""Everyone tied to an item (decisions.md): contacts, and From, Reply-To, To, Cc of joined mails both ways; never an address of ours."""

item_link = Table(
    "item_link",
    metadata,
    Column("item_id", Id, ForeignKey("item.id", ondelete="CASCADE"), primary_key=True),
    Column("other_id", Id, ForeignKey("item.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(20), primary_key=True),  # follow_up_of followed_by same_mail may_belong_to linked
    Column("at", Moment, nullable=False),
    Index(None, "other_id"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("seq", Integer().with_variant(BigInteger, "postgresql"), primary_key=True, autoincrement=True),
    Column("item_id", Id, ForeignKey("item.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", String(30), nullable=False),
    Column("by", String(320), nullable=False, default=""),
    Column("text", Text, nullable=False, default=""),
    Column("system", Boolean, nullable=False, default=False),
    Column("facts", Json),
    Column("inbound_id", Id),
    Column("outbox_id", Id),
    Index(None, "item_id", "seq"),
)

contact = Table(
    "contact",
    metadata,
    _id(),
    Column("name", String(1000), nullable=False, default=""),
    Column("company", String(320), nullable=False, default=""),
    Column("created_at", Moment, nullable=False),
)

contact_address = Table(
    "contact_address",
    metadata,
    Column("address_key", String(1000), primary_key=True),
    Column("address", String(1000), nullable=False),
    Column("contact_id", Id, ForeignKey("contact.id", ondelete="CASCADE"), nullable=False),
    Index(None, "contact_id"),
)

# ---------------------------------------------------------------- what goes out

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("seq", BigInteger, nullable=False),  # order of sending within an item (decisions.md 20): microseconds of creation
    Column("item_id", Id, ForeignKey("item.id")),
    Column("state", String(16), nullable=False),  # core.outbox.OutboxState
    Column("due_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("author", String(320), nullable=False, default=""),  # '' = the system
    Column("purpose", String(40), nullable=False),  # person acknowledgement …
    Column("system_generated", Boolean, nullable=False),
    Column("connector", String(320), nullable=False),
    Column("importance", String(8), nullable=False, default="normal"),
    Column("message_id", String(998), nullable=False, unique=True),
    Column("envelope_from", String(1000), nullable=False),
    Column("content", Json, nullable=False),  # core.outbox.Content: what it is sealed from
    Column("subject", Text, nullable=False, default=""),
    Column("to_text", Text, nullable=False, default=""),
    Column("attachment_count", Integer, nullable=False, default=0),
    Column("scheduled", Boolean, nullable=False, default=False),
    Column("resolves", Boolean, nullable=False, default=False),
    Column("starts_clock", Boolean, nullable=False, default=False),  # a wait or window begins when this is sent (decisions.md 1)
    Column("hold_reason", Text, nullable=False, default=""),
    Column("retry_template_id", Id),
    Column("attempts", Integer, nullable=False, default=0),
    Column("tries_left", Integer, nullable=False, default=0),
    Column("unknown_repeats", Integer, nullable=False, default=0),
    Column("sealed", Boolean, nullable=False, default=False),
    Column("marked", Boolean, nullable=False, default=False),  # the final dot is next, or was
    Column("last_attempt_at", Moment),
    Column("last_error", Text, nullable=False, default=""),
    Column("first_failed_at", Moment),
    Column("sent_at", Moment),
    Column("lease_until", Moment),
    Column("lease_by", String(120)),
    Column("queue_id", String(120), nullable=False, default="", server_default=""),  # what the server that took it calls it
    Column("signature", Text, nullable=False, default="", server_default=""),  # DKIM-Signature fields that stand before the bytes
    Index("ix_outbox_due", "state", "connector", "due_at", "seq"),
    Index("ix_outbox_author", "author", "state"),
    Index(None, "sent_at"),
    Index("ix_outbox_item", "item_id", "seq"),
)

outbox_recipient = Table(
    "outbox_recipient",
    metadata,
    Column("outbox_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("address_key", String(1000), primary_key=True),
    Column("address", String(1000), nullable=False),
    Column("role", String(3), nullable=False),  # to cc bcc
    Column("outcome", String(12), nullable=False),  # core.outbox.Outcome
    Column("words", Text, nullable=False, default=""),
    Index(None, "address_key"),
)

outbox_text = Table(
    "outbox_text",
    metadata,
    Column("outbox_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("texts", Json, nullable=False),
)
"""The long texts of an outgoing mail's content, apart from its row, which is written several times while the mail is sent."""

outbox_attempt = Table(
    "outbox_attempt",
    metadata,
    Column("outbox_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("began_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("outcome", String(16), nullable=False, default=""),
    Column("words", Text, nullable=False, default=""),
    Column("queue_id", String(120), nullable=False, default="", server_default=""),
)

automatic_mail = Table(
    "automatic_mail",
    metadata,
    Column("seq", Integer().with_variant(BigInteger, "postgresql"), primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("item_id", Id, nullable=False),
    Column("address_key", String(1000), nullable=False),
    Index(None, "at"),
    Index(None, "item_id", "at"),
    Index(None, "address_key", "at"),
)
"""What the brakes on automatic mail count (decisions.md 9)."""

suppressed_address = Table(
    "suppressed_address",
    metadata,
    Column("address_key", String(1000), primary_key=True),
    Column("until", Moment, nullable=False),
    Column("reason", Text, nullable=False),
)

connector_status = Table(
    "connector_status",
    metadata,
    Column("name", String(320), primary_key=True),
    Column("refused_logins", Integer, nullable=False, default=0),
    Column("suspended_until", Moment),
    Column("probes", Integer, nullable=False, default=0),
    Column("last_error", Text, nullable=False, default=""),
    Column("last_success_at", Moment),
    Column("last_error_at", Moment),
    Column("next_at", Moment),  # with a rate limit: when the next mail may leave
    Column("troubled_since", Moment),  # the first trouble of those in a row
    Column("size_limit", BigInteger),  # what the server announced by SIZE last, in bytes; nothing where it named no limit
)
"""How each connector fares, kept apart from its configuration (decisions.md 19)."""

alarm = Table(
    "alarm",
    metadata,
    Column("name", String(400), primary_key=True),  # kind/what it is about
    Column("kind", String(20), nullable=False),  # core.alarms.AlarmKind
    Column("about", String(320), nullable=False, default=""),
    Column("detail", Text, nullable=False, default=""),
    Column("raised_at", Moment, nullable=False),
    Column("over_at", Moment),  # None: it lasts
    Column("told_at", Moment),  # the last one of this name that was told (brake)
    Column("told", Boolean, nullable=False, default=False),  # this one was told, so its end is to be told as well
    Column("command_due", Boolean, nullable=False, default=False),  # the alarm command is still to be run for it
)
"""News of trouble for administrators, one row for each kind and thing; what is told of it is `core/alarms.py`."""

state_change = Table(
    "state_change",
    metadata,
    Column("seq", Integer().with_variant(BigInteger, "postgresql"), primary_key=True, autoincrement=True),
    Column("what", String(8), nullable=False),  # inbound outbox
    Column("row_id", Id, nullable=False),
    Column("at", Moment, nullable=False),
    Column("was", String(16), nullable=False),
    Column("became", String(16), nullable=False),
    Column("by", String(320), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Index(None, "what", "row_id"),
)

stored_file = Table(
    "stored_file",
    metadata,
    _id(),
    Column("shelf", String(64), nullable=False),  # an item's id, or `desk` for files that belong to canned texts
    Column("name", String(320), nullable=False),
    Column("content_type", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(320), nullable=False, default=""),
    Column("source", String(200), nullable=False, default=""),  # `inbound:ID:2` for a copy of a mail's second attachment
    Column("removed_at", Moment),  # no longer offered; mails that carry it keep it
    Index(None, "shelf", "name"),
)
"""Files that people put on an item or on the desk's shelf; outgoing mails carry them."""

mail_draft = Table(
    "mail_draft",
    metadata,
    _id(),
    Column("item_id", Id, ForeignKey("item.id"), nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(320), nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", String(320), nullable=False),
    Column("editor", String(320), nullable=False, default=""),  # who has it open; one at a time (C-DR-01)
    Column("editor_until", Moment),
    Column("subject", Text, nullable=False, default=""),
    Column("content", Json, nullable=False),
    Index(None, "item_id"),
    Index(None, "updated_at"),
)
"""Mails that people have begun; kept for 90 days after the last change."""

preference = Table(
    "preference",
    metadata,
    Column("user_key", String(320), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("value", Json, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
"""What a person chose for a screen and finds again (A-OB-08, A-OB-19)."""

secret = Table(
    "secret",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("value", Text, nullable=False),  # encrypted
    Column("kind", String(20), nullable=False, default=""),  # '' password, dkim
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String(320), nullable=False, default=""),
)
"""Passwords and private keys that administrators entered; never shown again."""

sent_copy = Table(
    "sent_copy",
    metadata,
    Column("outbox_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("connector", String(320), nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("last_error", Text, nullable=False, default=""),
    Column("given_up_at", Moment),
    Index(None, "due_at"),
)
"""Mails that have left and are still to be put into the mailbox's Sent folder; a row goes when that is done."""

notification = Table(
    "notification",
    metadata,
    _id(),
    Column("user_key", String(320), nullable=False),
    Column("occasion", String(20), nullable=False),  # core.by_mail.Occasion
    Column("what", String(12), nullable=False),  # core.notifications.What
    Column("item_id", Id, ForeignKey("item.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", String(320), nullable=False, default=""),  # who caused it, '' = the system
    Column("inbound_id", Id, nullable=False, default=""),  # the mail it is about: the first that was not told yet
    Column("outbox_id", Id, nullable=False, default=""),
    Column("words", Text, nullable=False, default=""),
    Column("state", String(12), nullable=False),  # waiting digest told dropped
    Column("due_at", Moment, nullable=False),  # when it is told
    Column("told_at", Moment),
    Column("mail_id", Id, nullable=False, default=""),  # outbox id of the mail that told it
    Column("because", Text, nullable=False, default=""),  # why it was dropped
    Index("ix_notification_due", "state", "due_at"),
    Index("ix_notification_user", "user_key", "told_at"),
    Index(None, "mail_id"),
    Index("ix_notification_item", "item_id", "user_key", "occasion"),
)
"""What our people are told of; written in the commit of what happened, told by `gateway/notifier.py`."""

agent_mail = Table(
    "agent_mail",
    metadata,
    _id(),
    Column("inbound_id", Id, nullable=False),
    Column("at", Moment, nullable=False),
    Column("user_key", String(320), nullable=False, default=""),  # whose mail it is, or pretends to be
    Column("from_key", String(320), nullable=False, default=""),
    Column("item_id", Id, nullable=False, default=""),
    Column("answers", Id, nullable=False, default=""),  # outbox id of the mail it answers
    Column("outcome", String(12), nullable=False),  # done held filed refused ignored
    Column("reason", String(40), nullable=False, default=""),  # core.agent_trust.Distrust, or of the refusal
    Column("words", Text, nullable=False, default=""),
    Column("commands", Json, nullable=False),  # what was asked for, as written
    Column("outbox_id", Id, nullable=False, default=""),  # the answer it made
    Column("fingerprint", String(64), nullable=False, default=""),  # of what a replayed mail cannot change
    Index(None, "at"),
    Index("ix_agent_mail_user", "user_key", "at"),
    Index(None, "fingerprint"),
    Index(None, "inbound_id"),
    Index(None, "item_id"),
)
"""The audit list of mails by our people, and of those that pretend to be by them."""

agent_mail_print = Table(
    "agent_mail_print",
    metadata,
    Column("print", String(64), primary_key=True),
    Column("inbound_id", Id, primary_key=True),
    Column("at", Moment, nullable=False),
)
"""By what a mail of our people is known if it is sent again (`gateway/routing/prints.py`); kept of each that surely was theirs."""

mail_link = Table(
    "mail_link",
    metadata,
    _id(),
    Column("user_key", String(320), nullable=False),
    Column("item_id", Id, nullable=False, default=""),
    Column("deed", String(20), nullable=False),  # core.mail_links.LinkDeed
    Column("body", Json, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "expires_at"),
)
"""What the links in mails to our people do: once, and until they expire."""

app_password = Table(
    "app_password",
    metadata,
    _id(),
    Column("user_key", String(320), nullable=False),
    Column("name", String(120), nullable=False),
    Column("hash", String(64), nullable=False),  # of 128 random bits: no slow hash is needed
    Column("made_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("revoked_at", Moment),
    Index(None, "user_key"),
)
"""Passwords for mail programs, one for each; shown once."""
