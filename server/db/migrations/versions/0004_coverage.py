"""How much of each file was read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("file", sa.Column("coverage", sa.JSON(), nullable=True))
    op.add_column("file", sa.Column("completeness", sa.Double(), nullable=True))
    op.create_index(op.f("ix_file_kb_id_completeness"), "file", ["kb_id", "completeness"])


def downgrade() -> None:
    op.drop_index(op.f("ix_file_kb_id_completeness"), "file")
    op.drop_column("file", "completeness")
    op.drop_column("file", "coverage")
