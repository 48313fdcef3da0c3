"""Knowledge bases in SQL. Knows no files on disk and no index."""

import unicodedata
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.db.models import ChunkRow, FileRow, KnowledgeBaseRow
from server.errors import DuplicateKnowledgeBase, UnknownKnowledgeBase


def find_kb(session: Session, name: str) -> KnowledgeBaseRow:
    """Return a knowledge base by its exact name, in the form in which names are stored.

    Raises:
        UnknownKnowledgeBase: there is none.
    """
    stored = unicodedata.normalize("NFC", name).strip()
    row = session.scalar(select(KnowledgeBaseRow).where(KnowledgeBaseRow.name == stored))
    if row is None:
        raise UnknownKnowledgeBase(param="knowledge_base", name=name[:200])
    return row


def list_kbs(session: Session) -> list[tuple[KnowledgeBaseRow, int]]:
    """Return all knowledge bases by name, each with its number of files."""
    query = (
        select(KnowledgeBaseRow, func.count(FileRow.id))
        .outerjoin(FileRow)
        .group_by(KnowledgeBaseRow.id)
        .order_by(KnowledgeBaseRow.name)
    )
    return [(row, count) for row, count in session.execute(query)]


def add_kb(session: Session, row: KnowledgeBaseRow) -> KnowledgeBaseRow:
    """Add a knowledge base.

    Raises:
        DuplicateKnowledgeBase: the name is taken, be it in other capitals.
    """
    row.name_key = row.name.casefold()
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise DuplicateKnowledgeBase(param="name", name=row.name) from error
    return row


def remove_kb(session: Session, kb: KnowledgeBaseRow) -> None:
    """Delete a knowledge base with all its rows."""
    session.execute(delete(KnowledgeBaseRow).where(KnowledgeBaseRow.id == kb.id))
    session.expunge(kb)


def next_revision(session: Session, kb: KnowledgeBaseRow) -> KnowledgeBaseRow:
    """Count a change; the first statement of every transaction that changes a knowledge base.

    Raises:
        UnknownKnowledgeBase: it is gone, even if there is a new one of the same name.
    """
    session.execute(
        update(KnowledgeBaseRow)
        .where(KnowledgeBaseRow.id == kb.id)
        .values(revision=KnowledgeBaseRow.revision + 1)
    )
    row = session.get(KnowledgeBaseRow, kb.id, populate_existing=True)
    if row is None:
        raise UnknownKnowledgeBase(param="knowledge_base", name=kb.name)
    return row


def store_calibration(session: Session, kb_id: int, calibration: dict[str, Any]) -> None:
    """Keep what off-topic detection has learned from a knowledge base."""
    session.execute(
        update(KnowledgeBaseRow).where(KnowledgeBaseRow.id == kb_id).values(calibration=calibration)
    )


def chunk_ids(session: Session, kb: KnowledgeBaseRow) -> list[int]:
    """Return the ids of all chunks of a knowledge base, in order."""
    query = select(ChunkRow.id).join(FileRow).where(FileRow.kb_id == kb.id).order_by(ChunkRow.id)
    return list(session.scalars(query))
