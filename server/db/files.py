"""Files, chunks, vectors and the change log in SQL. Knows no files on disk and no index."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, Select, delete, func, insert, select
from sqlalchemy.orm import Session

from server.datatypes import Chunk, Coverage, Document, Passage, heading_changes
from server.db.models import (
    ChangeRow,
    ChunkRow,
    FileRow,
    FileVersionRow,
    JobFileRow,
    JobRow,
    KnowledgeBaseRow,
    VectorRow,
    now,
)
from server.db.vectors import StoredVectors, pack_vectors
from server.errors import UnknownFile, UnknownVersion

BATCH = 2000  # rows that are read at once
VARIABLES = 500  # ids in one IN clause, well below SQLite's limit


@dataclass(frozen=True, slots=True)
class NewFile:
    """All that is stored of a file."""

    name: str
    blob: str
    size: int
    document: Document
    chunks: tuple[Chunk, ...]
    chunk_size: int
    chunk_overlap: int
    vectors: StoredVectors | None
    upload: int = 0  # what was uploaded later has a greater one
    splitter: str = "recursive"
    zh_title_enhance: bool = False
    source_id: int | None = None
    origin: str | None = None


def find_file(session: Session, kb: KnowledgeBaseRow, name: str) -> FileRow:
    """Return a file by its exact name, without its text and blocks.

    Raises:
        UnknownFile: the knowledge base has none.
    """
    row = look_up_file(session, kb, name)
    if row is None:
        raise UnknownFile(param="file_name", knowledge_base=kb.name, name=name[:300])
    return row


def look_up_file(session: Session, kb: KnowledgeBaseRow, name: str) -> FileRow | None:
    """Return a file by its exact name, or None."""
    return session.scalar(select(FileRow).where(FileRow.kb_id == kb.id, FileRow.name == name))


def find_files(session: Session, kb: KnowledgeBaseRow, names: Sequence[str]) -> dict[str, FileRow]:
    """Return those of the files that are there, by their exact names."""
    found: dict[str, FileRow] = {}
    for start in range(0, len(names), VARIABLES):
        some = names[start : start + VARIABLES]
        query = select(FileRow).where(FileRow.kb_id == kb.id, FileRow.name.in_(some))
        found |= {row.name: row for row in session.scalars(query)}
    return found


def list_files(session: Session, kb: KnowledgeBaseRow) -> Sequence[FileRow]:
    """Return the files of a knowledge base by name, without their texts."""
    return session.scalars(
        select(FileRow).where(FileRow.kb_id == kb.id).order_by(FileRow.name)
    ).all()


def put_file(
    session: Session,
    kb: KnowledgeBaseRow,
    new: NewFile,
    row: FileRow | None,
    *,
    keep_versions: int,
) -> Sequence[str]:
    """Write a file in place of ``row``, the one of the same name, and log the change.

    Other bytes make a new version; of the earlier ones ``keep_versions`` are kept. Return the
    hashes of the others, for which there may be no need any more. Call after ``next_revision`` in
    the same transaction.
    """
    forgotten: Sequence[str] = ()
    removed = remove_parts(session, row) if row else np.empty(0, np.int64)
    if row is None:
        row = FileRow(kb_id=kb.id, name=new.name, version=1)
        session.add(row)
    elif row.blob != new.blob:
        forgotten = keep_version(session, row, keep_versions)
    describe(row, new, kb.revision)
    session.flush()
    session.execute(
        insert(ChunkRow), [describe_chunk(row, *item) for item in enumerate(new.chunks)]
    )
    if new.vectors is not None:
        session.add(pack_vectors(row.id, new.vectors))
    log_change(session, kb, "put", row, removed)
    return forgotten


def keep_version(session: Session, row: FileRow, limit: int) -> Sequence[str]:
    """Note what a file was before it is replaced; changes the row.

    Forget the versions before the last ``limit`` and return their hashes.
    """
    session.add(
        FileVersionRow(
            file_id=row.id,
            version=row.version,
            blob=row.blob,
            size=row.size,
            chunk_count=row.chunk_count,
            created_at=row.updated_at,
        )
    )
    session.flush()
    row.version += 1
    return session.scalars(
        delete(FileVersionRow)
        .where(FileVersionRow.file_id == row.id, FileVersionRow.version < row.version - limit)
        .returning(FileVersionRow.blob)
    ).all()


def list_versions(session: Session, row: FileRow) -> Sequence[FileVersionRow]:
    """Return the earlier versions of a file, newest first."""
    return session.scalars(
        select(FileVersionRow)
        .where(FileVersionRow.file_id == row.id)
        .order_by(FileVersionRow.version.desc())
    ).all()


def find_version(session: Session, row: FileRow, version: int) -> FileVersionRow:
    """Return an earlier version of a file.

    Raises:
        UnknownVersion: there is none of that number.
    """
    found = session.get(FileVersionRow, (row.id, version))
    if found is None:
        raise UnknownVersion(param="version", name=row.name, version=version)
    return found


def same_content(session: Session, kb: KnowledgeBaseRow, blob: str, name: str) -> str | None:
    """Return the name of another file with the same bytes, or None."""
    return session.scalar(
        select(FileRow.name)
        .where(FileRow.blob == blob, FileRow.kb_id == kb.id, FileRow.name != name)
        .order_by(FileRow.id)
        .limit(1)
    )


def used_blobs(session: Session, kb: KnowledgeBaseRow, only: str | None = None) -> set[str]:
    """Return the hashes that files, their earlier versions and jobs of a knowledge base need.

    With ``only``, that one at most.
    """
    versions = select(FileVersionRow.blob).join(FileRow).where(FileRow.kb_id == kb.id)
    jobs = (
        select(JobFileRow.blob)
        .join(JobRow)
        .where(JobRow.kb_id == kb.id, JobFileRow.status == "queued", JobFileRow.blob.is_not(None))
    )
    files = select(FileRow.blob).where(FileRow.kb_id == kb.id)
    if only is not None:
        versions = versions.where(FileVersionRow.blob == only)
        jobs = jobs.where(JobFileRow.blob == only)
        files = files.where(FileRow.blob == only)
    return {blob for query in (files, versions, jobs) for blob in session.scalars(query) if blob}


def recently_changed(session: Session, kb: KnowledgeBaseRow, limit: int) -> set[str]:
    """Return the names of the files of the last changes."""
    query = (
        select(ChangeRow.name)
        .where(ChangeRow.kb_id == kb.id)
        .order_by(ChangeRow.revision.desc())
        .limit(limit)
    )
    return {name for name in session.scalars(query) if name is not None}


def describe(row: FileRow, new: NewFile, revision: int) -> None:
    """Copy the columns of a file; changes the row."""
    if row.blob != new.blob:
        row.updated_at = now()
    row.blob, row.size = new.blob, new.size
    row.title, row.text = new.document.title, new.document.text
    blocks = new.document.blocks
    row.blocks = [
        [len(block.text), block.kind, block.page, kept, further]
        for block, (kept, further) in zip(blocks, heading_changes(blocks), strict=True)
    ]
    row.coverage = asdict(new.document.coverage)
    row.completeness = completeness(new.document.coverage)
    row.chunk_count = len(new.chunks)
    row.splitter, row.zh_title_enhance = new.splitter, new.zh_title_enhance
    row.chunk_size, row.chunk_overlap = new.chunk_size, new.chunk_overlap
    row.revision = revision
    row.upload = max(row.upload or 0, new.upload)
    if new.upload:  # else it was only read again
        row.source_id, row.origin = new.source_id, new.origin


def completeness(coverage: Coverage) -> float | None:
    """Return the share of the words that was read, 0 with gaps, None where nobody counted."""
    if coverage.gaps:
        return 0.0
    return coverage.words_read / coverage.words if coverage.words else None


def describe_chunk(row: FileRow, order: int, chunk: Chunk) -> dict[str, Any]:
    """Return the columns of a chunk: one statement for all is far faster than an object each."""
    return {
        "file_id": row.id,
        "order": order,
        "text": chunk.text,
        "start": chunk.start,
        "end": chunk.end,
        "page": chunk.page,
        "page_breaks": [list(item) for item in chunk.page_breaks],
        "headings": list(chunk.headings),
    }


def remove_file(session: Session, kb: KnowledgeBaseRow, name: str) -> FileRow:
    """Delete a file with its chunks and vectors, log the change, and return what it was.

    Call after ``next_revision`` in the same transaction.

    Raises:
        UnknownFile: the knowledge base has none of that name.
    """
    row = find_file(session, kb, name)
    removed = remove_parts(session, row)
    session.execute(delete(FileRow).where(FileRow.id == row.id))
    log_change(session, kb, "delete", row, removed)
    session.expunge(row)
    return row


def remove_parts(session: Session, row: FileRow) -> NDArray[np.int64]:
    """Delete the chunks and vectors of a file; return the ids of the chunks."""
    ids = session.scalars(select(ChunkRow.id).where(ChunkRow.file_id == row.id)).all()
    session.execute(delete(ChunkRow).where(ChunkRow.file_id == row.id))
    session.execute(delete(VectorRow).where(VectorRow.file_id == row.id))
    return np.array(ids, np.int64)


def log_change(
    session: Session,
    kb: KnowledgeBaseRow,
    op: str,
    row: FileRow | None = None,
    removed: NDArray[np.int64] | None = None,
) -> None:
    """Append to the change log of a knowledge base; without a file, it is about all of them."""
    session.add(
        ChangeRow(
            kb_id=kb.id,
            revision=kb.revision,
            op=op,
            file_id=row.id if row else 0,
            name=row.name if row else None,
            removed=b"" if removed is None else removed.tobytes(),
        )
    )


def prune_changes(session: Session, kb: KnowledgeBaseRow, *, keep: int) -> None:
    """Forget all but the last changes of a knowledge base."""
    session.execute(
        delete(ChangeRow).where(ChangeRow.kb_id == kb.id, ChangeRow.revision <= kb.revision - keep)
    )


def removed_since(session: Session, kb_id: int, revision: int) -> list[NDArray[np.int64]]:
    """Return the ids of the chunks that went with each logged change after a revision."""
    rows = session.scalars(
        select(ChangeRow.removed).where(ChangeRow.kb_id == kb_id, ChangeRow.revision > revision)
    )
    return [np.frombuffer(row, np.int64) for row in rows]


def count_chunks(session: Session, kb_id: int) -> int:
    """Return how many chunks a knowledge base has."""
    query = select(func.count(ChunkRow.id)).join(FileRow).where(FileRow.kb_id == kb_id)
    return session.scalar(query) or 0


def files_since(session: Session, kb_id: int, revision: int) -> list[tuple[int, int]]:
    """Return the files written after a revision, oldest change first: id, number of chunks."""
    rows = session.execute(
        select(FileRow.id, FileRow.chunk_count)
        .where(FileRow.kb_id == kb_id, FileRow.revision > revision)
        .order_by(FileRow.revision, FileRow.id)
    )
    return [(file_id, count) for file_id, count in rows]


def passages_of_files(session: Session, file_ids: Sequence[int]) -> Iterator[Passage]:
    """Yield the chunks of files, file by file in the order of their ids."""
    for start in range(0, len(file_ids), VARIABLES):
        some = file_ids[start : start + VARIABLES]
        query = passage_query().where(ChunkRow.file_id.in_(some))
        rows = session.execute(
            query.order_by(ChunkRow.file_id, ChunkRow.order).execution_options(yield_per=BATCH)
        )
        yield from map(to_passage, rows)


def passages_of_file(
    session: Session, file_id: int, *, offset: int, limit: int | None
) -> list[Passage]:
    """Return some chunks of a file in order."""
    query = passage_query().where(ChunkRow.file_id == file_id).order_by(ChunkRow.order)
    rows = session.execute(query.offset(offset).limit(limit))
    return list(map(to_passage, rows))


def text_of_file(session: Session, file_id: int, *, start: int, end: int | None) -> tuple[str, int]:
    """Return characters ``start`` to ``end`` of a file's text, and how many the whole has."""
    part = func.substr(FileRow.text, start + 1, *([] if end is None else [max(0, end - start)]))
    text, length = session.execute(
        select(part, func.length(FileRow.text)).where(FileRow.id == file_id)
    ).one()
    return text, length


