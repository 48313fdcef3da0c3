"""Runs jobs on files in threads of its own: taking turns, resuming, cancelling, keeping leases.

Knows no file formats and no indexes: what is done with a file is a function by the kind of the job.
A job belongs to one process at a time, by a lease in SQL; its state is in SQL, so that a process
that dies loses nothing but the file it was working on, which is begun again.
"""

import logging
import os
import secrets
import socket
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from server.db.database import Database
from server.db.jobs import (
    ENDED,
    cancel_job,
    claim_job,
    close_job,
    find_job,
    free_jobs,
    note_progress,
    queued_files,
    renew_leases,
    settle_file,
    unowned_jobs,
)
from server.db.models import JobFileRow, JobRow, now
from server.errors import (
    Cancelled,
    DatabaseBusy,
    InternalError,
    Interrupted,
    StorageFull,
    Unavailable,
    ZhiwenError,
)
from server.errors.records import write_error
from server.knowledge_base.tasks import Progress, ServiceStopping, Task, Work

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
TICK_S = 1.0  # how often progress is written while there is work
RENEW_S = 10.0  # how often leases are renewed, and jobs looked for whose owner died
MAX_PAUSE_S = 30.0  # between two tries
TRIES = 5  # of a file that a passing fault stops; a busy database and a full disk do not count


def running() -> "Future[None]":
    """Return a future that nobody can cancel."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(slots=True)
class ActiveJob:
    """A job that this process owns; guarded by the runner's lock."""

    id: str
    kind: str
    kb_id: int | None
    options: Mapping[str, Any]
    waiting: deque[int]
    working: dict[int, Progress | None] = field(default_factory=dict)
    written: dict[int, Progress] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)
    is_cancelled: bool = False
    pause_s: float = 0.0  # before the next try, after trouble
    not_before: float = 0.0  # of the monotonic clock
    ended: "Future[None]" = field(default_factory=running)


