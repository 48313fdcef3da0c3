"""Which chunks of a knowledge base a search may find. Knows no indexes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from server.datatypes import FileFilter
from server.db.files import VARIABLES
from server.db.models import ChunkRow, FileRow, KnowledgeBaseRow


def chunks_allowed(session: Session, kb: KnowledgeBaseRow, wanted: FileFilter) -> NDArray[np.int64]:
    """Return the ids of the chunks of the files that a filter lets pass."""
    query = select(FileRow.id, FileRow.name, FileRow.tags).where(
        FileRow.kb_id == kb.id, *conditions(wanted)
    )
    files = [
        file_id
        for file_id, name, tags in session.execute(query)
        if not wanted.tags or wanted.tags.intersection(tags or ())
        if not wanted.folders or not wanted.folders.isdisjoint(folders_of(name))
    ]
    ids: list[int] = []
    for start in range(0, len(files), VARIABLES):
        some = files[start : start + VARIABLES]
        ids += session.scalars(select(ChunkRow.id).where(ChunkRow.file_id.in_(some)))
    return np.array(ids, np.int64)


def conditions(wanted: FileFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what a file must fulfil, all of it.

    Not its tags, which are JSON, nor its folders: SQLite takes no more than 1000 terms in a row.
    """
    if wanted.files:
        yield FileRow.name.in_(wanted.files)
    if wanted.since is not None:
        yield FileRow.updated_at >= wanted.since
    if wanted.until is not None:
        yield FileRow.updated_at <= wanted.until


def folders_of(name: str) -> Iterator[str]:
    """Yield the folders that a file is in, from the innermost."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name
