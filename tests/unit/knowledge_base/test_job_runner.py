"""The runner of jobs: turns, take-over, trouble, the end of the process."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path

import pytest

from server.db.database import Database
from server.db.jobs import (
    NewJobFile,
    add_job,
    cancel_job,
    close_job,
    list_job_files,
    queued_files,
    settle_file,
)
from server.db.knowledge_bases import add_kb
from server.db.models import JobRow, KnowledgeBaseRow, now
from server.errors import DatabaseBusy, EmbeddingFailed, InvalidRequest, StorageFull
from server.errors.records import read_error
from server.knowledge_base import jobs as module
from server.knowledge_base.jobs import JobRunner
from server.knowledge_base.tasks import ServiceStopping, Task


class Bench:
    """A database with one knowledge base, and runners whose work is noted."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.done: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.trouble: list[Exception] = []
        self.runners: list[JobRunner] = []
        with database.write("test") as session:
            self.kb = add_kb(
                session,
                KnowledgeBaseRow(name="kb", embedding_model="none", chunk_size=1, chunk_overlap=0),
            )

    def work(self, task: Task) -> bool:
        while not self.gate.wait(0.05):
            if task.is_cancelled():
                return False
        if self.trouble:
            raise self.trouble.pop()
        with self.database.write("test_work") as session:
            settle_file(session, task.id, "done", {"outcome": "added"})
            is_ended = close_job(session, task.job_id)
        self.done.append(task.name)
        return is_ended

    def runner(self, threads: int = 1) -> JobRunner:
        made = JobRunner(
            self.database, {"add": self.work}, threads=threads, on_refused=lambda kb_id, blob: None
        )
        self.runners.append(made)
        return made

    def add(self, runner: JobRunner, *names: str) -> JobRow:
        with self.database.write("test_job") as session:
            files = [NewJobFile(name) for name in names]
            return add_job(session, self.kb, "add", {}, files, **runner.lease())

    def start(self, runner: JobRunner, job: JobRow) -> "Future[None]":
        with self.database.read() as session:
            files = queued_files(session, job.id)
        return runner.start(job, files)

    def statuses(self, job: JobRow) -> list[str]:
        with self.database.read() as session:
            return [file.status for file in list_job_files(session, job.id)]

    def status(self, job: JobRow) -> str:
        with self.database.read() as session:
            return session.get_one(JobRow, job.id).status


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    database = Database(tmp_path / "zhiwen.db")
    database.migrate()
    made = Bench(database)
    yield made
    made.gate.set()
    for runner in made.runners:
        runner.close()
    database.close()


def wait_until_idle(bench: Bench, job: JobRow) -> None:
    deadline = time.monotonic() + 60
    while bench.status(job) == "running" and time.monotonic() < deadline:
        time.sleep(0.02)


def test_jobs_take_turns(bench: Bench) -> None:
    runner = bench.runner()
    bench.gate.clear()
    long, short = bench.add(runner, "a1", "a2", "a3", "a4"), bench.add(runner, "b1")
    ended = [bench.start(runner, long), bench.start(runner, short)]
    bench.gate.set()
    for each in ended:
        each.result(60)
    assert bench.done.index("b1") < 3
    assert (bench.status(long), bench.status(short)) == ("done", "done")


def test_an_interrupted_job_goes_on_where_it_was(bench: Bench) -> None:
    first = bench.runner()
    bench.gate.clear()
    job = bench.add(first, "a", "b", "c")
    bench.start(first, job)
    first.close()
    assert bench.statuses(job) == ["queued"] * 3
    bench.gate.set()
    bench.runner().resume()
    wait_until_idle(bench, job)
    assert bench.statuses(job) == ["done"] * 3
    assert sorted(bench.done) == ["a", "b", "c"]


def test_whoever_waits_is_told_that_the_process_ends(bench: Bench) -> None:
    runner = bench.runner()
    bench.gate.clear()
    ended = bench.start(runner, bench.add(runner, "a"))
    runner.close()
    with pytest.raises(ServiceStopping):
        ended.result(60)
    with pytest.raises(ServiceStopping):
        bench.start(runner, bench.add(runner, "b"))


def test_a_job_whose_owner_is_silent_is_taken_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.05)
    monkeypatch.setattr(module, "RENEW_S", 0.05)
    dead = bench.runner()  # it never starts the job that it owns
    job = bench.add(dead, "a")
    living = bench.runner()
    bench.start(living, bench.add(living, "b")).result(60)
    time.sleep(0.5)
    assert bench.status(job) == "running"
    assert bench.statuses(job) == ["queued"]  # its lease has not ended
    with bench.database.write("test") as session:
        session.get_one(JobRow, job.id).lease_until = now() - timedelta(seconds=1)
    wait_until_idle(bench, job)
    assert bench.statuses(job) == ["done"]


