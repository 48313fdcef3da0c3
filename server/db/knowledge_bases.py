"""Knowledge bases in SQL. Knows no files on disk and no index."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.db.files import log_change
from server.db.models import ChunkRow, FileRow, KnowledgeBaseRow, VectorRow
from server.errors import DuplicateKnowledgeBase, UnknownKnowledgeBase


def find_kb(session: Session, name: str) -> KnowledgeBaseRow:
    """Return a knowledge base by its exact name, in the form in which names are stored.

    Raises:
        UnknownKnowledgeBase: there is none.
    """
    stored = unicodedata.normalize("NFC", name).strip()
    row = session.scalar(select(KnowledgeBaseRow).where(KnowledgeBaseRow.name == stored))
    if row is None or row.is_deleted:
        raise UnknownKnowledgeBase(param="knowledge_base", name=name[:200])
    return row


def list_kbs(session: Session) -> list[tuple[KnowledgeBaseRow, int]]:
    """Return all knowledge bases by name, each with its number of files."""
    query = (
        select(KnowledgeBaseRow, func.count(FileRow.id))
        .outerjoin(FileRow)
        .where(KnowledgeBaseRow.is_deleted.is_(False))
        .group_by(KnowledgeBaseRow.id)
        .order_by(KnowledgeBaseRow.name)
    )
    return [(row, count) for row, count in session.execute(query)]


def count_incomplete(
    session: Session, limit: float, kb: KnowledgeBaseRow | None = None
) -> dict[int, int]:
    """Return how many files were read in a smaller share than ``limit``, or with gaps.

    By the id of the knowledge base, of one or of all; those without such files are left out.
    """
    query = select(FileRow.kb_id, func.count().label("incomplete"))
    query = query.where(FileRow.completeness < limit)
    if kb is not None:
        query = query.where(FileRow.kb_id == kb.id)
    rows = session.execute(query.group_by(FileRow.kb_id))
    return {row.kb_id: row.incomplete for row in rows}


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


def load_kb(session: Session, kb_id: int) -> KnowledgeBaseRow:
    """Return a knowledge base by its id.

    Raises:
        UnknownKnowledgeBase: it was deleted.
    """
    row = session.get(KnowledgeBaseRow, kb_id)
    if row is None or row.is_deleted:
        raise UnknownKnowledgeBase(param="knowledge_base", name=row.name if row else str(kb_id))
    return row


def hide_kb(session: Session, kb: KnowledgeBaseRow) -> None:
    """Take a knowledge base out of sight and free its name; its rows are removed afterwards."""
    hidden = f"/deleted/{kb.id}"  # no name of a user has a slash
    session.execute(
        update(KnowledgeBaseRow)
        .where(KnowledgeBaseRow.id == kb.id)
        .values(is_deleted=True, name=hidden, name_key=hidden)
    )
    session.expunge(kb)


def hidden_kbs(session: Session) -> Sequence[int]:
    """Return the ids of the knowledge bases that are to be removed."""
    return session.scalars(
        select(KnowledgeBaseRow.id).where(KnowledgeBaseRow.is_deleted.is_(True))
    ).all()


def remove_rows(session: Session, kb_id: int, *, files: int) -> bool:
    """Remove some files of a hidden knowledge base, at last itself; return whether that is all."""
    some = session.scalars(select(FileRow.id).where(FileRow.kb_id == kb_id).limit(files)).all()
    if some:
        session.execute(delete(FileRow).where(FileRow.id.in_(some)))
        return False
    session.execute(delete(KnowledgeBaseRow).where(KnowledgeBaseRow.id == kb_id))
    return True


def next_revision(session: Session, kb: KnowledgeBaseRow) -> KnowledgeBaseRow:
    """Count a change; the first statement of every transaction that changes a knowledge base.

    Raises:
        UnknownKnowledgeBase: it is gone, even if there is a new one of the same name.
    """
    row = session.scalar(
        update(KnowledgeBaseRow)
        .where(KnowledgeBaseRow.id == kb.id)
        .values(revision=KnowledgeBaseRow.revision + 1)
        .returning(KnowledgeBaseRow)
        .execution_options(populate_existing=True)
    )
    if row is None or row.is_deleted:
        raise UnknownKnowledgeBase(param="knowledge_base", name=kb.name)
    return row


def files_without_vectors(session: Session, kb: KnowledgeBaseRow, generation: str) -> Sequence[str]:
    """Return the names of the files that no vectors of a generation were made for."""
    made = select(VectorRow.file_id).where(
        VectorRow.file_id == FileRow.id, VectorRow.generation == generation
    )
    query = select(FileRow.name).where(FileRow.kb_id == kb.id, ~made.exists())
    return session.scalars(query.order_by(FileRow.id)).all()


def remove_other_vectors(
    session: Session, kb: KnowledgeBaseRow, generation: str, *, files: int
) -> int:
    """Delete vectors of other generations, of some files; return of how many."""
    stale = session.execute(
        select(VectorRow.file_id, VectorRow.generation)
        .join(FileRow)
        .where(FileRow.kb_id == kb.id, VectorRow.generation != generation)
        .limit(files)
    ).all()
    for file_id, name in stale:
        session.execute(
            delete(VectorRow).where(VectorRow.file_id == file_id, VectorRow.generation == name)
        )
    return len(stale)


def change_model(session: Session, kb: KnowledgeBaseRow, model: str) -> None:
    """Let a knowledge base use another embedding model, whose vectors are there."""
    current = next_revision(session, kb)
    current.embedding_model = model
    current.calibration = None  # it was measured with the vectors of the old one
    log_change(session, current, "model")


def store_calibration(session: Session, kb: KnowledgeBaseRow, calibration: dict[str, Any]) -> None:
    """Keep what off-topic detection has learned, unless the model has changed meanwhile."""
    session.execute(
        update(KnowledgeBaseRow)
        .where(KnowledgeBaseRow.id == kb.id, KnowledgeBaseRow.embedding_model == kb.embedding_model)
        .values(calibration=calibration)
    )


def chunk_ids(session: Session, kb: KnowledgeBaseRow) -> list[int]:
    """Return the ids of all chunks of a knowledge base, in order."""
    query = select(ChunkRow.id).join(FileRow).where(FileRow.kb_id == kb.id).order_by(ChunkRow.id)
    return list(session.scalars(query))
