"""Which chunks of a knowledge base a search may find. Knows no indexes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from server.datatypes import FileFilter
from server.db.files import VARIABLES
from server.db.models import ChunkRow, FileRow, KnowledgeBaseRow


def chunks_allowed(session: Session, kb: KnowledgeBaseRow, wanted: FileFilter) -> NDArray[np.int64]:
    """Return the ids of the chunks of the files that a filter lets pass."""
    query = select(FileRow.id, FileRow.tags).where(FileRow.kb_id == kb.id, *conditions(wanted))
    files = [
        file_id
        for file_id, tags in session.execute(query)
        if not wanted.tags or wanted.tags.intersection(tags or ())
    ]
    ids: list[int] = []
    for start in range(0, len(files), VARIABLES):
        some = files[start : start + VARIABLES]
        ids += session.scalars(select(ChunkRow.id).where(ChunkRow.file_id.in_(some)))
    return np.array(ids, np.int64)


def conditions(wanted: FileFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what a file must fulfil, all of it; its tags are not for SQL to look at."""
    if wanted.files:
        yield FileRow.name.in_(wanted.files)
    if wanted.folders:
        below = (f"{name.rstrip('/')}/" for name in wanted.folders)
        yield or_(*(func.substr(FileRow.name, 1, len(start)) == start for start in below))
    if wanted.since is not None:
        yield FileRow.updated_at >= wanted.since
    if wanted.until is not None:
        yield FileRow.updated_at <= wanted.until
