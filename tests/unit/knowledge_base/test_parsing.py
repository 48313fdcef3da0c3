"""Parsers are real processes, and die real deaths."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from server.errors import (
    Cancelled,
    EmptyDocument,
    NoPages,
    TooLarge,
    UnknownPage,
    UnreadableDocument,
    UnsupportedFormat,
    ZhiwenError,
)
from server.knowledge_base import parser as parser_module
from server.knowledge_base.loaders import load_document
from server.knowledge_base.loaders.limits import MIB, Limits
from server.knowledge_base.parsing import ParserPool
from server.knowledge_base.rendering import is_small_png
from tests.conformance.test_loaders import SAMPLES
from tests.unit.knowledge_base.conftest import (
    GREEDY,
    LIMITS,
    LONG,
    WITHIN_S,
    MakePool,
    Put,
    busy_process,
    wait_for,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[ParserPool]:
    pool = ParserPool(LIMITS, count=2)
    yield pool
    pool.close()


def children() -> set[psutil.Process]:
    """Return the processes started here that are there, dead ones that nobody buried included."""
    return set(psutil.Process().children())


@pytest.mark.parametrize("extension", sorted(SAMPLES))
def test_document_is_what_the_loader_reads(shared: ParserPool, put: Put, extension: str) -> None:
    blob, name = put(SAMPLES[extension]), f"守则{extension}"
    assert shared.parse(blob, name) == load_document(blob, name, Limits(10_000, 100, 64))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("守则.exe", b"MZ", UnsupportedFormat),
        ("守则.md", b"---", EmptyDocument),
        ("守则.docx", b"MZ", UnreadableDocument),
        ("守则.txt", b"text" * 100, TooLarge),
    ],
)
def test_error_is_that_of_the_loader(
    make_pool: MakePool, put: Put, name: str, content: bytes, kind: type[ZhiwenError]
) -> None:
    pool, blob = make_pool(max_chars=100), put(content)
    with pytest.raises(kind) as here:
        pool.parse(blob, name)
    with pytest.raises(kind) as there:
        load_document(blob, name, Limits(100, 1, 1))
    assert here.type is there.type
    assert (here.value.values, here.value.param) == (there.value.values, there.value.param)
    assert here.value.message("en") == there.value.message("en")
    assert here.value.message("zh") == there.value.message("zh")
    assert len(pool.idle) == 1  # the parser lives on


def test_page_is_drawn_by_a_parser_that_reads_on(make_pool: MakePool, put: Put) -> None:
    pool, blob = make_pool(), put(SAMPLES[".pdf"])
    drawn = pool.render(blob, "a.pdf", 1)
    assert is_small_png(drawn.png)
    assert drawn.pages == 1
    (first,) = pool.idle
    assert pool.parse(blob, "a.pdf").text
    with pytest.raises(UnknownPage):
        pool.render(blob, "a.pdf", 2)
    with pytest.raises(NoPages):
        pool.render(blob, "a.txt", 1)
    assert pool.idle == [first]


def test_crash_while_a_page_is_drawn_is_an_error_of_the_file(
    make_pool: MakePool, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, blob = make_pool(), put(SAMPLES[".pdf"])
    pool.render(blob, "a.pdf", 1)
    receive = parser_module.Parser._receive

    def kill(parser: parser_module.Parser, *given: object) -> None:
        if parser.has_begun:
            parser.process.kill()
        receive(parser, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as changed:
        changed.setattr(parser_module.Parser, "_receive", kill)
        changed.setattr(parser_module, "PORTION", 16)  # the picture does not come at once
        with pytest.raises(UnreadableDocument, match="Killed"):
            pool.render(blob, "a.pdf", 1)
    assert pool.render(blob, "a.pdf", 1).pages == 1


def test_picture_that_is_none_costs_the_parser(
    make_pool: MakePool, put: Put, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool, blob = make_pool(), put(SAMPLES[".pdf"])
    monkeypatch.setattr("server.knowledge_base.parse_wire.is_small_png", lambda png: False)
    with pytest.raises(UnreadableDocument, match="bad answer"):
        pool.render(blob, "a.pdf", 1)
    assert "not a picture" in caplog.text
    assert pool.idle == []


def test_line_of_fifty_megabytes_is_read(shared: ParserPool, put: Put) -> None:
    content = b"text and " * (50 * MIB // 9)
    assert len(shared.parse(put(content), "a.txt").text) == len(content) - 1


def test_relative_path_is_that_of_the_caller(
    shared: ParserPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blob").write_text("text")
    monkeypatch.chdir(tmp_path)
    assert shared.parse(Path("blob"), "a.txt").text == "text"


def test_missing_file_is_no_damaged_one(shared: ParserPool, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        shared.parse(tmp_path / "none", "a.txt")


def test_file_that_takes_too_long_is_refused_and_the_next_one_read(
    make_pool: MakePool, put: Put
) -> None:
    pool = make_pool(timeout_s=1)
    with pytest.raises(TooLarge, match=r"'a\.md' .* 1 s .*kb\.parse_timeout_s") as caught:
        pool.parse(put(LONG), "a.md")
    assert "kb.parse_timeout_s" in caught.value.message("zh")
    assert pool.parse(put(b"text"), "a.txt").text == "text"


def test_file_that_takes_too_much_memory_is_refused_and_the_next_one_read(
    make_pool: MakePool, put: Put
) -> None:
    pool = make_pool(memory_mb=80)
    with pytest.raises(TooLarge, match=r"'a\.md' .* 80 MiB .*kb\.parse_memory_mb"):
        pool.parse(put(GREEDY), "a.md")
    assert pool.parse(put(b"text"), "a.txt").text == "text"


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGRTMIN + 6]
)
def test_crash_is_an_error_of_the_file_only(
    make_pool: MakePool, put: Put, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    pool, name = make_pool(), signal.strsignal(number) or ""
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(pool.parse, put(LONG), "a.md")
        busy_process(pool).send_signal(number)
        with pytest.raises(UnreadableDocument, match=name) as caught:
            reading.result(WITHIN_S)
    assert name in caught.value.message("zh")
    assert f"'a.md' ended with {-number}" in caplog.text
    if number in (signal.SIGSEGV, signal.SIGABRT):
        assert "markdown" in caplog.text  # where it was
    assert pool.parse(put(b"text"), "a.txt").text == "text"


def test_signal_to_all_processes_of_the_service_fails_no_file(
    make_pool: MakePool, put: Put
) -> None:
    pool, cancelled = make_pool(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(pool.parse, put(LONG), "a.md", is_cancelled=cancelled.is_set)
        process = busy_process(pool)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
        before = process.cpu_times().user
        wait_for(lambda: process.cpu_times().user > before + 0.1)  # it reads on
        cancelled.set()
        with pytest.raises(Cancelled):
            reading.result(WITHIN_S)


def test_bad_files_stop_none_of_those_beside_them(make_pool: MakePool, put: Put) -> None:
    pool = make_pool(count=2, memory_mb=80, timeout_s=250)
    files = [("bad.md", put(GREEDY)), ("bad.docx", put(b"PK")), ("good.txt", put(b"text"))] * 4

    def read(file: tuple[str, Path]) -> str:
        try:
            return pool.parse(file[1], file[0]).text
        except ZhiwenError as error:
            return error.code

    with ThreadPoolExecutor(len(files)) as threads:
        results = list(threads.map(read, files))
    assert results == ["too_large", "unreadable_document", "text"] * 4


def test_no_more_files_are_read_at_once_than_allowed(make_pool: MakePool, put: Put) -> None:
    pool = make_pool(count=2)
    started = []
    start = pool._take

    def take() -> object:
        started.append(len(pool.busy))
        return start()

    pool._take = take  # type: ignore[method-assign,assignment]
    blob = put(b"text " * 100_000)
    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(lambda _: pool.parse(blob, "a.txt"), range(16)))) == 16
    assert max(started) <= 2
    assert len(pool.idle) <= 2


def test_cancelled_file_is_given_up_at_once(make_pool: MakePool, put: Put) -> None:
    pool, cancelled = make_pool(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(pool.parse, put(LONG), "a.md", is_cancelled=cancelled.is_set)
        process = busy_process(pool)
        cancelled.set()
        with pytest.raises(Cancelled):
            reading.result(WITHIN_S)
    assert not process.is_running()
    assert pool.parse(put(b"text"), "a.txt").text == "text"


def test_file_that_waits_for_a_parser_can_be_cancelled(make_pool: MakePool, put: Put) -> None:
    pool, cancelled = make_pool(), threading.Event()
    with ThreadPoolExecutor(2) as threads:
        reading = threads.submit(pool.parse, put(LONG), "a.md")
        wait_for(lambda: pool.busy)
        waiting = threads.submit(pool.parse, put(b"text"), "a.txt", is_cancelled=cancelled.is_set)
        cancelled.set()
        with pytest.raises(Cancelled):
            waiting.result(WITHIN_S)
        assert pool.busy
        pool.close()
        with pytest.raises(Cancelled):
            reading.result(WITHIN_S)


def test_closed_pool_has_no_process_and_reads_nothing(make_pool: MakePool, put: Put) -> None:
    pool = make_pool(count=2)
    pool.parse(put(b"text"), "a.txt")
    warm = psutil.Process(pool.idle[0].process.pid)
    with ThreadPoolExecutor(3) as threads:
        reading: list[Future[object]] = [
            threads.submit(pool.parse, put(LONG), "a.md") for _ in range(3)
        ]
        wait_for(lambda: len(pool.busy) == 2)
        processes = [psutil.Process(parser.process.pid) for parser in pool.busy]
        pool.close()
        assert not any(process.is_running() for process in [*processes, warm])
        for future in reading:
            with pytest.raises(Cancelled):
                future.result(WITHIN_S)
    with pytest.raises(Cancelled):
        pool.parse(put(b"text"), "a.txt")


def test_warm_parser_reads_the_next_file(make_pool: MakePool, put: Put) -> None:
    pool, blob = make_pool(count=2), put(b"text")
    pool.parse(blob, "a.txt")
    (first,) = pool.idle
    pool.parse(blob, "a.txt")
    assert pool.idle == [first]


def test_parser_is_replaced_after_many_files(
    make_pool: MakePool, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parser_module, "MAX_FILES", 3)
    pool, blob = make_pool(), put(b"text")
    for _ in range(3):
        pool.parse(blob, "a.txt")
    assert pool.idle == []


def test_parser_that_has_grown_is_replaced(
    make_pool: MakePool, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parser_module, "KEPT_MB", 1)
    pool = make_pool()
    pool.parse(put(b"text"), "a.txt")
    assert pool.idle == []


def test_idle_parser_ends_and_another_one_starts(make_pool: MakePool, put: Put) -> None:
    pool, before = make_pool(idle_s=0.1), children()
    for _ in range(2):
        pool.parse(put(b"text"), "a.txt")
        wait_for(lambda: not pool.idle and pool.janitor is None)
        assert children() == before


def test_nothing_is_left_after_many_files_and_crashes(make_pool: MakePool, put: Put) -> None:
    files, threads = psutil.Process().num_fds(), set(threading.enumerate())
    known = children()
    good, bad = put(b"text"), put(b"PK")
    pool = make_pool(count=2)
    for number in range(50):
        pool.parse(good, "a.txt")
        with pytest.raises(UnreadableDocument):
            pool.parse(bad, "a.docx")
        if number % 5 == 0:
            os.kill(pool.idle[0].process.pid, signal.SIGKILL)
    assert len(children() - known) <= 2
    pool.close()
    # Less than before is no fault: what a test before this one left ends meanwhile.
    wait_for(lambda: psutil.Process().num_fds() <= files)
    wait_for(lambda: set(threading.enumerate()) <= threads)
    assert children() <= known
