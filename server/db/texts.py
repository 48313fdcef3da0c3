"""Parts of the extracted texts of files in SQL. Knows no sentences and no hits."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.db.models import ChunkRow, FileRow


def text_near_chunk(
    session: Session, chunk_id: int, *, start: int, end: int
) -> tuple[int, str] | None:
    """Return the id of a chunk's file, and characters ``start`` to ``end`` of the file's text.

    Return None if the chunk is gone.
    """
    part = func.substr(FileRow.text, start + 1, end - start)
    query = select(FileRow.id, part).join(ChunkRow).where(ChunkRow.id == chunk_id)
    row = session.execute(query).one_or_none()
    return row and (row[0], row[1])
