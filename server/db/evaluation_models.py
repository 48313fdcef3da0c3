"""The tables of test sets and their runs. Knows no metric."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.models import Id, Table, now


class QuestionSetRow(Table):
    """Questions by which a knowledge base is measured."""

    __tablename__ = "test_set"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kb_id: Mapped[int] = mapped_column(ForeignKey("knowledge_base.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("kb_id", "name"), {"sqlite_autoincrement": True})


class SetQuestionRow(Table):
    """A question with what a right answer to it is; a draft is used in no run."""

    __tablename__ = "test_question"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("test_set.id", ondelete="CASCADE"))
    label: Mapped[str] = mapped_column(String(200), default="")  # its id in the file that it is of
    question: Mapped[str] = mapped_column(Text)
    files: Mapped[list[Any]]  # names, of which each holds an answer
    quotes: Mapped[list[Any]]  # texts, one of which a right chunk must hold
    answers: Mapped[list[Any]]  # texts, one of which a right answer must hold
    kind: Mapped[str] = mapped_column(String(10), default="answerable")  # "foreign", "near_miss"
    status: Mapped[str] = mapped_column(String(10), default="accepted")  # or "draft"
    origin: Mapped[str] = mapped_column(String(10), default="person")  # or "rule", "llm"

    __table_args__ = (Index(None, "set_id", "status"), {"sqlite_autoincrement": True})


class RunRow(Table):
    """One measurement of a knowledge base with a test set."""

    __tablename__ = "evaluation_run"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("test_set.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100), default="")
    status: Mapped[str] = mapped_column(String(10))  # running, done, failed, cancelled
    done: Mapped[int] = mapped_column(default=0)  # questions
    total: Mapped[int]
    overrides: Mapped[dict[str, Any]]  # retrieval settings that the person chose for it
    settings: Mapped[dict[str, Any]]  # all that were in force
    revision: Mapped[int]  # of the knowledge base
    embedding_model: Mapped[str] = mapped_column(String(200))
    metrics: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]  # why it failed
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "set_id"),
        Index(None, "status"),
        {"sqlite_autoincrement": True},
    )


class RunQuestionRow(Table):
    """What became of a question in a run, with the question as it was then."""

    __tablename__ = "run_question"

    run_id: Mapped[int] = mapped_column(
        ForeignKey("evaluation_run.id", ondelete="CASCADE"), primary_key=True
    )
    order: Mapped[int] = mapped_column("ord", primary_key=True)
    question_id: Mapped[int] = mapped_column(BigInteger)  # no key: it may be gone
    expected: Mapped[dict[str, Any]]  # the question with what is right, of ``NewQuestion``
    outcome: Mapped[dict[str, Any]]  # of ``Outcome``
    is_good: Mapped[bool]
