"""Web pages and queries that a knowledge base is synchronised with."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "source",
        sa.Column("id", Id, nullable=False),
        sa.Column("kb_id", Id, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["kb_id"],
            ["knowledge_base.id"],
            name=op.f("fk_source_kb_id_knowledge_base"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("kb_id", "name", name=op.f("uq_source_kb_id_name")),
        sqlite_autoincrement=True,
    )
    op.add_column("file", sa.Column("source_id", sa.BigInteger(), nullable=True))
    op.add_column("file", sa.Column("origin", sa.Text(), nullable=True))
    op.create_index(op.f("ix_file_source_id"), "file", ["source_id"])
    op.add_column("job_file", sa.Column("origin", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("job_file", "origin")
    op.drop_index(op.f("ix_file_source_id"), "file")
    op.drop_column("file", "origin")
    op.drop_column("file", "source_id")
    op.drop_table("source")
