"""Sources of knowledge bases in SQL. Knows nothing of how they are fetched."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.db.models import FileRow, KnowledgeBaseRow, SourceRow, now
from server.errors import DuplicateSource, UnknownSource


def add_source(session: Session, row: SourceRow) -> SourceRow:
    """Add a source.

    Raises:
        DuplicateSource: the knowledge base has one of that name.
    """
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise DuplicateSource(param="name", name=row.name) from error
    return row


def find_source(session: Session, kb: KnowledgeBaseRow, source_id: int) -> SourceRow:
    """Return a source.

    Raises:
        UnknownSource: the knowledge base has none of that id.
    """
    row = session.get(SourceRow, source_id)
    if row is None or row.kb_id != kb.id:
        raise UnknownSource(param="source_id", knowledge_base=kb.name, source_id=source_id)
    return row


def list_sources(session: Session, kb: KnowledgeBaseRow) -> Sequence[SourceRow]:
    """Return the sources of a knowledge base by name."""
    query = select(SourceRow).where(SourceRow.kb_id == kb.id).order_by(SourceRow.name)
    return session.scalars(query).all()


def update_source(session: Session, source_id: int, **values: Any) -> None:  # columns of the row
    """Change a source; without effect if it is gone."""
    session.execute(update(SourceRow).where(SourceRow.id == source_id).values(**values))


def remove_source(session: Session, source_id: int) -> None:
    """Delete a source; its files stay, as files of nobody."""
    session.execute(update(FileRow).where(FileRow.source_id == source_id).values(source_id=None))
    session.execute(delete(SourceRow).where(SourceRow.id == source_id))


def interrupt_sources(session: Session) -> None:
    """Note that no synchronisation goes on: for a start that knows that."""
    session.execute(
        update(SourceRow).where(SourceRow.state == "syncing").values(state="interrupted")
    )


def files_of_source(session: Session, source_id: int) -> Sequence[FileRow]:
    """Return the files that are kept in step with a source, by name."""
    query = select(FileRow).where(FileRow.source_id == source_id).order_by(FileRow.name)
    return session.scalars(query).all()


def end_sync(session: Session, source_id: int, state: str, **values: Any) -> None:  # columns
    """Write how a synchronisation ended."""
    if state == "done":
        values["synced_at"] = now()
    update_source(session, source_id, state=state, **values)
