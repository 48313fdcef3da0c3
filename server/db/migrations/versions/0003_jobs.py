"""Jobs, file versions, names in the change log, deletion in two steps."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("kb_id", ID, nullable=True),
        sa.Column("knowledge_base", sa.String(length=64), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["kb_id"],
            ["knowledge_base.id"],
            name=op.f("fk_job_kb_id_knowledge_base"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(op.f("ix_job_status"), "job", ["status"])
    op.create_index(op.f("ix_job_created_at"), "job", ["created_at"])
    op.create_index(op.f("ix_job_kb_id"), "job", ["kb_id"])
    op.create_table(
        "job_file",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("stage", sa.String(length=10), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("note", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_job_file_job_id_job"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_file")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_job_file_job_id_status"), "job_file", ["job_id", "status"])
    op.create_index(op.f("ix_job_file_blob"), "job_file", ["blob"])
    op.create_table(
        "file_version",
        sa.Column("file_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("chunk_count", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["file.id"], name=op.f("fk_file_version_file_id_file"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", "version", name=op.f("pk_file_version")),
    )
    op.create_index(op.f("ix_file_version_blob"), "file_version", ["blob"])
    op.add_column("change", sa.Column("name", sa.String(length=255), nullable=True))
    # Added one by one: a copy of the table would drop the old one, and what refers to it.
    deleted: sa.Column[bool] = sa.Column("is_deleted", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("knowledge_base", deleted)
    version = sa.Column("version", sa.Integer(), nullable=False, server_default="1")
    upload = sa.Column("upload", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("file", version)
    op.add_column("file", upload)


def downgrade() -> None:
    op.drop_column("file", "upload")
    op.drop_column("file", "version")
    op.drop_column("knowledge_base", "is_deleted")
    op.drop_column("change", "name")
    op.drop_table("file_version")
    op.drop_table("job_file")
    op.drop_table("job")
