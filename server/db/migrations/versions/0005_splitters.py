"""How the files of a knowledge base are cut into chunks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("knowledge_base", "file"):
        op.add_column(
            table,
            sa.Column("splitter", sa.String(length=20), nullable=False, server_default="recursive"),
        )
        op.add_column(
            table,
            sa.Column("zh_title_enhance", sa.Boolean(), nullable=False, server_default=sa.false()),
        )


def downgrade() -> None:
    for table in ("knowledge_base", "file"):
        op.drop_column(table, "zh_title_enhance")
        op.drop_column(table, "splitter")