def test_a_file_is_done_once_even_by_two_owners(bench: Bench) -> None:
    one, two = bench.runner(), bench.runner()
    bench.gate.clear()
    job = bench.add(one, "a")
    ended = [bench.start(one, job), bench.start(two, job)]
    bench.gate.set()
    for each in ended:
        each.result(60)
    assert bench.done == ["a"]


def test_a_bad_file_stops_no_other(bench: Bench) -> None:
    runner = bench.runner()
    bench.trouble = [InvalidRequest(problem_en="bad", problem_zh="坏"), RuntimeError("a fault")]
    job = bench.add(runner, "a", "b", "c")
    bench.start(runner, job).result(60)
    assert bench.statuses(job) == ["failed", "failed", "done"]
    assert bench.status(job) == "failed"
    with bench.database.read() as session:
        codes = [read_error(file.note or {}).code for file in list_job_files(session, job.id)[:2]]
    assert sorted(codes) == ["internal_error", "invalid_request"]


def test_trouble_is_told_at_once_and_the_file_tried_again(bench: Bench) -> None:
    runner = bench.runner()
    bench.trouble = [DatabaseBusy()]
    job = bench.add(runner, "a")
    with pytest.raises(DatabaseBusy):
        bench.start(runner, job).result(60)
    wait_until_idle(bench, job)
    assert bench.statuses(job) == ["done"]


def test_a_cancelled_job_ends_at_once(bench: Bench) -> None:
    runner = bench.runner()
    bench.gate.clear()
    job = bench.add(runner, "a", "b")
    ended = bench.start(runner, job)
    runner.cancel(job.id)
    ended.result(60)
    assert bench.statuses(job) == ["cancelled", "cancelled"]
    bench.gate.set()
    bench.start(runner, bench.add(runner, "c")).result(60)
    assert bench.done == ["c"]


def test_a_passing_fault_is_tried_again_a_lasting_one_is_told(bench: Bench) -> None:
    runner = bench.runner()
    module_tries = module.TRIES
    bench.trouble = [EmbeddingFailed(model="m", reason="no memory") for _ in range(module_tries)]
    job = bench.add(runner, "a", "b")
    with pytest.raises(EmbeddingFailed):
        bench.start(runner, job).result(60)
    wait_until_idle(bench, job)
    assert sorted(bench.statuses(job)) in (["done", "done"], ["done", "failed"])


def test_a_full_disk_loses_no_file_that_was_accepted(bench: Bench) -> None:
    runner = bench.runner()
    bench.trouble = [StorageFull(reason="full")]
    job = bench.add(runner, "a", "b")
    with pytest.raises(StorageFull):
        bench.start(runner, job).result(60)
    wait_until_idle(bench, job)
    assert bench.statuses(job) == ["done", "done"]


def test_a_file_that_ends_the_process_again_and_again_is_given_up(bench: Bench) -> None:
    job = bench.add(bench.runner(), "poison", "good")
    with bench.database.write("test") as session:
        first = list_job_files(session, job.id)[0]
        first.attempts, first.stage = module.TRIES - 1, "reading"
    bench.runner().resume()
    wait_until_idle(bench, job)
    assert bench.statuses(job) == ["failed", "done"]
    with bench.database.read() as session:
        note = list_job_files(session, job.id)[0].note or {}
    assert read_error(note).code == "interrupted"


def test_a_job_that_was_never_begun_is_found_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.05)
    monkeypatch.setattr(module, "RENEW_S", 0.05)
    monkeypatch.setattr(module, "LEASE", timedelta(seconds=0.5))
    runner = bench.runner()
    orphan = bench.add(runner, "a")  # as if ``start`` had failed after the commit
    bench.start(runner, bench.add(runner, "b")).result(60)
    wait_until_idle(bench, orphan)
    assert bench.statuses(orphan) == ["done"]


def test_a_job_that_another_process_ended_is_let_go(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.05)
    monkeypatch.setattr(module, "RENEW_S", 0.05)
    runner = bench.runner()
    bench.gate.clear()
    job = bench.add(runner, "a", "b")
    ended = bench.start(runner, job)
    with bench.database.write("test") as session:
        cancel_job(session, job.id, {})
    ended.result(60)
    assert bench.done == []
