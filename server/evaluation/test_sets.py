"""Test sets of knowledge bases and what runs of them measured. Knows no routes."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from server.db.database import Database
from server.db.evaluation import (
    accept_questions,
    add_set,
    count_questions,
    file_texts,
    find_question,
    find_run,
    find_set,
    list_outcomes,
    list_questions,
    list_runs,
    list_sets,
    remove_run,
    remove_set,
)
from server.db.evaluation_models import QuestionSetRow, RunQuestionRow, RunRow, SetQuestionRow
from server.db.files import find_files
from server.db.knowledge_bases import find_kb
from server.db.models import KnowledgeBaseRow
from server.errors import InvalidTestSet, RunNotDone
from server.evaluation.comparison import compare
from server.evaluation.formats import (
    PlacelessQuestion,
    check_questions,
    read_questions,
    write_yaml,
)
from server.evaluation.placing import place_questions
from server.evaluation.runner import to_new
from server.schemas.evaluation import (
    ChangeQuestion,
    Comparison,
    NewQuestion,
    Outcome,
    RunQuestion,
    TestSet,
)


class TestSets:
    """Test sets with their questions and runs; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def list_all(self, kb_name: str) -> list[TestSet]:
        """Return the test sets of a knowledge base by name.

        Raises:
            UnknownKnowledgeBase: there is none of that name.
        """
        with self.database.read() as session:
            rows = list_sets(session, find_kb(session, kb_name))
            counts = count_questions(session, [row.id for row in rows])
        return [describe_set(row, counts[row.id]) for row in rows]

    def get(self, kb_name: str, set_id: int) -> TestSet:
        """Return a test set.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet: there is none.
        """
        with self.database.read() as session:
            row = find_set(session, find_kb(session, kb_name), set_id)
            return describe_set(row, count_questions(session, [set_id])[set_id])

    def create(self, kb_name: str, name: str, questions: Sequence[NewQuestion]) -> TestSet:
        """Create a test set; without questions, it is there to add some or let them be drafted.

        Raises:
            UnknownKnowledgeBase, DuplicateTestSet, InvalidTestSet: none was created.
        """
        if questions:
            check_questions(questions)
        with self.database.write("new_test_set") as session:
            kb = find_kb(session, kb_name)
            check_files(session, kb, questions)
            row = add_set(session, kb, name.strip())
            session.add_all(to_row(row.id, question) for question in questions)
        return describe_set(row, {"accepted": len(questions)})

    def import_file(
        self, kb_name: str, name: str, file_name: str, content: bytes
    ) -> tuple[TestSet, list[str]]:
        """Create a test set from a file; return it and the questions whose passage no file holds.

        Raises:
            UnknownKnowledgeBase, DuplicateTestSet, InvalidTestSet: none was created.
        """
        questions = read_questions(file_name, content)
        placeless = [each for each in questions if isinstance(each, PlacelessQuestion)]
        placed = [each for each in questions if isinstance(each, NewQuestion)]
        left: list[str] = []
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            if placeless:
                placed, left = place_questions(placeless, file_texts(session, kb))
        return self.create(kb_name, name, placed), left

    def delete(self, kb_name: str, set_id: int) -> None:
        """Delete a test set with its questions and runs.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet: there is none.
        """
        with self.database.write("delete_test_set") as session:
            find_set(session, find_kb(session, kb_name), set_id)
            remove_set(session, set_id)

    def download(self, kb_name: str, set_id: int) -> tuple[str, str]:
        """Return the name of a test set and its accepted questions as YAML.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet: there is none.
        """
        with self.database.read() as session:
            row = find_set(session, find_kb(session, kb_name), set_id)
            questions = list_questions(session, set_id, status="accepted")
        return row.name, write_yaml(to_new(question) for question in questions)

    def list_questions(
        self, kb_name: str, set_id: int, *, status: str | None, offset: int, limit: int
    ) -> Sequence[SetQuestionRow]:
        """Return some questions of a test set in the order in which they came.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet: there is none.
        """
        with self.database.read() as session:
            find_set(session, find_kb(session, kb_name), set_id)
            return list_questions(session, set_id, status=status, offset=offset, limit=limit)

    def add_questions(
        self,
        kb_name: str,
        set_id: int,
        questions: Sequence[NewQuestion],
        *,
        origin: str = "person",
    ) -> list[SetQuestionRow]:
        """Add questions; what no person wrote is a draft.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet, InvalidTestSet: none was added.
        """
        status = "accepted" if origin == "person" else "draft"
        with self.database.write("add_questions") as session:
            kb = find_kb(session, kb_name)
            find_set(session, kb, set_id)
            check_files(session, kb, questions)
            present = [to_new(row) for row in list_questions(session, set_id)]
            check_questions([*present, *questions])
            rows = [to_row(set_id, question, status, origin) for question in questions]
            session.add_all(rows)
        return rows

    def change_question(
        self, kb_name: str, set_id: int, question_id: int, wanted: ChangeQuestion
    ) -> SetQuestionRow:
        """Put a question in place of what it was.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet, UnknownTestQuestion, InvalidTestSet: it stays.
        """
        with self.database.write("change_question") as session:
            kb = find_kb(session, kb_name)
            find_set(session, kb, set_id)
            row = find_question(session, set_id, question_id)
            check_files(session, kb, [wanted])
            others = [to_new(each) for each in list_questions(session, set_id) if each.id != row.id]
            check_questions([*others, wanted])
            for name, value in wanted.model_dump().items():
                setattr(row, name, value)
        return row

    def delete_question(self, kb_name: str, set_id: int, question_id: int) -> None:
        """Delete a question; runs keep what they measured.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet, UnknownTestQuestion: there is none.
        """
        with self.database.write("delete_question") as session:
            find_set(session, find_kb(session, kb_name), set_id)
            session.delete(find_question(session, set_id, question_id))

    def accept(self, kb_name: str, set_id: int, ids: Sequence[int] | None) -> int:
        """Accept drafts, those of the ids or all; return how many that were.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet: there is none.
        """
        with self.database.write("accept_questions") as session:
            find_set(session, find_kb(session, kb_name), set_id)
            return accept_questions(session, set_id, ids)

    def list_runs(self, kb_name: str, set_id: int, *, limit: int) -> list[tuple[RunRow, str]]:
        """Return the runs of a test set, newest first, each with its knowledge base.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet: there is none.
        """
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            find_set(session, kb, set_id)
            return [(row, kb.name) for row in list_runs(session, set_id, limit=limit)]

    def get_run(self, run_id: int) -> tuple[RunRow, str]:
        """Return a run and the name of its knowledge base.

        Raises:
            UnknownRun: there is none of that id.
        """
        with self.database.read() as session:
            run, _, kb = find_run(session, run_id)
            return run, kb.name

    def delete_run(self, run_id: int) -> None:
        """Delete a run; one that goes on ends.

        Raises:
            UnknownRun: there is none of that id.
        """
        with self.database.write("delete_run") as session:
            find_run(session, run_id)
            remove_run(session, run_id)

    def outcomes(
        self, run_id: int, *, is_good: bool | None = None, offset: int = 0, limit: int | None = None
    ) -> list[RunQuestion]:
        """Return what became of questions of a run, in their order.

        Raises:
            UnknownRun: there is none of that id.
        """
        with self.database.read() as session:
            find_run(session, run_id)
            rows = list_outcomes(session, run_id, is_good=is_good, offset=offset, limit=limit)
        return [describe_outcome(row) for row in rows]

    def compare(self, before_id: int, after_id: int) -> Comparison:
        """Compare a run with an earlier one, question by question.

        Raises:
            UnknownRun, RunNotDone, RunsDiffer: they cannot be compared.
        """
        for run_id in (before_id, after_id):
            run, _ = self.get_run(run_id)
            if run.status != "done":
                raise RunNotDone(param="run_id", run_id=run_id, status=run.status)
        return compare(self.outcomes(before_id), self.outcomes(after_id))


