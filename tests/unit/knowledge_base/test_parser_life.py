"""How the processes that parse begin and end, and what they may do."""

import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from configs import ROOT
from server.errors import ParserUnavailable
from server.knowledge_base import parser as parser_module
from server.knowledge_base.loaders.limits import MIB
from server.knowledge_base.parsing import tell_nobody
from tests.unit.knowledge_base.conftest import LIMITS, LONG, WITHIN_S, MakePool, Put, wait_for


def test_parser_starts_where_python_does_not_look_into_its_folder(
    make_pool: MakePool, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert make_pool().parse(put(b"text"), "a.txt").text == "text"


def test_parser_that_does_not_start_is_no_fault_of_the_file(
    make_pool: MakePool, put: Put, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool()
    with monkeypatch.context() as changed:
        changed.setenv("PYTHONHOME", "/nowhere")
        with pytest.raises(ParserUnavailable, match=r"a\.txt"):
            pool.parse(put(b"text"), "a.txt")
    assert "/nowhere" in caplog.text  # what it said
    assert not pool.busy
    assert pool.parse(put(b"text"), "a.txt").text == "text"


def test_parser_that_hangs_at_its_start_is_given_up(
    make_pool: MakePool, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    pool.parse(put(b"text"), "a.txt")
    stuck = psutil.Process(pool.idle[0].process.pid)
    stuck.suspend()
    with monkeypatch.context() as changed:
        changed.setattr(parser_module, "START_WITHIN_S", 0.5)
        changed.setattr("server.knowledge_base.parsing.ATTEMPTS", 1)
        with pytest.raises(ParserUnavailable):
            pool.parse(put(b"text"), "a.txt")
    assert not stuck.is_running()
    assert pool.parse(put(b"text"), "a.txt").text == "text"


def test_parser_that_never_stops_talking_is_not_listened_to_for_ever(make_pool: MakePool) -> None:
    with make_pool()._borrow(lambda: False) as parser, Path("/dev/zero").open("rb", 0) as chatter:
        words, parser.words, parser.said = parser.words, chatter, b""
        parser._log("a.txt")
        parser.words = words
        assert 0 < len(parser.said) <= parser_module.LOG_BYTES


def test_parser_that_died_while_idle_costs_no_file(make_pool: MakePool, put: Put) -> None:
    pool = make_pool()
    pool.parse(put(b"text"), "a.txt")
    process = psutil.Process(pool.idle[0].process.pid)
    process.kill()
    wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE)
    assert pool.parse(put(b"text"), "a.txt").text == "text"


def test_parser_that_dies_before_it_takes_the_file_costs_none(
    make_pool: MakePool, put: Put
) -> None:
    pool = make_pool()
    pool.parse(put(b"text"), "a.txt")
    process = psutil.Process(pool.idle[0].process.pid)
    process.suspend()
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(pool.parse, put(b"text"), "a.txt")
        wait_for(lambda: pool.busy)
        process.kill()
        assert reading.result(WITHIN_S).text == "text"


def test_what_comes_by_the_pipe_of_requests_ends_no_parser(put: Put) -> None:
    parser = parser_module.Parser(LIMITS)
    try:
        with ThreadPoolExecutor(1) as threads:
            parser.has_begun = False
            reading = threads.submit(
                parser.parse,
                put(b"line\n" * 100_000),
                "a.txt",
                is_cancelled=lambda: False,
                on_page=tell_nobody,
            )
            wait_for(lambda: parser.has_begun)
            parser.requests.write(b"\0")  # as the end of a write that the kernel tells late
            assert reading.result(WITHIN_S).text.startswith("line")
    finally:
        parser.close()


SERVICE = """
import sys, time
from pathlib import Path
from server.knowledge_base.parsing import ParseLimits, ParserPool
from threading import Thread
pool = ParserPool(ParseLimits(512, 600, 1 << 20, 9, 9), count=2)
Thread(target=pool.parse, args=(Path(sys.argv[2]), "a.md"), daemon=True).start()
while not pool.busy:
    time.sleep(0.01)
pool.parse(Path(sys.argv[1]), "a.txt")
print(*(parser.process.pid for parser in [*pool.busy, *pool.idle]), flush=True)
time.sleep(600)
"""


def test_parsers_die_with_a_service_that_is_killed(put: Put) -> None:
    command = [sys.executable, "-c", SERVICE, str(put(b"text")), str(put(LONG))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            parsers = [psutil.Process(int(pid)) for pid in service.stdout.readline().split()]
            assert len(parsers) == 2
            wait_for(lambda: parsers[0].cpu_times().user > 0.3)
        finally:
            service.kill()
    assert psutil.wait_procs(parsers, timeout=WITHIN_S)[1] == []


def test_parser_has_no_secrets_and_little_power(
    make_pool: MakePool, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIWEN_API_KEY", "secret")
    pool = make_pool(memory_mb=100)
    pool.parse(put(b"text"), "a.txt")
    pid = pool.idle[0].process.pid
    process = psutil.Process(pid)
    assert not [name for name in process.environ() if name.startswith("ZHIWEN_")]
    assert process.nice() > psutil.Process().nice()
    assert 100 * MIB < resource.prlimit(pid, resource.RLIMIT_DATA)[0] < 200 * MIB
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE)[0] <= MIB
    assert os.getpgid(pid) == pid
    assert os.getsid(pid) == os.getsid(0)  # in another one, its niceness would not count
    assert process.net_connections() == []
