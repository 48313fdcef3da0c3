"""What jobs there are and how far they are. Reads only; knows no work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.db.database import Database
from server.db.jobs import count_job_files, files_in_work, find_job, list_job_files, list_jobs
from server.db.knowledge_bases import find_kb
from server.db.models import JobFileRow, JobRow

SHOWN_FAILURES = 100
FILE_BYTES = 2_000  # that each file counts for beside its own: even an empty one is work


@dataclass(frozen=True, slots=True)
class JobState:
    """A job with the numbers of its files by status, those in work and the first that failed.

    ``progress`` is how much of it is done by the bytes of its files, 0 to 1.
    """

    job: JobRow
    counts: Mapping[str, int]
    progress: float
    working: Sequence[JobFileRow]
    failures: Sequence[JobFileRow]


class JobBook:
    """Tells of jobs; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def read(self, job_id: str) -> JobState:
        """Return a job.

        Raises:
            UnknownJob: there is none.
        """
        with self.database.read() as session:
            return describe(session, find_job(session, job_id))

    def list_newest(
        self, *, knowledge_base: str | None, active: bool, limit: int
    ) -> list[JobState]:
        """Return jobs, newest first; with ``active`` only those that have not ended.

        Raises:
            UnknownKnowledgeBase: there is none of that name.
        """
        with self.database.read() as session:
            kb_id = None if knowledge_base is None else find_kb(session, knowledge_base).id
            jobs = list_jobs(session, kb_id=kb_id, active=active, limit=limit)
            return [describe(session, job) for job in jobs]

    def list_files(
        self, job_id: str, *, status: str | None, offset: int, limit: int
    ) -> Sequence[JobFileRow]:
        """Return files of a job in the order in which they came.

        Raises:
            UnknownJob: there is none.
        """
        with self.database.read() as session:
            find_job(session, job_id)
            return list_job_files(session, job_id, status=status, offset=offset, limit=limit)


def describe(session: Session, job: JobRow) -> JobState:
    """Return how far a job is."""
    found = count_job_files(session, job.id)
    counts = {status: files for status, (files, _) in found.items()}
    failures = (
        list_job_files(session, job.id, status="failed", limit=SHOWN_FAILURES)
        if counts.get("failed")
        else []
    )
    working = files_in_work(session, job.id)
    return JobState(job, counts, measure(found, working), working, failures)


def measure(found: Mapping[str, tuple[int, int]], working: Sequence[JobFileRow]) -> float:
    """Return how much of a job is done, 0 to 1; files in work count by their chunks.

    Pages read by OCR do not count: the chunks of the same file come after them.
    """
    sizes = {status: size + files * FILE_BYTES for status, (files, size) in found.items()}
    total = sum(sizes.values())
    counted = [file for file in working if file.total and file.stage != "reading"]
    parts = ((file.size + FILE_BYTES) * file.done / file.total for file in counted)
    left = sizes.get("queued", 0) - sum(parts)
    return 1 - left / total if total else 1.0