def check_files(session: Session, kb: KnowledgeBaseRow, questions: Sequence[NewQuestion]) -> None:
    """Refuse questions to files that are not there.

    Raises:
        InvalidTestSet: there is one; the message names its file.
    """
    names = sorted({name for question in questions for name in question.files})
    known = find_files(session, kb, names)
    if missing := [name for name in names if name not in known]:
        raise InvalidTestSet(
            param="files",
            problem_en=f"the knowledge base {kb.name!r} has no file called {missing[0]!r}.",
            problem_zh=f"知识库 {kb.name!r} 中没有名为 {missing[0]!r} 的文件。",
        )


def to_row(
    set_id: int, question: NewQuestion, status: str = "accepted", origin: str = "person"
) -> SetQuestionRow:
    """Return a question as it is stored."""
    return SetQuestionRow(
        set_id=set_id,
        status=status,
        origin=origin,
        **question.model_dump(include=set(NewQuestion.model_fields)),
    )


def describe_set(row: QuestionSetRow, counts: dict[str, int]) -> TestSet:
    """Return a test set with how many questions it has."""
    return TestSet(
        id=row.id,
        name=row.name,
        accepted=counts.get("accepted", 0),
        drafts=counts.get("draft", 0),
        created_at=row.created_at,
    )


def describe_outcome(row: RunQuestionRow) -> RunQuestion:
    """Return what became of a question as it is shown."""
    return RunQuestion(
        question_id=row.question_id,
        expected=NewQuestion.model_validate(row.expected),
        outcome=Outcome.model_validate(row.outcome),
        is_good=row.is_good,
    )
