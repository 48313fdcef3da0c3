"""The routes of test sets and evaluation runs as typed methods. Knows HTTP, not the page."""

from typing import Any, BinaryIO

from server.schemas.evaluation import (
    ChangeQuestion,
    Comparison,
    ImportedTestSet,
    NewQuestion,
    Run,
    RunQuestion,
    Status,
    TestQuestion,
    TestSet,
)
from webui_pages.client import PATIENT, ApiClient, base_path

RUNS = "/api/v1/evaluation_runs"


def set_path(knowledge_base: str, set_id: int) -> str:
    """Return the path of a test set in the API."""
    return f"{base_path(knowledge_base)}/test_sets/{set_id}"


class EvaluationClient(ApiClient):
    """The API with what measures a knowledge base."""

    def test_sets(self, knowledge_base: str) -> list[TestSet]:
        """Return the test sets of a knowledge base by name."""
        return self._get(f"{base_path(knowledge_base)}/test_sets", list[TestSet])

    def create_test_set(self, knowledge_base: str, name: str) -> TestSet:
        """Create a test set without questions."""
        path = f"{base_path(knowledge_base)}/test_sets"
        return TestSet.model_validate(self._send("POST", path, json={"name": name}).json())

    def import_test_set(
        self, knowledge_base: str, name: str, file_name: str, stream: BinaryIO
    ) -> ImportedTestSet:
        """Create a test set from a file."""
        answer = self._send(
            "POST",
            f"{base_path(knowledge_base)}/test_sets/import",
            data={"name": name},
            files={"file": (file_name, stream)},
            timeout=PATIENT,
        )
        return ImportedTestSet.model_validate(answer.json())

    def delete_test_set(self, knowledge_base: str, set_id: int) -> None:
        """Delete a test set with its questions and runs."""
        self._send("DELETE", set_path(knowledge_base, set_id))

    def download_test_set(self, knowledge_base: str, set_id: int) -> bytes:
        """Return the accepted questions as YAML."""
        return self._send("GET", f"{set_path(knowledge_base, set_id)}/download").content

    def questions(
        self, knowledge_base: str, set_id: int, *, status: Status, offset: int, limit: int
    ) -> list[TestQuestion]:
        """Return questions in the order in which they came."""
        path = f"{set_path(knowledge_base, set_id)}/questions"
        return self._get(path, list[TestQuestion], status=status, offset=offset, limit=limit)

    def add_question(self, knowledge_base: str, set_id: int, body: NewQuestion) -> None:
        """Add a question."""
        path = f"{set_path(knowledge_base, set_id)}/questions"
        self._send("POST", path, json=body.model_dump())

    def change_question(
        self, knowledge_base: str, set_id: int, question_id: int, body: ChangeQuestion
    ) -> None:
        """Put a question in place of what it was."""
        path = f"{set_path(knowledge_base, set_id)}/questions/{question_id}"
        self._send("PUT", path, json=body.model_dump())

    def delete_question(self, knowledge_base: str, set_id: int, question_id: int) -> None:
        """Delete a question; runs keep what they measured."""
        self._send("DELETE", f"{set_path(knowledge_base, set_id)}/questions/{question_id}")

    def draft(
        self, knowledge_base: str, set_id: int, count: int, *, use_llm: bool
    ) -> list[TestQuestion]:
        """Draft questions from the documents."""
        path = f"{set_path(knowledge_base, set_id)}/drafts"
        body = {"count": count, "use_llm": use_llm}
        answer = self._send("POST", path, json=body, timeout=PATIENT)
        return [TestQuestion.model_validate(each) for each in answer.json()]

    def accept_drafts(self, knowledge_base: str, set_id: int, ids: list[int] | None = None) -> None:
        """Let runs use drafts, those of the ids or all."""
        path = f"{set_path(knowledge_base, set_id)}/drafts/accept"
        self._send("POST", path, json={"ids": ids})

    def runs(self, knowledge_base: str, set_id: int) -> list[Run]:
        """Return the last runs of a test set, newest first."""
        return self._get(f"{set_path(knowledge_base, set_id)}/runs", list[Run])

    def begin_run(
        self, knowledge_base: str, set_id: int, name: str, settings: dict[str, Any]
    ) -> Run:
        """Begin to ask all accepted questions; ``settings`` are those of retrieval that differ."""
        path = f"{set_path(knowledge_base, set_id)}/runs"
        answer = self._send("POST", path, json={"name": name, "settings": settings})
        return Run.model_validate(answer.json())

    def run(self, run_id: int) -> Run:
        """Return how far a run is, and at its end what it measured."""
        return self._get(f"{RUNS}/{run_id}", Run)

    def cancel_run(self, run_id: int) -> None:
        """End a run."""
        self._send("POST", f"{RUNS}/{run_id}/cancel")

    def delete_run(self, run_id: int) -> None:
        """Delete a run."""
        self._send("DELETE", f"{RUNS}/{run_id}")

    def outcomes(
        self, run_id: int, *, only_bad: bool, offset: int, limit: int
    ) -> list[RunQuestion]:
        """Return what became of the questions of a run, or of those to look at."""
        return self._get(
            f"{RUNS}/{run_id}/questions",
            list[RunQuestion],
            is_good="false" if only_bad else None,
            offset=offset,
            limit=limit,
        )

    def compare(self, before: int, after: int) -> Comparison:
        """Return how a run compares with an earlier one."""
        return self._get(f"{RUNS}/{after}/comparison", Comparison, before=before)