def passages_by_id(session: Session, chunk_ids: Sequence[int]) -> dict[int, Passage]:
    """Return chunks by id; those that are gone are left out."""
    found: dict[int, Passage] = {}
    for start in range(0, len(chunk_ids), VARIABLES):
        some = chunk_ids[start : start + VARIABLES]
        rows = session.execute(passage_query().where(ChunkRow.id.in_(some)))
        found |= {row.id: to_passage(row) for row in rows}
    return found


def passage_query() -> Select[Any]:
    """Return the query for chunks with what a passage says of their file and knowledge base.

    Columns and no objects: those cost several times as much, and every search reads passages.
    """
    return (
        select(
            *(ChunkRow.id, ChunkRow.order, ChunkRow.text, ChunkRow.start, ChunkRow.end),
            *(ChunkRow.page, ChunkRow.headings, ChunkRow.page_breaks),
            *(FileRow.name, FileRow.title, FileRow.origin),
            KnowledgeBaseRow.name.label("knowledge_base"),
        )
        .join(FileRow, ChunkRow.file_id == FileRow.id)
        .join(KnowledgeBaseRow, FileRow.kb_id == KnowledgeBaseRow.id)
    )


def to_passage(row: Row[Any]) -> Passage:
    """Return a row as the value that the rest of the service works with."""
    return Passage(
        chunk_id=row.id,
        knowledge_base=row.knowledge_base,
        file_name=row.name,
        title=row.title,
        order=row.order,
        chunk=Chunk(
            text=row.text,
            start=row.start,
            end=row.end,
            page=row.page,
            headings=tuple(row.headings),
            page_breaks=tuple((start, page) for start, page in row.page_breaks),
        ),
        origin=row.origin,
    )
