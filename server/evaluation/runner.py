"""Runs test sets in the background, one after the other. Knows no routes and no files of questions.

A run is a row that tells how far it is; what became of each question is kept in portions.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import ValidationError

from configs.settings import RetrievalSettings
from server.db.database import Database
from server.db.evaluation import (
    chunk_texts,
    end_run,
    find_run,
    find_set,
    interrupt_runs,
    list_questions,
    note_portion,
)
from server.db.evaluation_models import RunQuestionRow, RunRow, SetQuestionRow
from server.db.knowledge_bases import find_kb
from server.errors import (
    InternalError,
    InvalidRequest,
    NothingToRun,
    NotReranked,
    RerankingFailed,
    RunInterrupted,
    ZhiwenError,
)
from server.errors.records import write_error
from server.evaluation.judging import Judge, values_of
from server.evaluation.metrics import DEPTH, average
from server.knowledge_base.rerankers.pool import CATALOGUE
from server.knowledge_base.retrieval import Retrieval, Retriever
from server.schemas.evaluation import NewQuestion
from server.schemas.problems import describe_problems

logger = logging.getLogger(__name__)

PORTION = 50  # questions that are kept at once
PORTION_S = 1.0  # or so many as are done in this time, so that a person sees it go on

MakeRetriever = Callable[[RetrievalSettings], Retriever]


class Runner:
    """Runs test sets, in a thread of its own."""

    def __init__(
        self,
        database: Database,
        make_retriever: MakeRetriever,
        calibrate: Callable[[str], None],
        *,
        settings: RetrievalSettings,
    ) -> None:
        """``calibrate`` brings the thresholds of a knowledge base up to date."""
        self.database = database
        self.make_retriever = make_retriever
        self.calibrate = calibrate
        self.settings = settings
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="evaluate")
        self._closed = threading.Event()

    def recover(self) -> None:
        """Note that the runs of a former process ended with it."""
        with self.database.write("recover_runs") as session:
            interrupt_runs(session, write_error(RunInterrupted()))

    def begin(self, kb_name: str, set_id: int, overrides: Mapping[str, Any], name: str) -> RunRow:
        """Begin a run over the accepted questions of a test set and return it.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet, InvalidRequest, NothingToRun: none began.
        """
        settings = override(self.settings, overrides)
        check_reranker(self.make_retriever(settings))
        with self.database.write("begin_run") as session:
            kb = find_kb(session, kb_name)
            test_set = find_set(session, kb, set_id)
            used = tunable(settings)
            if kb.min_relevance is not None:  # it wins over that of the settings
                if "min_relevance" in overrides:
                    raise refuse([problem("own_value", "min_relevance", kb.min_relevance)])
                used["min_relevance"] = kb.min_relevance
            total = len(list_questions(session, set_id, status="accepted"))
            if not total:
                raise NothingToRun(param="set_id", name=test_set.name)
            run = RunRow(
                set_id=set_id,
                name=name,
                status="running",
                total=total,
                overrides=dict(overrides),
                settings=used,
                revision=kb.revision,
                embedding_model=kb.embedding_model,
            )
            session.add(run)
        self._worker.submit(self._run_quietly, run.id, settings)
        return run

    def cancel(self, run_id: int) -> None:
        """End a run; what is measured stays. One that has ended stays as it is.

        Raises:
            UnknownRun: there is none of that id.
        """
        with self.database.write("cancel_run") as session:
            find_run(session, run_id)
            end_run(session, run_id, "cancelled")

    def close(self) -> None:
        """End what is running and what waits; the next start notes it if there is no time to."""
        self._closed.set()
        self._worker.shutdown(cancel_futures=True)

    def _run_quietly(self, run_id: int, settings: RetrievalSettings) -> None:
        """Run, and write what went wrong into the row."""
        try:
            self._run(run_id, settings)
        except ZhiwenError as error:
            logger.info("The evaluation run %d failed: %s", run_id, error)
            self._fail(run_id, error)
        except Exception as error:  # the border of the thread: nobody else would see it
            logger.exception("The evaluation run %d failed.", run_id)
            self._fail(run_id, InternalError(request_id=type(error).__name__))

    def _fail(self, run_id: int, error: ZhiwenError) -> None:
        try:
            with self.database.write("fail_run") as session:
                end_run(session, run_id, "failed", error=write_error(error))
        except ZhiwenError as trouble:  # the next start notes it
            logger.error("The end of the evaluation run %d was not stored: %s", run_id, trouble)

    def _run(self, run_id: int, settings: RetrievalSettings) -> None:
        with self.database.read() as session:
            run, test_set, kb = find_run(session, run_id)
            questions = list_questions(session, test_set.id, status="accepted")
            kb_id, kb_name = kb.id, kb.name
        if run.status != "running":  # cancelled while it waited
            return
        self.calibrate(kb_name)
        judge = self._make_judge(kb_id, kb_name, settings)
        values: list[dict[str, float]] = []
        to_look_at = 0
        rows: list[RunQuestionRow] = []
        kept_at = time.monotonic()
        for order, question in enumerate(questions):
            if self._closed.is_set():
                raise RunInterrupted
            expected = to_new(question)
            outcome, is_good = judge.judge(expected)
            values.append(values_of(expected, outcome))
            to_look_at += not is_good
            rows.append(
                RunQuestionRow(
                    run_id=run_id,
                    order=order,
                    question_id=question.id,
                    expected=expected.model_dump(),
                    outcome=outcome.model_dump(),
                    is_good=is_good,
                )
            )
            if len(rows) == PORTION or time.monotonic() - kept_at > PORTION_S:
                if not self._keep(run_id, rows):
                    return
                rows, kept_at = [], time.monotonic()
        metrics, counts = average(values)
        with self.database.write("end_run") as session:
            note_portion(session, run_id, rows)
            summary = {"metrics": metrics, "counts": counts, "to_look_at": to_look_at}
            end_run(session, run_id, "done", metrics=summary, total=len(questions))

    def _keep(self, run_id: int, rows: list[RunQuestionRow]) -> bool:
        """Keep what became of questions; return False if the run was cancelled or deleted."""
        with self.database.write("run_portion") as session:
            return note_portion(session, run_id, rows)

    def _make_judge(self, kb_id: int, kb_name: str, settings: RetrievalSettings) -> Judge:
        """Return a judge that asks a knowledge base just as the chat would with these settings.

        What is found at the ranks below ``top_k`` takes a second search: more hits to choose from
        change which come first, and with that what is covered and answered.
        """
        retriever = self.make_retriever(settings)
        # More than the settings let through would search deeper than the chat does.
        depth = min(DEPTH, max(settings.top_k, settings.candidates))

        def ask(question: str, top_k: int) -> Retrieval:
            found = retriever.retrieve(kb_name, question, top_k=top_k)
            check_reranked(found)
            return found

        def read_chunks(file_name: str) -> list[str]:
            with self.database.read() as session:
                return list(chunk_texts(session, kb_id, file_name))

        return Judge(
            lambda question: ask(question, settings.top_k),
            lambda question: ask(question, depth),
            read_chunks,
        )


def check_reranker(retriever: Retriever) -> None:
    """Refuse a reranker that is nowhere; it is not loaded and not asked.

    Raises:
        InvalidRequest: it is such.
    """
    try:
        retriever.rerankers.get(retriever.settings.reranker)
    except RerankingFailed as error:
        raise InvalidRequest(
            param="settings.reranker",
            problem_en=error.message("en"),
            problem_zh=error.message("zh"),
        ) from error


def check_reranked(found: Retrieval) -> None:
    """Refuse hits in the order that they had before the reranker failed: the chat takes them.

    Raises:
        NotReranked: they are such.
    """
    if reason := (found.trace["reranker"] or {}).get("error"):
        raise NotReranked(reason=reason)


def override(settings: RetrievalSettings, overrides: Mapping[str, Any]) -> RetrievalSettings:
    """Return the settings with some of them replaced.

    Only numbers and names can be: what a name stands for, such as an address, is for whoever runs
    the service to choose, and so are folders, which a reranker in force may be.

    Raises:
        InvalidRequest: one does not exist or has a value out of range.
    """
    known = tunable(settings)
    problems = [
        problem("extra_forbidden", name, value)
        for name, value in overrides.items()
        if name not in known
    ]
    names = ("", settings.reranker, *settings.rerankers, *CATALOGUE)
    reranker = overrides.get("reranker", "")
    if isinstance(reranker, str) and reranker not in names:
        problems.append(problem("unknown_reranker", "reranker", reranker))
    if problems:
        raise refuse(problems)
    try:
        return RetrievalSettings.model_validate({**settings.model_dump(), **overrides})
    except ValidationError as error:
        raise refuse(error.errors()) from error


def problem(kind: str, name: str, value: Any) -> Mapping[str, Any]:
    """Return what is wrong with an overridden setting, as pydantic tells it."""
    writable = name.encode(errors="backslashreplace").decode()  # JSON may have half a character
    return {"type": kind, "loc": (writable,), "msg": "", "input": value}


def refuse(problems: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """Return the error that says what is wrong with overridden settings."""
    placed = [{**each, "loc": ("", "settings", *each["loc"])} for each in problems]
    return InvalidRequest(
        param=".".join(map(str, placed[0]["loc"][1:])),
        problem_en=describe_problems(placed, "en"),
        problem_zh=describe_problems(placed, "zh"),
    )


def tunable(settings: RetrievalSettings) -> dict[str, Any]:
    """Return the settings that are numbers or names: tables of models may hold keys."""
    values = settings.model_dump(mode="json")
    return {name: value for name, value in values.items() if isinstance(value, int | float | str)}


def to_new(row: SetQuestionRow) -> NewQuestion:
    """Return a stored question as it was written."""
    return NewQuestion.model_validate(
        {name: getattr(row, name) for name in NewQuestion.model_fields}
    )
