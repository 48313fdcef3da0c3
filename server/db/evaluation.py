"""Test sets and their runs in SQL. Knows no metric and no format of a file."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.db.evaluation_models import QuestionSetRow, RunQuestionRow, RunRow, SetQuestionRow
from server.db.models import ChunkRow, FileRow, KnowledgeBaseRow, now
from server.errors import DuplicateTestSet, UnknownRun, UnknownTestQuestion, UnknownTestSet

TEXTS_AT_ONCE = 50  # files whose text is read at once


def add_set(session: Session, kb: KnowledgeBaseRow, name: str) -> QuestionSetRow:
    """Add a test set without questions.

    Raises:
        DuplicateTestSet: the knowledge base has one of that name.
    """
    row = QuestionSetRow(kb_id=kb.id, name=name)
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise DuplicateTestSet(param="name", name=name) from error
    return row


def find_set(session: Session, kb: KnowledgeBaseRow, set_id: int) -> QuestionSetRow:
    """Return a test set.

    Raises:
        UnknownTestSet: the knowledge base has none of that id.
    """
    row = session.get(QuestionSetRow, set_id)
    if row is None or row.kb_id != kb.id:
        raise UnknownTestSet(param="set_id", knowledge_base=kb.name, set_id=set_id)
    return row


def list_sets(session: Session, kb: KnowledgeBaseRow) -> Sequence[QuestionSetRow]:
    """Return the test sets of a knowledge base by name."""
    query = select(QuestionSetRow).where(QuestionSetRow.kb_id == kb.id)
    return session.scalars(query.order_by(QuestionSetRow.name)).all()


def count_questions(session: Session, set_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return how many questions test sets have in each status, by the id of the set."""
    counts: dict[int, dict[str, int]] = {set_id: {} for set_id in set_ids}
    query = (
        select(SetQuestionRow.set_id, SetQuestionRow.status, func.count())
        .where(SetQuestionRow.set_id.in_(set_ids))
        .group_by(SetQuestionRow.set_id, SetQuestionRow.status)
    )
    for set_id, status, count in session.execute(query):
        counts[set_id][status] = count
    return counts


def remove_set(session: Session, set_id: int) -> None:
    """Delete a test set with its questions and runs."""
    session.execute(delete(QuestionSetRow).where(QuestionSetRow.id == set_id))


def list_questions(
    session: Session,
    set_id: int,
    *,
    status: str | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> Sequence[SetQuestionRow]:
    """Return questions of a test set in the order in which they came."""
    query = select(SetQuestionRow).where(SetQuestionRow.set_id == set_id)
    if status is not None:
        query = query.where(SetQuestionRow.status == status)
    query = query.order_by(SetQuestionRow.id).offset(offset).limit(limit)
    return session.scalars(query).all()


def find_question(session: Session, set_id: int, question_id: int) -> SetQuestionRow:
    """Return a question of a test set.

    Raises:
        UnknownTestQuestion: the set has none of that id.
    """
    row = session.get(SetQuestionRow, question_id)
    if row is None or row.set_id != set_id:
        raise UnknownTestQuestion(param="question_id", set_id=set_id, question_id=question_id)
    return row


def accept_questions(session: Session, set_id: int, ids: Sequence[int] | None) -> int:
    """Accept drafts of a test set, those of the ids or all; return how many that were."""
    accepted = (
        update(SetQuestionRow)
        .where(SetQuestionRow.set_id == set_id, SetQuestionRow.status == "draft")
        .values(status="accepted")
        .returning(SetQuestionRow.id)
    )
    if ids is not None:
        accepted = accepted.where(SetQuestionRow.id.in_(ids))
    return len(session.execute(accepted).all())


def find_run(session: Session, run_id: int) -> tuple[RunRow, QuestionSetRow, KnowledgeBaseRow]:
    """Return a run with its test set and knowledge base.

    Raises:
        UnknownRun: there is none of that id.
    """
    query = (
        select(RunRow, QuestionSetRow, KnowledgeBaseRow)
        .join(QuestionSetRow, RunRow.set_id == QuestionSetRow.id)
        .join(KnowledgeBaseRow, QuestionSetRow.kb_id == KnowledgeBaseRow.id)
        .where(RunRow.id == run_id, KnowledgeBaseRow.is_deleted.is_(False))
    )
    found = session.execute(query).one_or_none()
    if found is None:
        raise UnknownRun(param="run_id", run_id=run_id)
    return found[0], found[1], found[2]


def list_runs(session: Session, set_id: int, *, limit: int) -> Sequence[RunRow]:
    """Return the runs of a test set, newest first."""
    query = select(RunRow).where(RunRow.set_id == set_id).order_by(RunRow.id.desc())
    return session.scalars(query.limit(limit)).all()


def note_portion(session: Session, run_id: int, rows: Sequence[RunQuestionRow]) -> bool:
    """Keep what became of some questions; return whether the run still goes on."""
    counted = session.execute(
        update(RunRow)
        .where(RunRow.id == run_id, RunRow.status == "running")
        .values(done=RunRow.done + len(rows))
        .returning(RunRow.id)
    ).all()
    if counted:
        session.add_all(rows)
    return bool(counted)


def end_run(session: Session, run_id: int, status: str, **values: Any) -> None:  # columns
    """Write how a run ended; without effect if it has ended or is gone."""
    session.execute(
        update(RunRow)
        .where(RunRow.id == run_id, RunRow.status == "running")
        .values(status=status, finished_at=now(), **values)
    )


def interrupt_runs(session: Session, error: dict[str, Any]) -> None:
    """Note that no run goes on: for a start that knows that."""
    session.execute(
        update(RunRow)
        .where(RunRow.status == "running")
        .values(status="failed", finished_at=now(), error=error)
    )


def remove_run(session: Session, run_id: int) -> None:
    """Delete a run with what became of its questions."""
    session.execute(delete(RunRow).where(RunRow.id == run_id))


def list_outcomes(
    session: Session,
    run_id: int,
    *,
    is_good: bool | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> Sequence[RunQuestionRow]:
    """Return what became of questions of a run, in their order."""
    query = select(RunQuestionRow).where(RunQuestionRow.run_id == run_id)
    if is_good is not None:
        query = query.where(RunQuestionRow.is_good.is_(is_good))
    query = query.order_by(RunQuestionRow.order).offset(offset).limit(limit)
    return session.scalars(query).all()


def chunk_texts(session: Session, kb_id: int, file_name: str) -> Sequence[str]:
    """Return the texts of the chunks of a file, none if there is no such file."""
    query = (
        select(ChunkRow.text)
        .join(FileRow)
        .where(FileRow.kb_id == kb_id, FileRow.name == file_name)
        .order_by(ChunkRow.order)
    )
    return session.scalars(query).all()


def file_texts(session: Session, kb: KnowledgeBaseRow) -> Iterator[tuple[str, str]]:
    """Yield the files of a knowledge base by name, each with its text."""
    query = select(FileRow.name, FileRow.text).where(FileRow.kb_id == kb.id).order_by(FileRow.name)
    rows = session.execute(query.execution_options(yield_per=TEXTS_AT_ONCE))
    yield from ((name, text) for name, text in rows)
