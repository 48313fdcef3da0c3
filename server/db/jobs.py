"""Jobs and their files in SQL. Knows no threads and nothing of the work itself.

A file of a job is "queued" until the transaction that stores its outcome; whoever commits first
decides it, so that no work is done twice even when two processes believe to own a job.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from server.db.models import JobFileRow, JobRow, KnowledgeBaseRow, now
from server.errors import Cancelled, UnknownJob

ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class NewJobFile:
    """A file of a job to be; one with an error only records it."""

    name: str
    blob: str | None = None
    size: int = 0  # bytes
    error: dict[str, Any] | None = None
    origin: str | None = None


def add_job(
    session: Session,
    kb: KnowledgeBaseRow,
    kind: str,
    options: Mapping[str, Any],
    files: Sequence[NewJobFile],
    *,
    owner: str,
    until: datetime,
) -> JobRow:
    """Add a job that is the owner's until a time."""
    job = JobRow(
        id=secrets.token_hex(16),
        kind=kind,
        kb_id=kb.id,
        knowledge_base=kb.name,
        options=dict(options),
        status="running",
        owner=owner,
        lease_until=until,
    )
    session.add(job)
    session.flush()
    add_job_files(session, job.id, files)
    return job


def add_job_files(session: Session, job_id: str, files: Sequence[NewJobFile]) -> None:
    """Add files to a job."""
    if files:
        session.execute(
            insert(JobFileRow),
            [
                {
                    "job_id": job_id,
                    "name": file.name,
                    "blob": file.blob,
                    "size": file.size,
                    "status": "failed" if file.error else "queued",
                    "done": 0,
                    "total": 0,
                    "attempts": 0,
                    "note": file.error,
                    "origin": file.origin,
                }
                for file in files
            ],
        )


def find_job(session: Session, job_id: str) -> JobRow:
    """Return a job.

    Raises:
        UnknownJob: there is none, or it ended long ago.
    """
    job = session.get(JobRow, job_id)
    if job is None:
        raise UnknownJob(param="job_id", job_id=job_id[:100])
    return job


def list_jobs(session: Session, *, kb_id: int | None, active: bool, limit: int) -> Sequence[JobRow]:
    """Return jobs, newest first."""
    query = select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id).limit(limit)
    if kb_id is not None:
        query = query.where(JobRow.kb_id == kb_id)
    if active:
        query = query.where(JobRow.status == "running")
    return session.scalars(query).all()


def list_job_files(
    session: Session,
    job_id: str,
    *,
    status: str | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> Sequence[JobFileRow]:
    """Return files of a job in the order in which they came."""
    query = select(JobFileRow).where(JobFileRow.job_id == job_id).order_by(JobFileRow.id)
    if status is not None:
        query = query.where(JobFileRow.status == status)
    return session.scalars(query.offset(offset).limit(limit)).all()


def count_job_files(session: Session, job_id: str) -> dict[str, tuple[int, int]]:
    """Return how many files of a job have each status, and how many bytes."""
    query = (
        select(JobFileRow.status, func.count(), func.sum(JobFileRow.size))
        .where(JobFileRow.job_id == job_id)
        .group_by(JobFileRow.status)
    )
    return {status: (files, size) for status, files, size in session.execute(query)}


def queued_files(session: Session, job_id: str) -> Sequence[int]:
    """Return the ids of the files that are still to be done, in order."""
    return session.scalars(
        select(JobFileRow.id)
        .where(JobFileRow.job_id == job_id, JobFileRow.status == "queued")
        .order_by(JobFileRow.id)
    ).all()


def files_in_work(session: Session, job_id: str) -> Sequence[JobFileRow]:
    """Return the files of a job that are being worked on."""
    return session.scalars(
        select(JobFileRow)
        .where(
            JobFileRow.job_id == job_id,
            JobFileRow.status == "queued",
            JobFileRow.stage.is_not(None),
        )
        .order_by(JobFileRow.id)
    ).all()


def unowned_jobs(session: Session, at: datetime) -> Sequence[str]:
    """Return the ids of the jobs that nobody owns, or whose owner has not been heard of in time."""
    return session.scalars(
        select(JobRow.id)
        .where(
            JobRow.status == "running",
            or_(JobRow.lease_until.is_(None), JobRow.lease_until < at),
        )
        .order_by(JobRow.created_at, JobRow.id)
    ).all()


def free_jobs(session: Session) -> None:
    """Take all jobs from their owners: for a start that knows that none of them lives."""
    session.execute(
        update(JobRow).where(JobRow.status == "running").values(owner=None, lease_until=None)
    )
    session.execute(
        update(JobFileRow)
        .where(JobFileRow.status == "queued", JobFileRow.stage.is_not(None))
        .values(stage=None, attempts=JobFileRow.attempts + 1)
    )


def claim_job(
    session: Session, job_id: str, owner: str, *, at: datetime, until: datetime
) -> JobRow | None:
    """Make a job that is free the owner's until a time, or return None: another was faster."""
    claimed = session.execute(
        update(JobRow)
        .where(
            JobRow.id == job_id,
            JobRow.status.not_in(ENDED),
            or_(JobRow.lease_until.is_(None), JobRow.lease_until < at, JobRow.owner == owner),
        )
        .values(owner=owner, lease_until=until, status="running")
        .returning(JobRow.id)
    ).all()
    return session.get(JobRow, job_id, populate_existing=True) if claimed else None


def renew_leases(
    session: Session, owner: str, job_ids: Sequence[str], *, until: datetime
) -> set[str]:
    """Keep jobs for longer; return those that are still the owner's and not ended."""
    return set(
        session.scalars(
            update(JobRow)
            .where(JobRow.id.in_(job_ids), JobRow.owner == owner, JobRow.status == "running")
            .values(lease_until=until)
            .returning(JobRow.id)
        )
    )


def note_progress(session: Session, file_id: int, stage: str, done: int, total: int) -> None:
    """Write how far a file is."""
    session.execute(
        update(JobFileRow)
        .where(JobFileRow.id == file_id, JobFileRow.status == "queued")
        .values(stage=stage, done=done, total=total)
    )


def settle_file(session: Session, file_id: int, status: str, note: Mapping[str, Any]) -> JobFileRow:
    """Write the outcome of a file and return it.

    Raises:
        Cancelled: it has one already; take back what this transaction did.
    """
    settled: JobFileRow | None = session.scalar(
        update(JobFileRow)
        .where(JobFileRow.id == file_id, JobFileRow.status == "queued")
        .values(status=status, note=dict(note), stage=None)
        .returning(JobFileRow)
    )
    if settled is None:
        raise Cancelled
    return settled


def close_job(session: Session, job_id: str) -> bool:
    """End a job that has no file left to do; return whether it has none."""
    counts = count_open(session, job_id)
    if counts["queued"]:
        return False
    status = "failed" if counts["failed"] else "done"
    session.execute(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.status.not_in(ENDED))
        .values(status=status, finished_at=now(), lease_until=None)
    )
    return True


