"""The tables: the single truth about knowledge bases. Knows no files on disk and no index."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {  # constraints need names that migrations can refer to
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# SQLite only counts up by itself in a column that is exactly INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC; SQLite forgets the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time with its zone."""
        return value and (value if value.tzinfo else value.replace(tzinfo=UTC))


class Table(DeclarativeBase):
    """The root of all tables."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON,
        list[Any]: JSON,
        datetime: UtcDateTime,
    }


class KnowledgeBaseRow(Table):
    """A knowledge base; ``revision`` counts its changes."""

    __tablename__ = "knowledge_base"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    name_key: Mapped[str] = mapped_column(String(128), unique=True)  # case-folded: "A" is "a"
    info: Mapped[str] = mapped_column(Text, default="")
    embedding_model: Mapped[str] = mapped_column(String(200))
    splitter: Mapped[str] = mapped_column(String(20), server_default="recursive")
    chunk_size: Mapped[int]
    chunk_overlap: Mapped[int]
    zh_title_enhance: Mapped[bool] = mapped_column(default=False, server_default=false())
    revision: Mapped[int] = mapped_column(default=0)
    is_deleted: Mapped[bool] = mapped_column(default=False, server_default=false())
    calibration: Mapped[dict[str, Any] | None]  # of off-topic detection, with its revision
    min_relevance: Mapped[float | None]  # chosen by hand; None: as the settings say
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = ({"sqlite_autoincrement": True},)  # caches are named by id: never used twice


class FileRow(Table):
    """A file of a knowledge base; ``revision`` is the one in which it was last written."""

    __tablename__ = "file"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kb_id: Mapped[int] = mapped_column(ForeignKey("knowledge_base.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    blob: Mapped[str] = mapped_column(String(64))  # sha256 of its bytes
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    title: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text, deferred=True)  # what the offsets count
    # [length, kind, page, headings kept, further ones], up to 0.2.0 [length, kind, page, headings]
    blocks: Mapped[list[Any]] = mapped_column(deferred=True)
    chunk_count: Mapped[int]
    splitter: Mapped[str] = mapped_column(String(20), server_default="recursive")
    chunk_size: Mapped[int]
    chunk_overlap: Mapped[int]
    zh_title_enhance: Mapped[bool] = mapped_column(default=False, server_default=false())
    revision: Mapped[int]
    version: Mapped[int] = mapped_column(default=1, server_default="1")  # counts the uploads
    upload: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")  # job_file.id
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)  # when its bytes last changed
    coverage: Mapped[dict[str, Any] | None]  # of ``Coverage``; None: read before it was noted
    # What ``kb.coverage_limit`` is compared with, in SQL too: the share of the words that was
    # read, 0 where there are gaps, None where nobody counted.
    completeness: Mapped[float | None]
    source_id: Mapped[int | None] = mapped_column(BigInteger, index=True)  # that it is kept in step
    origin: Mapped[str | None] = mapped_column(Text)  # its address, or "sql:" with a row's id or *
    tags: Mapped[list[Any] | None]  # that a person gave it, sorted; None: none

    __table_args__ = (
        UniqueConstraint("kb_id", "name"),
        Index(None, "kb_id", "revision"),
        Index(None, "kb_id", "completeness"),  # it lies behind the text, which is long
        Index(None, "blob"),
    )


class FileVersionRow(Table):
    """What a file was before it was replaced; its bytes are kept, its chunks are not."""

    __tablename__ = "file_version"

    file_id: Mapped[int] = mapped_column(
        ForeignKey("file.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True)
    blob: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    chunk_count: Mapped[int]
    created_at: Mapped[datetime]  # when that version was written

    __table_args__ = (Index(None, "blob"),)


class ChunkRow(Table):
    """A chunk of a file. Ids are never used twice, so an index cannot mistake one for another."""

    __tablename__ = "chunk"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("file.id", ondelete="CASCADE"))
    order: Mapped[int] = mapped_column("ord")
    text: Mapped[str] = mapped_column(Text)
    start: Mapped[int]
    end: Mapped[int] = mapped_column("stop")
    page: Mapped[int | None]
    page_breaks: Mapped[list[Any]]
    headings: Mapped[list[Any]]

    __table_args__ = (UniqueConstraint("file_id", "ord"), {"sqlite_autoincrement": True})


class VectorRow(Table):
    """The vectors of a file under one generation of an embedding model."""

    __tablename__ = "vector"

    file_id: Mapped[int] = mapped_column(
        ForeignKey("file.id", ondelete="CASCADE"), primary_key=True
    )
    generation: Mapped[str] = mapped_column(String(100), primary_key=True)
    dimension: Mapped[int]
    orders: Mapped[bytes] = mapped_column(LargeBinary)  # int32: the chunks that have a vector
    values: Mapped[bytes] = mapped_column("data", LargeBinary)  # float32 (n, dimension), unit rows
    crc32: Mapped[int] = mapped_column(BigInteger)


class ChangeRow(Table):
    """The change log of a knowledge base, from which the indexes catch up."""

    __tablename__ = "change"

    kb_id: Mapped[int] = mapped_column(
        ForeignKey("knowledge_base.id", ondelete="CASCADE"), primary_key=True
    )
    revision: Mapped[int] = mapped_column(primary_key=True)
    op: Mapped[str] = mapped_column(String(10))  # "put", "delete" or "model"
    file_id: Mapped[int] = mapped_column(BigInteger)  # no key: the file may be gone
    name: Mapped[str | None] = mapped_column(String(255))  # of the file
    removed: Mapped[bytes] = mapped_column(LargeBinary)  # int64: ids of the chunks that went


class JobRow(Table):
    """Work on files that survives the process; ``lease_until`` tells whether its owner lives."""

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))  # "add", "reindex" or "model"
    kb_id: Mapped[int | None] = mapped_column(ForeignKey("knowledge_base.id", ondelete="SET NULL"))
    knowledge_base: Mapped[str] = mapped_column(String(64))  # its name, kept when it is gone
    options: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(10))  # queued, running, done, failed, cancelled
    owner: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "status"), Index(None, "created_at"), Index(None, "kb_id"))


class JobFileRow(Table):
    """One file of a job."""

    __tablename__ = "job_file"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(300))  # as it was sent, if it cannot be stored
    blob: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes
    status: Mapped[str] = mapped_column(String(10))  # queued, done, skipped, failed, cancelled
    stage: Mapped[str | None] = mapped_column(String(10))  # of a queued file that is in work
    attempts: Mapped[int] = mapped_column(default=0)  # that ended with the process
    done: Mapped[int] = mapped_column(default=0)  # chunks that are embedded
    total: Mapped[int] = mapped_column(default=0)  # chunks
    note: Mapped[dict[str, Any] | None]  # what is to be said of it: code, en, zh, status
    origin: Mapped[str | None] = mapped_column(Text)  # of a file that comes from a source

    __table_args__ = (
        Index(None, "job_id", "status"),
        Index(None, "blob"),
        {"sqlite_autoincrement": True},
    )


class SourceRow(Table):
    """A web page or a query that files of a knowledge base are kept in step with.

    Files name their source by an id that is never used twice: the source may be gone.
    """

    __tablename__ = "source"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kb_id: Mapped[int] = mapped_column(ForeignKey("knowledge_base.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))  # of the registry SOURCES
    name: Mapped[str] = mapped_column(String(64))  # also the folder of its files
    options: Mapped[dict[str, Any]]  # may hold a password
    state: Mapped[str] = mapped_column(String(12))  # of ``schemas.sources.State``
    job_id: Mapped[str | None] = mapped_column(String(32))  # that adds what changed last
    counts: Mapped[dict[str, Any] | None]  # of the last synchronisation that ended
    error: Mapped[dict[str, Any] | None]  # why it was not complete
    created_at: Mapped[datetime] = mapped_column(default=now)
    synced_at: Mapped[datetime | None]  # when it was complete the last time

    __table_args__ = (UniqueConstraint("kb_id", "name"), {"sqlite_autoincrement": True})


class ConversationRow(Table):
    """Questions and answers that belong together."""

    __tablename__ = "conversation"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    knowledge_base: Mapped[str | None] = mapped_column(String(64))  # of the last question
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, index=True)


class MessageRow(Table):
    """A question with its answer, its sources and how they were found."""

    __tablename__ = "message"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str | None] = mapped_column(
        ForeignKey("conversation.id", ondelete="CASCADE")
    )
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(String(20))  # what answered: extractive, llm, refusal
    model: Mapped[str | None] = mapped_column(String(200))  # of mode "llm"
    stopped: Mapped[bool] = mapped_column(default=False, server_default=false())
    knowledge_base: Mapped[str] = mapped_column(String(64))
    sources: Mapped[list[Any]]
    trace: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index(None, "conversation_id", "created_at"),)


class FactRow(Table):
    """What this installation remembers of itself, such as that the samples were created."""

    __tablename__ = "fact"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class KeyRow(Table):
    """An API key, of which only the hash is kept."""

    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
