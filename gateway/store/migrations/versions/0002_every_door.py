"""Mailboxes that are fetched from: what was taken in, how far, tokens and proofs; and what the doors and the reading tell besides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """New tables, and columns that have a default for the rows that are there."""
    # not in batches: for a default that is an expression Alembic copies the whole table on SQLite, and `inbound` may be large
    op.add_column("inbound", sa.Column("helo", sa.String(length=320), server_default="", nullable=False))
    op.add_column("inbound", sa.Column("folder", sa.String(length=320), server_default="", nullable=False))
    op.add_column("inbound", sa.Column("spam", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("inbound", sa.Column("full_size", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("inbound_body", sa.Column("more", _JSON, nullable=True))
    op.add_column("item", sa.Column("test", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "fetched",
        sa.Column("connector", sa.String(length=320), nullable=False),
        sa.Column("source", sa.String(length=700), nullable=False),
        sa.Column("inbound_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("touched", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "source", name=op.f("pk_fetched")),
    )
    with op.batch_alter_table("fetched", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fetched_connector_touched"), ["connector", "touched"], unique=False)
    op.create_table(
        "mailbox_folder",
        sa.Column("connector", sa.String(length=320), nullable=False),
        sa.Column("folder", sa.String(length=320), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("last_uid", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=True),
        sa.Column("choice", sa.String(length=40), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("oldest_waiting_at", sa.BigInteger(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("connector", "folder", name=op.f("pk_mailbox_folder")),
    )
    op.create_table(
        "oauth_token",
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("access_token", sa.Text(), nullable=False),
        sa.Column("refresh_token", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_oauth_token")),
    )
    op.create_table(
        "connector_proof",
        sa.Column("connector", sa.String(length=320), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=1000), nullable=False),
        sa.Column("proved_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "what", name=op.f("pk_connector_proof")),
    )


def downgrade() -> None:
    """Take them back; what was known of mailboxes is lost."""
    for table in ("connector_proof", "oauth_token", "mailbox_folder", "fetched"):
        op.drop_table(table)
    with op.batch_alter_table("item", schema=None) as batch_op:
        batch_op.drop_column("test")
    with op.batch_alter_table("inbound_body", schema=None) as batch_op:
        batch_op.drop_column("more")
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        for column in ("full_size", "spam", "folder", "helo"):
            batch_op.drop_column(column)