def count_open(session: Session, job_id: str) -> dict[str, bool]:
    """Return whether a job has files that are queued and that failed, without counting them."""
    statuses = ("queued", "failed")
    files = select(JobFileRow.id).where(JobFileRow.job_id == job_id)
    found = session.execute(
        select(*(files.where(JobFileRow.status == status).exists() for status in statuses))
    ).one()
    return dict(zip(statuses, found, strict=True))


def cancel_job(session: Session, job_id: str, note: Mapping[str, Any]) -> None:
    """End a job that has not ended yet, with all its files that are still to be done."""
    session.execute(
        update(JobFileRow)
        .where(JobFileRow.job_id == job_id, JobFileRow.status == "queued")
        .values(status="cancelled", note=dict(note), stage=None)
    )
    session.execute(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.status.not_in(ENDED))
        .values(status="cancelled", finished_at=now(), lease_until=None)
    )


def failed_uploads(session: Session, kb_id: int, *, limit: int) -> list[JobFileRow]:
    """Return the files whose newest upload failed, newest first; those of sources are left out."""
    uploads = (JobRow.kb_id == kb_id, JobRow.kind == "add")
    failed = session.scalars(
        select(JobFileRow)
        .join(JobRow)
        .where(*uploads, JobFileRow.status == "failed", JobFileRow.origin.is_(None))
        .order_by(JobFileRow.id.desc())
        .limit(limit)
    ).all()
    newest = set(
        session.scalars(
            select(func.max(JobFileRow.id))
            .join(JobRow)
            .where(*uploads, JobFileRow.name.in_({row.name for row in failed}))
            .group_by(JobFileRow.name)
        )
        if failed
        else ()
    )
    return [row for row in failed if row.id in newest]


def open_jobs(session: Session, kb_id: int, kind: str | None = None) -> Sequence[str]:
    """Return the ids of the jobs of a knowledge base, or those of a kind, that have not ended."""
    query = select(JobRow.id).where(JobRow.kb_id == kb_id, JobRow.status == "running")
    return session.scalars(query if kind is None else query.where(JobRow.kind == kind)).all()


def cancel_uploads(session: Session, kb_id: int, name: str, note: Mapping[str, Any]) -> None:
    """End the uploads of a file that are still to be done: it was deleted after they came."""
    jobs = session.scalars(
        update(JobFileRow)
        .where(
            JobFileRow.job_id.in_(
                select(JobRow.id).where(
                    JobRow.kb_id == kb_id, JobRow.kind == "add", JobRow.status == "running"
                )
            ),
            JobFileRow.name == name,
            JobFileRow.status == "queued",
        )
        .values(status="cancelled", note=dict(note), stage=None)
        .returning(JobFileRow.job_id)
    ).all()
    for job_id in set(jobs):
        close_job(session, job_id)


def prune_jobs(session: Session, before: datetime) -> None:
    """Delete jobs that ended before a time."""
    session.execute(delete(JobRow).where(JobRow.status.in_(ENDED), JobRow.finished_at < before))
