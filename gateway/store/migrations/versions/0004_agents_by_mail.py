"""Agents by mail: what they are told, the audit of their mails, links, passwords of their mail programs, and who handed a mail in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_ID = sa.String(length=64)
_KEY = sa.String(length=320)


def upgrade() -> None:
    """New tables, and a column that has a default for the rows that are there."""
    op.drop_index("ix_outbox_due", table_name="outbox")
    op.create_index("ix_outbox_due", "outbox", ["state", "connector", "due_at", "seq"])
    op.add_column("inbound", sa.Column("submitted_by", _KEY, server_default="", nullable=False))
    op.create_index(op.f("ix_item_due_at"), "item", ["due_at"])
    op.create_table(
        "notification",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_key", _KEY, nullable=False),
        sa.Column("occasion", sa.String(length=20), nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("item_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", _KEY, nullable=False),
        sa.Column("inbound_id", _ID, nullable=False),
        sa.Column("outbox_id", _ID, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("mail_id", _ID, nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_notification_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    op.create_index("ix_notification_due", "notification", ["state", "due_at"])
    op.create_index("ix_notification_user", "notification", ["user_key", "told_at"])
    op.create_index(op.f("ix_notification_mail_id"), "notification", ["mail_id"])
    op.create_index("ix_notification_item", "notification", ["item_id", "user_key", "occasion"])
    op.create_table(
        "agent_mail",
        sa.Column("id", _ID, nullable=False),
        sa.Column("inbound_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("user_key", _KEY, nullable=False),
        sa.Column("from_key", _KEY, nullable=False),
        sa.Column("item_id", _ID, nullable=False),
        sa.Column("answers", _ID, nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("commands", _JSON, nullable=False),
        sa.Column("outbox_id", _ID, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_mail")),
    )
    op.create_index(op.f("ix_agent_mail_at"), "agent_mail", ["at"])
    op.create_index("ix_agent_mail_user", "agent_mail", ["user_key", "at"])
    op.create_index(op.f("ix_agent_mail_fingerprint"), "agent_mail", ["fingerprint"])
    op.create_index(op.f("ix_agent_mail_inbound_id"), "agent_mail", ["inbound_id"])
    op.create_index(op.f("ix_agent_mail_item_id"), "agent_mail", ["item_id"])
    op.create_table(
        "agent_mail_print",
        sa.Column("print", sa.String(length=64), nullable=False),
        sa.Column("inbound_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("print", "inbound_id", name=op.f("pk_agent_mail_print")),
    )
    op.create_table(
        "mail_link",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_key", _KEY, nullable=False),
        sa.Column("item_id", _ID, nullable=False),
        sa.Column("deed", sa.String(length=20), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_link")),
    )
    op.create_index(op.f("ix_mail_link_expires_at"), "mail_link", ["expires_at"])
    op.create_table(
        "app_password",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_key", _KEY, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_password")),
    )
    op.create_index(op.f("ix_app_password_user_key"), "app_password", ["user_key"])


def downgrade() -> None:
    """What our people were told and what their mails did is lost with the tables."""
    for name in ("app_password", "mail_link", "agent_mail_print", "agent_mail", "notification"):
        op.drop_table(name)
    op.drop_index(op.f("ix_item_due_at"), "item")
    op.drop_column("inbound", "submitted_by")
    op.drop_index("ix_outbox_due", table_name="outbox")
    op.create_index("ix_outbox_due", "outbox", ["state", "connector", "due_at"])
