"""Conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("knowledge_base", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
    )
    op.create_index(op.f("ix_conversation_updated_at"), "conversation", ["updated_at"])
    with op.batch_alter_table("message") as table:
        table.add_column(sa.Column("conversation_id", sa.String(length=32), nullable=True))
        table.add_column(sa.Column("model", sa.String(length=200), nullable=True))
        table.add_column(
            sa.Column("stopped", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.create_foreign_key(
            op.f("fk_message_conversation_id_conversation"),
            "conversation",
            ["conversation_id"],
            ["id"],
            ondelete="CASCADE",
        )
        table.create_index(op.f("ix_message_conversation_id_created_at"), ["conversation_id", "created_at"])


def downgrade() -> None:
    with op.batch_alter_table("message") as table:
        table.drop_index(op.f("ix_message_conversation_id_created_at"))
        table.drop_constraint(op.f("fk_message_conversation_id_conversation"), type_="foreignkey")
        table.drop_column("stopped")
        table.drop_column("model")
        table.drop_column("conversation_id")
    op.drop_table("conversation")
