"""Which bytes SQL knows under the names of a knowledge base. Knows no disk."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, or_, select, union
from sqlalchemy.orm import Session

from server.db.models import FileRow, FileVersionRow, JobFileRow, JobRow, KnowledgeBaseRow

STORED = ("queued", "done", "skipped")  # what other uploads brought was never shown


def held_blobs(session: Session, kb: KnowledgeBaseRow) -> dict[str, set[str]]:
    """Return by name the hashes that a file has, had in an earlier version or gets in a job."""
    present = select(FileRow.name, FileRow.blob).where(FileRow.kb_id == kb.id)
    earlier = (
        select(FileRow.name, FileVersionRow.blob)
        .join(FileVersionRow, FileVersionRow.file_id == FileRow.id)
        .where(FileRow.kb_id == kb.id)
    )
    coming = (
        select(JobFileRow.name, JobFileRow.blob)
        .join(JobRow)
        .where(JobRow.kb_id == kb.id, JobFileRow.status == "queued", JobFileRow.blob.is_not(None))
    )
    held: dict[str, set[str]] = {}
    rows: Sequence[Any] = session.execute(union(present, earlier, coming)).all()
    for name, blob in rows:
        held.setdefault(name, set()).add(blob)
    return held


def was_shown(session: Session, row: FileRow, blob: str) -> bool:
    """Tell whether ``content/`` may show these bytes of a file: it has them or had them.

    The uploads before the present one count too: where no versions are kept, they alone tell what
    was there. Jobs are forgotten after some days, so the present upload knows what it replaced.
    """
    if blob == row.blob:
        return True
    versions = select(FileVersionRow.version).where(
        FileVersionRow.file_id == row.id, FileVersionRow.blob == blob
    )
    replaced = JobFileRow.note["replaced"].as_string() == blob
    uploads = (
        uploads_of(row.kb_id, row.name)
        .where(JobFileRow.id <= row.upload, JobFileRow.status.in_(STORED))
        .where(or_(JobFileRow.blob == blob, and_(JobFileRow.id == row.upload, replaced)))
    )
    return any(session.scalars(query.limit(1)).first() for query in (versions, uploads))


def is_coming(session: Session, kb_id: int, name: str, blob: str | None = None) -> bool:
    """Tell whether an upload of a file, or one of these bytes, is still to be done."""
    query = uploads_of(kb_id, name).where(JobFileRow.status == "queued")
    if blob is not None:
        query = query.where(JobFileRow.blob == blob)
    return session.scalars(query.limit(1)).first() is not None


def uploads_of(kb_id: int, name: str) -> Select[int]:
    """Return the query for the uploads of a file that are known still."""
    return (
        select(JobFileRow.id)
        .join(JobRow)
        .where(JobRow.kb_id == kb_id, JobRow.kind == "add", JobFileRow.name == name)
    )
