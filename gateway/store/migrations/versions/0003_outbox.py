"""The outbox people trust: files and drafts, secrets, signatures, copies in Sent, canned texts; and the three ways of plus-addressing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_CONNECTOR = sa.table("connector", sa.column("id", sa.String), sa.column("body", _JSON))


def _configured(name: str) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint("name", "version", name=op.f(f"uq_{name}_name_version")),
    )


def _rewrite_plus_addressing(renamed: dict[object, object]) -> None:
    """`true` and `false` become the names of B3 and back; every stored connector has the key or its default."""
    connection = op.get_bind()
    for row in connection.execute(sa.select(_CONNECTOR)).all():
        was = row.body.get("plus_addressing")
        if was in renamed:
            body = {**row.body, "plus_addressing": renamed[was]}
            connection.execute(sa.update(_CONNECTOR).where(_CONNECTOR.c.id == row.id).values(body=body))


def upgrade() -> None:
    """New tables, and columns that have a default for the rows that are there."""
    # not in batches: on SQLite Alembic would copy whole tables, and the outbox may be large
    op.add_column("outbox", sa.Column("queue_id", sa.String(length=120), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("signature", sa.Text(), server_default="", nullable=False))
    op.add_column("outbox_attempt", sa.Column("queue_id", sa.String(length=120), server_default="", nullable=False))
    op.add_column("connector_status", sa.Column("next_at", sa.BigInteger(), nullable=True))
    op.add_column("connector_status", sa.Column("troubled_since", sa.BigInteger(), nullable=True))
    op.add_column("connector_status", sa.Column("size_limit", sa.BigInteger(), nullable=True))
    op.drop_index("ix_outbox_due", table_name="outbox")
    op.create_index("ix_outbox_due", "outbox", ["state", "connector", "due_at"], unique=False)
    op.create_index("ix_outbox_author", "outbox", ["author", "state"], unique=False)
    op.create_index(op.f("ix_outbox_sent_at"), "outbox", ["sent_at"], unique=False)
    _configured("canned_text")
    _configured("dkim_key")
    op.create_table(
        "stored_file",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("shelf", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("content_type", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=320), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_file")),
    )
    op.create_index(op.f("ix_stored_file_shelf_name"), "stored_file", ["shelf", "name"], unique=False)
    op.create_table(
        "mail_draft",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("item_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=320), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.String(length=320), nullable=False),
        sa.Column("editor", sa.String(length=320), nullable=False),
        sa.Column("editor_until", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("content", _JSON, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_mail_draft_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_draft")),
    )
    op.create_index(op.f("ix_mail_draft_item_id"), "mail_draft", ["item_id"], unique=False)
    op.create_index(op.f("ix_mail_draft_updated_at"), "mail_draft", ["updated_at"], unique=False)
    op.create_table(
        "preference",
        sa.Column("user_key", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", _JSON, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_key", "name", name=op.f("pk_preference")),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "alarm",
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("about", sa.String(length=320), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("over_at", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("command_due", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_alarm")),
    )
    op.create_table(
        "outbox_text",
        sa.Column("outbox_id", sa.String(length=64), nullable=False),
        sa.Column("texts", _JSON, nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_outbox_text_outbox_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox_text")),
    )
    op.create_table(
        "sent_copy",
        sa.Column("outbox_id", sa.String(length=64), nullable=False),
        sa.Column("connector", sa.String(length=320), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("given_up_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_sent_copy_outbox_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_sent_copy")),
    )
    op.create_index(op.f("ix_sent_copy_due_at"), "sent_copy", ["due_at"], unique=False)
    _rewrite_plus_addressing({True: "mixed", False: "off"})


def downgrade() -> None:
    """Take them back; drafts, files, secrets and preferences are lost."""
    _rewrite_plus_addressing({"mixed": True, "only": True, "off": False})
    for table in ("alarm", "sent_copy", "outbox_text", "secret", "preference", "mail_draft", "stored_file", "dkim_key", "canned_text"):
        op.drop_table(table)
    op.drop_index(op.f("ix_outbox_sent_at"), table_name="outbox")
    op.drop_index("ix_outbox_author", table_name="outbox")
    op.drop_index("ix_outbox_due", table_name="outbox")
    op.create_index("ix_outbox_due", "outbox", ["state", "due_at"], unique=False)
    with op.batch_alter_table("connector_status", schema=None) as batch_op:
        batch_op.drop_column("size_limit")
        batch_op.drop_column("troubled_since")
        batch_op.drop_column("next_at")
    with op.batch_alter_table("outbox_attempt", schema=None) as batch_op:
        batch_op.drop_column("queue_id")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("signature")
        batch_op.drop_column("queue_id")
