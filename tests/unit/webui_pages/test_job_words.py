from datetime import UTC, datetime
from typing import Any

import pytest

from server.schemas.jobs import FailedFile, Job, JobFile, WorkingFile
from server.schemas.native import ErrorDetail
from webui_pages.job_words import (
    count,
    draw_bar,
    draw_outcomes,
    draw_work,
    is_active,
    name_result,
    name_stage,
)

COUNTS = ("queued", "done", "skipped", "failed", "cancelled")


def make_job(kind: str = "add", status: str = "running", **values: Any) -> Job:
    counts = {name: values.pop(name, 0) for name in COUNTS}
    return Job.model_validate(
        {
            "id": "1",
            "kind": kind,
            "knowledge_base": "docs",
            "status": status,
            "total": sum(counts.values()),
            "progress": 0.25,
            "working": [],
            "failures": [],
            "created_at": datetime.now(UTC),
            "finished_at": None,
            **counts,
            **values,
        }
    )


def make_file(status: str, **values: Any) -> JobFile:
    nothing = {"outcome": None, "same_content_as": None, "error": None}
    fixed = {"name": "a.txt", "size": 1, "stage": None, "done": 0, "total": 0}
    return JobFile.model_validate({**fixed, **nothing, "status": status, **values})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("queued", True),
        ("running", True),
        ("done", False),
        ("failed", False),
        ("cancelled", False),
    ],
)
def test_a_job_is_active_until_it_ends(status: str, expected: bool) -> None:
    assert is_active(make_job(status=status)) is expected


def test_the_bar_says_in_words_how_far_it_is() -> None:
    drawn = draw_bar(make_job(queued=3, done=1, progress=0.259))
    assert 'aria-label="Adding documents" aria-valuetext="1 of 4 files"' in drawn
    assert 'aria-valuenow="25"' in drawn


def test_only_what_happened_is_counted() -> None:
    assert count(make_job(done=2, failed=1)) == "done: 2 · failed: 1"
    assert count(make_job(skipped=1, cancelled=4)) == "nothing to do: 1 · cancelled: 4"


@pytest.mark.parametrize(
    ("kind", "status", "counts", "words"),
    [
        ("add", "done", {"done": 1, "skipped": 1}, "Documents added"),
        ("add", "done", {"skipped": 2}, "Nothing to add"),
        ("add", "failed", {"done": 1, "failed": 1}, "Not all documents"),
        ("add", "failed", {"failed": 1}, "No document was added"),
        ("add", "cancelled", {"done": 1, "cancelled": 1}, "Adding was cancelled"),
        ("reindex", "done", {"done": 1}, "All files were read again"),
        ("reindex", "failed", {"done": 1, "failed": 1}, "Not all files"),
        ("reindex", "failed", {"failed": 1}, "No file could be read"),
        ("reindex", "cancelled", {"cancelled": 1}, "Reading again was cancelled"),
        ("model", "done", {"done": 1}, "was changed"),
        ("model", "failed", {"failed": 1}, "was not changed"),
        ("model", "cancelled", {"cancelled": 1}, "the one before stays"),
    ],
)
def test_how_a_job_ended_is_said(
    kind: str, status: str, counts: dict[str, int], words: str
) -> None:
    assert words in name_result(make_job(kind, status, **counts))


@pytest.mark.parametrize(
    ("stage", "total", "words"),
    [
        (None, 0, "waiting for its turn"),
        ("reading", 0, "reading"),
        ("reading", 400, "read page 120 of 400 by OCR"),
        ("embedding", 400, "embedding 120 of 400"),
        ("embedding", 0, "embedding"),
        ("storing", 400, "storing"),
    ],
)
def test_the_stage_of_a_file_is_said(stage: Any, total: int, words: str) -> None:
    assert name_stage(WorkingFile(name="a", stage=stage, done=120, total=total)) == words


@pytest.mark.parametrize(
    ("kind", "file", "words", "state"),
    [
        ("add", make_file("done", outcome="added"), "added, chunks: 3", "added"),
        ("add", make_file("done", outcome="replaced"), "replaced, chunks: 3", "added"),
        ("add", make_file("skipped", outcome="unchanged"), "unchanged", "kept"),
        ("add", make_file("skipped", outcome="superseded"), "newer upload", "kept"),
        ("add", make_file("cancelled"), "cancelled", "kept"),
        ("model", make_file("done", outcome="replaced"), "embedded anew", "added"),
        ("reindex", make_file("skipped", outcome="gone"), "was deleted", "kept"),
        ("reindex", make_file("done", outcome="replaced"), "read again, chunks: 3", "added"),
        (
            "add",
            make_file("done", outcome="added", same_content_as="b.txt"),
            "same content as b.txt",
            "added",
        ),
    ],
)
def test_what_became_of_a_file_is_said(kind: str, file: JobFile, words: str, state: str) -> None:
    drawn = draw_outcomes(make_job(kind, "done"), [file], {"a.txt": 3})
    assert words in drawn
    assert f"zw-{state}" in drawn


def test_nothing_from_a_name_or_an_error_is_markup() -> None:
    error = ErrorDetail(code="x", message="'<i>' holds no text")
    failed = make_job(
        failed=1,
        failures=[FailedFile(name="<i>", error=error)],
        working=[WorkingFile(name="<b>.txt", stage="reading", done=0, total=0)],
    )
    ended = draw_outcomes(failed, [make_file("failed", name="<i>", error=error)], {})
    assert "<i>" not in draw_work(failed) + ended
    assert "&lt;b&gt;.txt" in draw_work(failed)