class JobRunner:
    """Works on the files of all jobs, some at once; jobs take turns, so that none waits for all."""

    def __init__(
        self,
        database: Database,
        work: Mapping[str, Work],
        *,
        threads: int,
        on_refused: Callable[[int, str], None],
    ) -> None:
        """Take the functions by kind of job.

        A function stores the outcome of its file by ``settle_file`` in the transaction that does
        the work, and raises a ZhiwenError if the file cannot be done. ``on_refused`` gets the
        knowledge base and the bytes of a file that is at fault itself.
        """
        self.database = database
        self.work = work
        self.on_refused = on_refused
        self.threads = threads
        self.owner = f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._changed = threading.Condition()
        self._active: dict[str, ActiveJob] = {}
        self._turns: deque[str] = deque()
        self._running: list[threading.Thread] = []
        self._is_closed = False
        self._closing = threading.Event()

    def lease(self) -> dict[str, Any]:
        """Return who owns a job that this process creates, and until when."""
        return {"owner": self.owner, "until": now() + LEASE}

    def resume(self) -> None:
        """Take over all jobs that are not ended; for the start of the only process."""
        with self.database.write("job_resume") as session:
            free_jobs(session)
        self._claim()

    def start(self, job: JobRow, files: Sequence[int]) -> "Future[None]":
        """Begin a job that this process owns, with its queued files; return what ends with it.

        The future fails when the job cannot go on for now (busy database, full disk), though
        it will be tried again.
        """
        active = ActiveJob(job.id, job.kind, job.kb_id, job.options, waiting=deque(files))
        with self._changed:
            if self._is_closed:
                raise ServiceStopping
            if job.id in self._active:
                return self._active[job.id].ended
            self._active[job.id] = active
            self._turns.append(job.id)
            ended = active.ended
            self._start_threads()
            self._changed.notify_all()
        self._end_if_done(active)
        return ended

    def cancel(self, job_id: str) -> None:
        """End a job; files that are done stay done.

        Raises:
            UnknownJob: there is none.
        """
        with self.database.write("job_cancel") as session:
            find_job(session, job_id)
            cancel_job(session, job_id, write_error(Cancelled()))
        self.forget(job_id)

    def forget_kb(self, kb_id: int) -> None:
        """Stop working for a knowledge base that is gone."""
        with self._changed:
            jobs = [job.id for job in self._active.values() if job.kb_id == kb_id]
        for job_id in jobs:
            self.forget(job_id)

    def stop(self) -> None:
        """Begin no more work and ask what is running to end."""
        with self._changed:
            self._is_closed = True
            self._closing.set()
            for job in self._active.values():
                job.is_cancelled = True
            self._changed.notify_all()

    def close(self) -> None:
        """Wait for the end of what is running; the next start goes on with the rest."""
        self.stop()
        for thread in self._running:
            thread.join()
        for job in self._active.values():
            if not job.ended.done():
                job.ended.set_exception(ServiceStopping())
        self._active.clear()

    def _start_threads(self) -> None:
        if not self._running:
            names = [f"job-{number}" for number in range(self.threads)]
            threads = [threading.Thread(target=self._run, name=name) for name in names]
            for thread in [*threads, threading.Thread(target=self._keep, name="job-keeper")]:
                thread.daemon = True  # a process that does not close must still be able to end
                thread.start()
                self._running.append(thread)

    def _run(self) -> None:
        """Work on one file after the other until the end."""
        while (taken := self._take()) is not None:
            job, file_id = taken
            try:
                is_ended = self._carry_out(job, file_id)
                with self._changed:
                    job.working.pop(file_id, None)
                    job.written.pop(file_id, None)
                self._end_if_done(job, is_known=is_ended)
            except Exception:  # the border of the thread: it has more to do
                logger.exception("The job %s cannot go on for now.", job.id)
                self._put_back(job, file_id, InternalError(request_id=job.id))

    def _take(self) -> tuple[ActiveJob, int] | None:
        """Return the next file of the job whose turn it is; None when there is no more work."""
        with self._changed:
            while not self._is_closed:
                at = time.monotonic()
                for _ in range(len(self._turns)):
                    job = self._active[self._turns[0]]
                    self._turns.rotate(-1)
                    if job.waiting and job.not_before <= at:
                        file_id = job.waiting.popleft()
                        job.working[file_id] = None
                        return job, file_id
                self._changed.wait(TICK_S)
            return None

    def _carry_out(self, job: ActiveJob, file_id: int) -> bool:
        """Do the work of one file, or store why it cannot be; tell if the job has surely ended."""
        try:
            task = self._task(job, file_id)
            is_ended = task is not None and self.work[job.kind](task)
            job.pause_s = 0.0
            return is_ended
        except Cancelled:
            pass  # or decided elsewhere: SQL has the outcome
        except ZhiwenError as error:
            self._meet(job, file_id, error)
        except (OSError, SQLAlchemyError, sqlite3.Error) as error:  # perhaps the machine lacks room
            logger.warning("A file of the job %s met %r.", job.id, error)
            self._meet(job, file_id, Unavailable())
        except Exception:  # the border of the file: the others are still to come
            request_id = secrets.token_hex(4)
            logger.exception("%s: a file of the job %s failed", request_id, job.id)
            self._meet(job, file_id, InternalError(request_id=request_id))
        return False

    def _meet(self, job: ActiveJob, file_id: int, error: ZhiwenError) -> None:
        """Try a file again later if that may help, else store that it failed."""
        if job.is_cancelled:  # the parts that it needs are being closed
            return
        if self._may_pass(job, file_id, error):
            self._put_back(job, file_id, error)
        else:
            self._fail(job, file_id, error)

    def _may_pass(self, job: ActiveJob, file_id: int, error: ZhiwenError) -> bool:
        """Return whether an error is not the file's own and worth another try."""
        if isinstance(error, (DatabaseBusy, StorageFull)):
            return True
        job.tries[file_id] = job.tries.get(file_id, 0) + 1
        return isinstance(error, Unavailable) and job.tries[file_id] < TRIES

    def _task(self, job: ActiveJob, file_id: int) -> Task | None:
        """Return what is to be done, or None if that has been decided already."""
        with self.database.read() as session:
            row = session.get(JobFileRow, file_id)
            if row is None or row.status != "queued" or job.is_cancelled or job.kb_id is None:
                return None
            name, blob, origin = row.name, row.blob, row.origin
            if row.attempts >= TRIES:
                raise Interrupted(name=name, times=row.attempts)

        def tell(progress: Progress) -> None:
            job.working[file_id] = progress

        return Task(
            id=file_id,
            job_id=job.id,
            kb_id=job.kb_id,
            name=name,
            blob=blob,
            options=job.options,
            tell=tell,
            is_cancelled=lambda: job.is_cancelled,
            is_last=lambda: not job.waiting,
            origin=origin,
        )

    def _fail(self, job: ActiveJob, file_id: int, error: ZhiwenError) -> None:
        try:
            with self.database.write("job_file_failed") as session:
                row = settle_file(session, file_id, "failed", write_error(error))
                close_job(session, job.id)
            is_our_fault = error.status >= 500  # else the file's own
            level = logging.ERROR if is_our_fault else logging.WARNING
            logger.log(level, "%r failed in the job %s: %s", row.name, job.id, error)
            if not is_our_fault and row.blob and job.kb_id is not None:
                self.on_refused(job.kb_id, row.blob)
        except Cancelled:
            return
        except ZhiwenError as trouble:  # nothing can be written; the outcome is still open
            self._put_back(job, file_id, trouble)

    def _put_back(self, job: ActiveJob, file_id: int, error: ZhiwenError) -> None:
        """Try a file again later, and tell those who wait now."""
        with self._changed:
            job.working.pop(file_id, None)
            job.waiting.append(file_id)
            job.pause_s = min(MAX_PAUSE_S, max(TICK_S, 2 * job.pause_s))
            job.not_before = time.monotonic() + job.pause_s
            waited_for, job.ended = job.ended, running()
        logger.warning("The job %s waits %.0f s and tries again: %s", job.id, job.pause_s, error)
        if not waited_for.done():
            waited_for.set_exception(error)

    def _end_if_done(self, job: ActiveJob, *, is_known: bool = False) -> None:
        """End the job here if SQL has nothing more to do for it; it may have added files itself.

        ``is_known``: its end was stored by this process, so that nothing is left to be asked.
        """
        with self._changed:
            if job.waiting or job.working or job.id not in self._active or self._is_closed:
                return
        more = [] if is_known else self._read_queued(job.id)
        with self._changed:
            if job.waiting or job.working or job.id not in self._active or self._is_closed:
                return
            if more:
                job.waiting.extend(more)
                self._changed.notify_all()
                return
            del self._active[job.id]
            self._turns.remove(job.id)
            if not job.ended.done():
                job.ended.set_result(None)

    def _read_queued(self, job_id: str) -> Sequence[int]:
        """Return the files that a job still has to do, none if it has ended."""
        with self.database.read() as session:
            row = session.get(JobRow, job_id)
            return [] if row is None or row.status in ENDED else queued_files(session, job_id)

    def forget(self, job_id: str) -> None:
        """Let go of a job that was ended in SQL; what is in work notices soon."""
        with self._changed:
            job = self._active.get(job_id)
            if job is None:
                return
            job.is_cancelled = True
            job.waiting.clear()
        self._end_if_done(job)

    def _keep(self) -> None:
        """Write progress, renew leases and look for jobs whose owner died, until the end."""
        renewed = time.monotonic()
        while not self._closing.wait(TICK_S):
            try:
                self._write_progress()
                if time.monotonic() - renewed > RENEW_S:
                    renewed = time.monotonic()
                    self._renew()
                    self._claim()
            except ZhiwenError as error:  # the next round tries again
                logger.warning("The progress of jobs is not written: %s", error)
            except Exception:  # the border of the thread
                logger.exception("Jobs are not looked after for now.")

    def _write_progress(self) -> None:
        with self._changed:
            changed = [
                (job, file_id, progress)
                for job in self._active.values()
                for file_id, progress in job.working.items()
                if progress is not None and job.written.get(file_id) != progress
            ]
        if changed:
            with self.database.write("job_progress") as session:
                for job, file_id, progress in changed:
                    note_progress(session, file_id, progress.stage, progress.done, progress.total)
                    job.written[file_id] = progress

    def _renew(self) -> None:
        with self._changed:
            mine = list(self._active)
        if mine:
            with self.database.write("job_lease") as session:
                kept = renew_leases(session, self.owner, mine, until=now() + LEASE)
            for lost in set(mine) - kept:  # ended elsewhere, or taken over
                self.forget(lost)

    def _claim(self) -> None:
        """Take the jobs whose owner has not been heard of, and begin them."""
        with self.database.read() as session:
            free = [job_id for job_id in unowned_jobs(session, now()) if job_id not in self._active]
        for job_id in free:
            with self.database.write("job_claim") as session:
                at = now()
                job = claim_job(session, job_id, self.owner, at=at, until=at + LEASE)
                files = queued_files(session, job_id)
            if job is not None:
                logger.warning("The job %s was interrupted; it goes on.", job_id)
                self.start(job, files)
