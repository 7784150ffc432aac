"""The first tables of all, and the sequence of work-item numbers on PostgreSQL (SQLite counts in table `counter`)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Create them."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE item_number START 101001")
    op.create_table(
        "automatic_mail",
        sa.Column("seq", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.String(length=64), nullable=False),
        sa.Column("address_key", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_automatic_mail")),
    )
    with op.batch_alter_table("automatic_mail", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_automatic_mail_address_key_at"), ["address_key", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_automatic_mail_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_automatic_mail_item_id_at"), ["item_id", "at"], unique=False)

    op.create_table(
        "blocked_address",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocked_address")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_blocked_address_name_version")),
    )
    op.create_table(
        "company",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_company_name_version")),
    )
    op.create_table(
        "connector",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connector")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_connector_name_version")),
    )
    op.create_table(
        "connector_status",
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("refused_logins", sa.Integer(), nullable=False),
        sa.Column("suspended_until", sa.BigInteger(), nullable=True),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("last_success_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connector_status")),
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=1000), nullable=False),
        sa.Column("company", sa.String(length=320), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )
    op.create_table(
        "desk",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_desk_name_version")),
    )
    op.create_table(
        "desk_change",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("change", sa.String(length=20), nullable=False),
        sa.Column("body", _JSON, nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_desk_change")),
    )
    op.create_table(
        "desk_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_revision")),
    )
    op.create_table(
        "inbound",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("door", sa.String(length=16), nullable=False),
        sa.Column("connector", sa.String(length=320), nullable=False),
        sa.Column("peer", sa.String(length=120), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("envelope_from", sa.String(length=1000), nullable=False),
        sa.Column("envelope_to", _JSON, nullable=False),
        sa.Column("archive", sa.Boolean(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("lease_by", sa.String(length=120), nullable=True),
        sa.Column("message_id", sa.String(length=998), nullable=False),
        sa.Column("from_address", sa.String(length=1000), nullable=False),
        sa.Column("from_name", sa.String(length=1000), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("classification", sa.String(length=40), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("trace", _JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound")),
    )
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.create_index("ix_inbound_open", ["state", "lease_until"], unique=False)
        batch_op.create_index(batch_op.f("ix_inbound_received_at"), ["received_at"], unique=False)

    op.create_table(
        "intake_key",
        sa.Column("connector", sa.String(length=320), nullable=False),
        sa.Column("recipient", sa.String(length=1000), nullable=False),
        sa.Column("message_id", sa.String(length=998), nullable=False),
        sa.Column("content_key", sa.String(length=64), nullable=False),
        sa.Column("inbound_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "recipient", "message_id", "content_key", name=op.f("pk_intake_key")),
    )
    with op.batch_alter_table("intake_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_intake_key_content_key"), ["content_key"], unique=False)

    op.create_table(
        "item",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("ref", sa.String(length=40), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("wait_type", sa.String(length=20), nullable=True),
        sa.Column("resolution_method", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("process_id", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=320), nullable=False),
        sa.Column("company", sa.String(length=320), nullable=False),
        sa.Column("home_queue", sa.String(length=320), nullable=False),
        sa.Column("queue", sa.String(length=320), nullable=False),
        sa.Column("assignee", sa.String(length=320), nullable=False),
        sa.Column("owner", sa.String(length=320), nullable=False),
        sa.Column("new_information", sa.Boolean(), nullable=False),
        sa.Column("attention", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=320), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.String(length=320), nullable=False),
        sa.Column("alarm_at", sa.BigInteger(), nullable=True),
        sa.Column("clock", _JSON, nullable=False),
        sa.Column("resolution", _JSON, nullable=True),
        sa.Column("before", _JSON, nullable=True),
        sa.Column("connector", sa.String(length=320), nullable=False),
        sa.Column("reply_from", sa.String(length=1000), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("send_automated_emails", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint("ref", name=op.f("uq_item_ref")),
    )
    with op.batch_alter_table("item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_item_alarm_at"), ["alarm_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_item_assignee"), ["assignee"], unique=False)
        batch_op.create_index(batch_op.f("ix_item_home_queue"), ["home_queue"], unique=False)
        batch_op.create_index(batch_op.f("ix_item_owner"), ["owner"], unique=False)
        batch_op.create_index(batch_op.f("ix_item_status_updated_at"), ["status", "updated_at"], unique=False)

    op.create_table(
        "known_id",
        sa.Column("message_id", sa.String(length=998), nullable=False),
        sa.Column("item_id", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("source_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "item_id", "direction", name=op.f("pk_known_id")),
    )
    with op.batch_alter_table("known_id", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_id_item_id_at"), ["item_id", "at"], unique=False)

    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("holder", sa.String(length=120), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "mail_template",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_template")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_mail_template_name_version")),
    )
    op.create_table(
        "process",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_process_name_version")),
    )
    op.create_table(
        "queue",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_queue_name_version")),
    )
    op.create_table(
        "raw_mail",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_raw_mail")),
    )
    op.create_table(
        "retry_template",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retry_template")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_retry_template_name_version")),
    )
    op.create_table(
        "route",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_route")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_route_name_version")),
    )
    op.create_table(
        "state_change",
        sa.Column("seq", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=True, nullable=False),
        sa.Column("what", sa.String(length=8), nullable=False),
        sa.Column("row_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("was", sa.String(length=16), nullable=False),
        sa.Column("became", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_state_change")),
    )
    with op.batch_alter_table("state_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_state_change_what_row_id"), ["what", "row_id"], unique=False)

    op.create_table(
        "suppressed_address",
        sa.Column("address_key", sa.String(length=1000), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("address_key", name=op.f("pk_suppressed_address")),
    )
    op.create_table(
        "team",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_team_name_version")),
    )
    op.create_table(
        "user_account",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_user_account_name_version")),
    )
    op.create_table(
        "contact_address",
        sa.Column("address_key", sa.String(length=1000), nullable=False),
        sa.Column("address", sa.String(length=1000), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_contact_address_contact_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("address_key", name=op.f("pk_contact_address")),
    )
    with op.batch_alter_table("contact_address", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_address_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "inbound_body",
        sa.Column("inbound_id", sa.String(length=64), nullable=False),
        sa.Column("new_text", sa.Text(), nullable=False),
        sa.Column("quoted_text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("attachments", _JSON, nullable=False),
        sa.Column("people", _JSON, nullable=False),
        sa.Column("defects", _JSON, nullable=False),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_inbound_body_inbound_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("inbound_id", name=op.f("pk_inbound_body")),
    )
    op.create_table(
        "inbound_verdict",
        sa.Column("inbound_id", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(length=1000), nullable=False),
        sa.Column("connector", sa.String(length=320), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("item_id", sa.String(length=64), nullable=True),
        sa.Column("process_id", sa.String(length=64), nullable=True),
        sa.Column("evidence", sa.String(length=20), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=320), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_inbound_verdict_inbound_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("inbound_id", "n", name=op.f("pk_inbound_verdict")),
    )
    with op.batch_alter_table("inbound_verdict", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbound_verdict_item_id"), ["item_id"], unique=False)

    op.create_table(
        "item_contact",
        sa.Column("item_id", sa.String(length=64), nullable=False),
        sa.Column("address_key", sa.String(length=1000), nullable=False),
        sa.Column("address", sa.String(length=1000), nullable=False),
        sa.Column("name", sa.String(length=1000), nullable=False),
        sa.Column("tags", _JSON, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_item_contact_item_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_id", "address_key", name=op.f("pk_item_contact")),
    )
    op.create_table(
        "item_link",
        sa.Column("item_id", sa.String(length=64), nullable=False),
        sa.Column("other_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_item_link_item_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["other_id"], ["item.id"], name=op.f("fk_item_link_other_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_id", "other_id", "kind", name=op.f("pk_item_link")),
    )
    with op.batch_alter_table("item_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_item_link_other_id"), ["other_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("system_generated", sa.Boolean(), nullable=False),
        sa.Column("connector", sa.String(length=320), nullable=False),
        sa.Column("importance", sa.String(length=8), nullable=False),
        sa.Column("message_id", sa.String(length=998), nullable=False),
        sa.Column("envelope_from", sa.String(length=1000), nullable=False),
        sa.Column("content", _JSON, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("to_text", sa.Text(), nullable=False),
        sa.Column("attachment_count", sa.Integer(), nullable=False),
        sa.Column("scheduled", sa.Boolean(), nullable=False),
        sa.Column("resolves", sa.Boolean(), nullable=False),
        sa.Column("starts_clock", sa.Boolean(), nullable=False),
        sa.Column("hold_reason", sa.Text(), nullable=False),
        sa.Column("retry_template_id", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("unknown_repeats", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("marked", sa.Boolean(), nullable=False),
        sa.Column("last_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("first_failed_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("lease_by", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_outbox_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("message_id", name=op.f("uq_outbox_message_id")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_due", ["state", "due_at"], unique=False)
        batch_op.create_index("ix_outbox_item", ["item_id", "seq"], unique=False)

    op.create_table(
        "participant",
        sa.Column("item_id", sa.String(length=64), nullable=False),
        sa.Column("address_key", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_participant_item_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_id", "address_key", name=op.f("pk_participant")),
    )
    op.create_table(
        "timeline",
        sa.Column("seq", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), autoincrement=True, nullable=False),
        sa.Column("item_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("system", sa.Boolean(), nullable=False),
        sa.Column("facts", _JSON, nullable=True),
        sa.Column("inbound_id", sa.String(length=64), nullable=True),
        sa.Column("outbox_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_timeline_item_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_timeline")),
    )
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_timeline_item_id_seq"), ["item_id", "seq"], unique=False)

    op.create_table(
        "outbox_attempt",
        sa.Column("outbox_id", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_outbox_attempt_outbox_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("outbox_id", "n", name=op.f("pk_outbox_attempt")),
    )
    op.create_table(
        "outbox_recipient",
        sa.Column("outbox_id", sa.String(length=64), nullable=False),
        sa.Column("address_key", sa.String(length=1000), nullable=False),
        sa.Column("address", sa.String(length=1000), nullable=False),
        sa.Column("role", sa.String(length=3), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_outbox_recipient_outbox_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("outbox_id", "address_key", name=op.f("pk_outbox_recipient")),
    )
    with op.batch_alter_table("outbox_recipient", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_recipient_address_key"), ["address_key"], unique=False)


def downgrade() -> None:
    """Drop everything."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE item_number")
    with op.batch_alter_table("outbox_recipient", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_recipient_address_key"))

    op.drop_table("outbox_recipient")
    op.drop_table("outbox_attempt")
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_timeline_item_id_seq"))

    op.drop_table("timeline")
    op.drop_table("participant")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_item")
        batch_op.drop_index("ix_outbox_due")

    op.drop_table("outbox")
    with op.batch_alter_table("item_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_item_link_other_id"))

    op.drop_table("item_link")
    op.drop_table("item_contact")
    with op.batch_alter_table("inbound_verdict", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbound_verdict_item_id"))

    op.drop_table("inbound_verdict")
    op.drop_table("inbound_body")
    with op.batch_alter_table("contact_address", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_address_contact_id"))

    op.drop_table("contact_address")
    op.drop_table("user_account")
    op.drop_table("team")
    op.drop_table("suppressed_address")
    with op.batch_alter_table("state_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_state_change_what_row_id"))

    op.drop_table("state_change")
    op.drop_table("route")
    op.drop_table("retry_template")
    op.drop_table("raw_mail")
    op.drop_table("queue")
    op.drop_table("process")
    op.drop_table("mail_template")
    op.drop_table("lease")
    with op.batch_alter_table("known_id", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_id_item_id_at"))

    op.drop_table("known_id")
    with op.batch_alter_table("item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_item_status_updated_at"))
        batch_op.drop_index(batch_op.f("ix_item_owner"))
        batch_op.drop_index(batch_op.f("ix_item_home_queue"))
        batch_op.drop_index(batch_op.f("ix_item_assignee"))
        batch_op.drop_index(batch_op.f("ix_item_alarm_at"))

    op.drop_table("item")
    with op.batch_alter_table("intake_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_intake_key_content_key"))

    op.drop_table("intake_key")
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbound_received_at"))
        batch_op.drop_index("ix_inbound_open")

    op.drop_table("inbound")
    op.drop_table("desk_revision")
    op.drop_table("desk_change")
    op.drop_table("desk")
    op.drop_table("counter")
    op.drop_table("contact")
    op.drop_table("connector_status")
    op.drop_table("connector")
    op.drop_table("company")
    op.drop_table("blocked_address")
    with op.batch_alter_table("automatic_mail", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_automatic_mail_item_id_at"))
        batch_op.drop_index(batch_op.f("ix_automatic_mail_at"))
        batch_op.drop_index(batch_op.f("ix_automatic_mail_address_key_at"))

    op.drop_table("automatic_mail")
