import pytest

from server.db.models import JobFileRow
from server.knowledge_base.job_book import FILE_BYTES, measure

LARGE = 98 * FILE_BYTES


def test_progress_is_by_bytes_and_files_in_work_count_by_their_chunks() -> None:
    working = [JobFileRow(size=LARGE, done=1, total=2), JobFileRow(size=0, done=0, total=0)]
    found = {"done": (1, 0), "queued": (1, LARGE)}
    assert measure(found, []) == pytest.approx(0.01)
    assert measure(found, working) == pytest.approx(0.01 + 0.99 / 2)


@pytest.mark.parametrize("status", ["done", "failed", "skipped", "cancelled"])
def test_a_file_whose_outcome_is_known_is_no_more_work(status: str) -> None:
    assert measure({status: (3, 500)}, []) == 1


def test_a_job_without_files_is_done() -> None:
    assert measure({}, []) == 1
