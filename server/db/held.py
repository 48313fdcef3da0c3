"""Which bytes SQL knows under the names of a knowledge base. Knows no disk."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from server.db.models import FileRow, FileVersionRow, JobFileRow, JobRow, KnowledgeBaseRow


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
