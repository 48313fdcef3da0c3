"""The runner of jobs: turns, take-over, trouble, the end of the process."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from server.db.database import Database
from server.db.jobs import NewJobFile, add_job, close_job, list_job_files, settle_file
from server.db.knowledge_bases import add_kb
from server.db.models import JobRow, KnowledgeBaseRow, now
from server.errors import DatabaseBusy, InvalidRequest
from server.errors.records import read_error
from server.knowledge_base import jobs as module
from server.knowledge_base.jobs import JobRunner, ServiceStopping, Task


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

    def work(self, task: Task) -> None:
        while not self.gate.wait(0.05):
            if task.is_cancelled():
                return
        if self.trouble:
            raise self.trouble.pop()
        with self.database.write("test_work") as session:
            settle_file(session, task.id, "done", {"outcome": "added"})
            close_job(session, task.job_id)
        self.done.append(task.name)

    def runner(self, threads: int = 1) -> JobRunner:
        made = JobRunner(
            self.database, {"add": self.work}, threads=threads, on_failed=lambda task: None
        )
        self.runners.append(made)
        return made

    def add(self, runner: JobRunner, *names: str) -> JobRow:
        with self.database.write("test_job") as session:
            files = [NewJobFile(name) for name in names]
            return add_job(session, self.kb, "add", {}, files, **runner.lease())

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
    ended = [runner.start(long), runner.start(short)]
    bench.gate.set()
    for each in ended:
        each.result(60)
    assert bench.done.index("b1") < 3
    assert (bench.status(long), bench.status(short)) == ("done", "done")


def test_an_interrupted_job_goes_on_where_it_was(bench: Bench) -> None:
    first = bench.runner()
    bench.gate.clear()
    job = bench.add(first, "a", "b", "c")
    first.start(job)
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
    ended = runner.start(bench.add(runner, "a"))
    runner.close()
    with pytest.raises(ServiceStopping):
        ended.result(60)
    with pytest.raises(ServiceStopping):
        runner.start(bench.add(runner, "b"))


def test_a_job_whose_owner_is_silent_is_taken_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.05)
    monkeypatch.setattr(module, "RENEW_S", 0.05)
    dead = bench.runner()  # it never starts the job that it owns
    job = bench.add(dead, "a")
    living = bench.runner()
    living.start(bench.add(living, "b")).result(60)
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
    ended = [one.start(job), two.start(job)]
    bench.gate.set()
    for each in ended:
        each.result(60)
    assert bench.done == ["a"]


def test_a_bad_file_stops_no_other(bench: Bench) -> None:
    runner = bench.runner()
    bench.trouble = [InvalidRequest(problem_en="bad", problem_zh="坏"), RuntimeError("a fault")]
    job = bench.add(runner, "a", "b", "c")
    runner.start(job).result(60)
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
        runner.start(job).result(60)
    wait_until_idle(bench, job)
    assert bench.statuses(job) == ["done"]


def test_a_cancelled_job_ends_at_once(bench: Bench) -> None:
    runner = bench.runner()
    bench.gate.clear()
    job = bench.add(runner, "a", "b")
    ended = runner.start(job)
    runner.cancel(job.id)
    ended.result(60)
    assert bench.statuses(job) == ["cancelled", "cancelled"]
    bench.gate.set()
    runner.start(bench.add(runner, "c")).result(60)
    assert bench.done == ["c"]
