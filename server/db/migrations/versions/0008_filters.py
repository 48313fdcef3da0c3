"""Tags of files, and the relevance that a knowledge base asks for."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("file", sa.Column("tags", sa.JSON(), nullable=True))
    op.add_column("knowledge_base", sa.Column("min_relevance", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("knowledge_base", "min_relevance")
    op.drop_column("file", "tags")
