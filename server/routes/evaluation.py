"""Test sets of knowledge bases and runs that measure with them how good the answers are."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Query, Response, UploadFile

from server.datatypes import Language
from server.db.evaluation_models import RunRow, SetQuestionRow
from server.errors.records import read_error
from server.evaluation.formats import MAX_BYTES
from server.routes.dependencies import Objects, Wanted
from server.routes.errors import ERRORS
from server.routes.uploads import describe_error
from server.schemas.evaluation import (
    Accept,
    Accepted,
    BeginRun,
    ChangeQuestion,
    Comparison,
    CreateTestSet,
    DraftRequest,
    ImportedTestSet,
    NewQuestion,
    Run,
    RunQuestion,
    SetName,
    Status,
    TestQuestion,
    TestSet,
)

SKIPPED = 20  # questions without a file that an answer names
SETS = "/api/v1/knowledge_bases/{name}/test_sets"
ONE = SETS + "/{set_id}"
RUN = "/api/v1/evaluation_runs/{run_id}"
router = APIRouter(tags=["evaluation"], responses=ERRORS)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
OtherId = Annotated[int, Query(ge=1, le=2**63 - 1, description="the earlier run")]
Offset = Annotated[int, Query(ge=0, le=2**31)]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get(SETS, summary="List test sets")
def list_test_sets(objects: Objects, name: str) -> list[TestSet]:
    """Return the test sets of a knowledge base by name."""
    return objects.test_sets.list_all(name)


@router.post(SETS, status_code=201, summary="Create a test set")
def create_test_set(objects: Objects, name: str, body: CreateTestSet) -> TestSet:
    """Create a test set of the questions in the body, or without any."""
    return objects.test_sets.create(name, body.name, body.questions)


@router.post(SETS + "/import", status_code=201, summary="Create a test set from a file")
def import_test_set(
    objects: Objects, name: str, file: UploadFile, set_name: Annotated[SetName, Form(alias="name")]
) -> ImportedTestSet:
    """Create a test set from YAML, JSON, JSON Lines or JSON in the form of SQuAD."""
    content = file.file.read(MAX_BYTES + 1)
    made, left = objects.test_sets.import_file(name, set_name, file.filename or "", content)
    return ImportedTestSet(**made.model_dump(), skipped=left[:SKIPPED], skipped_total=len(left))


@router.get(ONE, summary="Show a test set")
def show_test_set(objects: Objects, name: str, set_id: Id) -> TestSet:
    """Return a test set and how many questions it has."""
    return objects.test_sets.get(name, set_id)


@router.delete(ONE, status_code=204, summary="Delete a test set")
def delete_test_set(objects: Objects, name: str, set_id: Id) -> None:
    """Delete a test set with its questions and runs."""
    objects.test_sets.delete(name, set_id)


@router.get(ONE + "/download", summary="Download a test set", response_class=Response)
def download_test_set(objects: Objects, name: str, set_id: Id) -> Response:
    """Return the accepted questions as YAML, in the form of ``samples/questions.yaml``."""
    set_name, content = objects.test_sets.download(name, set_id)
    place = f"attachment; filename*=UTF-8''{quote(set_name, safe='')}.yaml"
    return Response(content, media_type="application/yaml", headers={"Content-Disposition": place})


@router.get(ONE + "/questions", summary="List the questions of a test set")
def list_questions(
    objects: Objects,
    name: str,
    set_id: Id,
    status: Status | None = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> list[TestQuestion]:
    """Return questions in the order in which they came."""
    rows = objects.test_sets.list_questions(name, set_id, status=status, offset=offset, limit=limit)
    return [describe_question(row) for row in rows]


@router.post(ONE + "/questions", status_code=201, summary="Add a question to a test set")
def add_question(objects: Objects, name: str, set_id: Id, body: NewQuestion) -> TestQuestion:
    """Add a question."""
    (row,) = objects.test_sets.add_questions(name, set_id, [body])
    return describe_question(row)


@router.put(ONE + "/questions/{question_id}", summary="Change a question")
def change_question(
    objects: Objects, name: str, set_id: Id, question_id: Id, body: ChangeQuestion
) -> TestQuestion:
    """Put a question in place of what it was; runs keep what they measured."""
    return describe_question(objects.test_sets.change_question(name, set_id, question_id, body))


@router.delete(ONE + "/questions/{question_id}", status_code=204, summary="Delete a question")
def delete_question(objects: Objects, name: str, set_id: Id, question_id: Id) -> None:
    """Delete a question; runs keep what they measured."""
    objects.test_sets.delete_question(name, set_id, question_id)


@router.post(ONE + "/drafts", status_code=201, summary="Draft questions from the documents")
async def draft_questions(
    objects: Objects, name: str, set_id: Id, body: DraftRequest
) -> list[TestQuestion]:
    """Draft questions from passages that no question is about yet; runs use none of them."""
    drafter = objects.drafter
    rows = await drafter.draft(name, set_id, body.count, use_llm=body.use_llm)
    return [describe_question(row) for row in rows]


@router.post(ONE + "/drafts/accept", summary="Accept drafts")
def accept_drafts(objects: Objects, name: str, set_id: Id, body: Accept) -> Accepted:
    """Let runs use drafts, those of the ids or all."""
    return Accepted(accepted=objects.test_sets.accept(name, set_id, body.ids))


@router.get(ONE + "/runs", summary="List runs")
def list_runs(
    objects: Objects, wanted: Wanted, name: str, set_id: Id, limit: Limit = 100
) -> list[Run]:
    """Return the runs of a test set, newest first."""
    found = objects.test_sets.list_runs(name, set_id, limit=limit)
    return [describe_run(row, kb_name, wanted) for row, kb_name in found]


@router.post(ONE + "/runs", status_code=202, summary="Begin a run")
def begin_run(objects: Objects, wanted: Wanted, name: str, set_id: Id, body: BeginRun) -> Run:
    """Begin to ask all accepted questions, with other retrieval settings if you like."""
    run = objects.runner.begin(name, set_id, body.settings, body.name)
    return show_run(objects, wanted, run.id)


@router.get(RUN, summary="Show a run")
def show_run(objects: Objects, wanted: Wanted, run_id: Id) -> Run:
    """Return how far a run is, and at its end what it measured."""
    return describe_run(*objects.test_sets.get_run(run_id), wanted)


@router.delete(RUN, status_code=204, summary="Delete a run")
def delete_run(objects: Objects, run_id: Id) -> None:
    """Delete a run; one that goes on ends."""
    objects.test_sets.delete_run(run_id)


@router.post(RUN + "/cancel", summary="Cancel a run")
def cancel_run(objects: Objects, wanted: Wanted, run_id: Id) -> Run:
    """End a run; one that has ended stays as it is."""
    objects.runner.cancel(run_id)
    return show_run(objects, wanted, run_id)


@router.get(RUN + "/questions", summary="List what became of the questions of a run")
def list_outcomes(
    objects: Objects,
    run_id: Id,
    is_good: Annotated[bool | None, Query(description="false: only those to look at")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> list[RunQuestion]:
    """Return each question with its ranks, what was found and what was answered."""
    return objects.test_sets.outcomes(run_id, is_good=is_good, offset=offset, limit=limit)


@router.get(RUN + "/comparison", summary="Compare a run with an earlier one")
def compare_runs(objects: Objects, run_id: Id, before: OtherId) -> Comparison:
    """Return how each metric differs, how sure that is, and which questions changed."""
    return objects.test_sets.compare(before, run_id)


def describe_question(row: SetQuestionRow) -> TestQuestion:
    """Return a question as it is shown."""
    return TestQuestion.model_validate(row, from_attributes=True)


def describe_run(row: RunRow, kb_name: str, wanted: Language) -> Run:
    """Return a run as it is shown."""
    values = {name: getattr(row, name) for name in Run.model_fields if hasattr(row, name)}
    told = {
        "test_set": row.set_id,
        "knowledge_base": kb_name,
        "metrics": None,
        "counts": None,
        "to_look_at": None,
        **(row.metrics or {}),
        "error": describe_error(read_error(row.error), wanted) if row.error else None,
    }
    return Run.model_validate({**values, **told})
