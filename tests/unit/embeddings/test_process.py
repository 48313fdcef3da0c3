"""The embedding process: the same vectors, and every way in which it may end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from configs import ROOT
from embeddings.hashing import HashingEmbedder
from embeddings.process import EmbeddingProcess, EmbeddingStuck, read_vectors
from server.errors import EmbeddingFailed
from tests.unit.embeddings.misbehaving import MODULE
from tests.unit.supervisor.conftest import wait_until

TEXTS = ["The cabinet needs service.", "", "柜机需要保养。", "\x00 \U0001f527", "word " * 2000]
SIZE = HashingEmbedder.dimension

Starter = Callable[..., EmbeddingProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    started = []

    def make(timeout_s: float = 180, module: str = MODULE) -> EmbeddingProcess:
        process = EmbeddingProcess(
            cache=tmp_path / "models",
            batch_size=8,
            threads=1,
            runtime="onnxruntime",
            timeout_s=timeout_s,
            module=module,
        )
        started.append(process)
        return process

    yield make
    for process in started:
        process.stop()


def direct(texts: list[str]) -> np.ndarray:
    return HashingEmbedder(cache=Path(), batch_size=8, threads=1).embed_documents(texts)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_process_gives_the_vectors_of_the_model(start: Starter) -> None:
    process = start(module="embeddings.serve")
    texts = [f"{text} {number}" for number in range(100) for text in TEXTS]
    assert (process.embed("hashing", texts, SIZE) == direct(texts)).all()


def test_it_starts_with_the_first_text_and_stays(start: Starter) -> None:
    process = start()
    assert process.pid is None
    process.embed("hashing", ["one"], SIZE)
    first = process.pid
    process.embed("slow", ["two"], SIZE)
    assert process.pid == first


def test_it_gives_way_to_questions(start: Starter) -> None:
    process = start()
    process.embed("hashing", ["one"], SIZE)
    assert process.pid is not None
    assert psutil.Process(process.pid).nice() > psutil.Process().nice()


def test_what_a_library_prints_does_not_spoil_the_vectors(start: Starter) -> None:
    assert (start().embed("moody", ["print"], SIZE) == direct(["print"])).all()


def test_it_gives_way_beside_its_parent_too(start: Starter) -> None:
    """Linux weighs niceness within a session first, so that its own would hide it."""
    process = start()
    process.embed("hashing", ["one"], SIZE)
    assert process.pid is not None
    assert os.getsid(process.pid) == os.getsid(0)
    assert os.getpgid(process.pid) == process.pid


def test_it_does_not_get_the_secrets_of_the_service(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIWEN_API_KEY", "secret")
    process = start()
    process.embed("hashing", ["one"], SIZE)
    assert "ZHIWEN_API_KEY" not in psutil.Process(process.pid).environ()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_stops_the_service_leaves_the_texts_in_work_alone(start: Starter, number: int) -> None:
    process = start()
    process.embed("hashing", ["one"], SIZE)
    assert process.pid is not None
    os.kill(process.pid, number)
    assert (process.embed("hashing", ["two"], SIZE) == direct(["two"])).all()
    killer = threading.Timer(0.2, os.kill, (process.pid, number))
    killer.start()
    texts = [f"text {number}" for number in range(640)]
    assert (process.embed("slow", texts, SIZE) == direct(texts)).all()
    killer.join()


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "signal 40")])
def test_a_process_killed_at_work_fails_its_texts_and_is_replaced(
    start: Starter, number: int, name: str
) -> None:
    process = start()
    process.embed("slow", ["one"], SIZE)
    first = process.pid
    assert first is not None
    killer = threading.Timer(0.5, os.kill, (first, number))
    killer.start()
    with pytest.raises(EmbeddingFailed, match=name):
        process.embed("slow", ["text"] * 20_000, SIZE)
    killer.join()
    assert (process.embed("slow", ["two"], SIZE) == direct(["two"])).all()
    assert process.pid != first


def test_a_process_killed_while_idle_costs_no_text(start: Starter) -> None:
    process = start()
    process.embed("hashing", ["one"], SIZE)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert (process.embed("hashing", ["two"], SIZE) == direct(["two"])).all()


@pytest.mark.parametrize(("text", "reason"), [("crash", "SIGSEGV"), ("exit", "status 3")])
def test_a_crash_says_how_it_ended(start: Starter, text: str, reason: str) -> None:
    with pytest.raises(EmbeddingFailed, match=reason):
        start().embed("moody", [text], SIZE)


def test_a_model_that_fails_does_not_end_the_process(start: Starter) -> None:
    process = start()
    with pytest.raises(EmbeddingFailed, match="one text cannot be embedded"):
        process.embed("moody", ["fail"], SIZE)
    first = process.pid
    process.embed("moody", ["fine"], SIZE)
    assert process.pid == first


def test_a_model_that_nobody_knows_is_an_error(start: Starter) -> None:
    with pytest.raises(EmbeddingFailed, match="no embedding model called 'gone'"):
        start().embed("gone", ["one"], SIZE)


def test_a_program_that_cannot_start_is_an_error(start: Starter) -> None:
    with pytest.raises(EmbeddingFailed, match="status 1"):
        start(module="embeddings.no_such_module").embed("hashing", ["one"], SIZE)


@pytest.mark.slow
def test_a_hanging_process_is_ended(start: Starter) -> None:
    process = start(timeout_s=10)
    with pytest.raises(EmbeddingStuck, match="no sign of life"):
        process.embed("stuck", ["one"], SIZE)
    assert process.pid is None
    assert (process.embed("hashing", ["two"], SIZE) == direct(["two"])).all()


@pytest.mark.slow
def test_a_process_that_is_slow_but_computes_is_waited_for(start: Starter) -> None:
    assert (start(timeout_s=2).embed("busy", ["5"], SIZE) == direct(["5"])).all()


@pytest.mark.slow
def test_a_process_that_computes_for_ever_is_ended(start: Starter) -> None:
    process = start(timeout_s=1)
    with pytest.raises(EmbeddingStuck):
        process.embed("busy", ["3600"], SIZE)
    assert process.pid is None


def test_an_answer_that_cannot_be_read_does_not_reach_the_next_texts(start: Starter) -> None:
    process = start()
    with pytest.raises(RecursionError):
        process.embed("liar", ["nested"], SIZE)
    assert (process.embed("hashing", ["two"], SIZE) == direct(["two"])).all()


def test_an_answer_to_another_request_is_refused(start: Starter) -> None:
    process = start()
    process.embed("hashing", ["one"], SIZE)
    with pytest.raises(EmbeddingFailed, match="process ended"):
        process.embed("liar", ["two"], SIZE)
    assert (process.embed("hashing", ["three"], SIZE) == direct(["three"])).all()


@pytest.mark.slow
def test_a_stopped_process_that_does_not_read_is_ended(start: Starter) -> None:
    process = start(timeout_s=10)
    process.embed("hashing", ["one"], SIZE)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(EmbeddingStuck):
        process.embed("hashing", ["more than a socket holds " * 100] * 1000, SIZE)
    assert process.pid is None


def test_vectors_with_a_value_that_is_no_number_are_refused(start: Starter) -> None:
    with pytest.raises(EmbeddingFailed, match="not of length 1"):
        start().embed("nan", ["one", "two"], SIZE)


def test_vectors_of_another_dimension_are_refused(start: Starter) -> None:
    with pytest.raises(EmbeddingFailed, match=r"\(2, 256\) for \(2, 384\)"):
        start().embed("hashing", ["one", "two"], 384)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 2.0])
def test_only_unit_rows_are_taken(value: float) -> None:
    rows = np.zeros((2, 3), "<f4")
    rows[0, 0], rows[1, 1] = 1, value
    with pytest.raises(EmbeddingFailed, match="not of length 1"):
        read_vectors("m", rows.tobytes(), 2, 3)


@pytest.mark.parametrize(("rows", "dimension"), [(1, 3), (3, 3), (2, 4)])
def test_only_vectors_of_the_promised_shape_are_taken(rows: int, dimension: int) -> None:
    content = np.eye(2, 3, dtype="<f4").tobytes()
    with pytest.raises(EmbeddingFailed, match="24 bytes for"):
        read_vectors("m", content, rows, dimension)


def test_thirty_crashes_leave_nothing_behind(start: Starter) -> None:
    process = start()
    process.embed("hashing", ["one"], SIZE)
    process.stop()
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    children = set(psutil.Process().children())
    for number in range(30):
        with pytest.raises(EmbeddingFailed):
            process.embed("moody", ["crash" if number % 2 else "exit"], SIZE)
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert set(psutil.Process().children()) == children


PARENT = (
    "import time\n"
    "from pathlib import Path\n"
    "from embeddings.process import EmbeddingProcess\n"
    "import sys\n"
    "process = EmbeddingProcess(cache=Path(sys.argv[1]), batch_size=8, threads=1,\n"
    f"    runtime='onnxruntime', module={MODULE!r})\n"
    f"process.embed('hashing', ['one'], {SIZE})\n"
    "print(process.pid, flush=True)\n"
    "if sys.argv[2] == 'busy':\n"
    f"    process.embed('stuck', ['two'], {SIZE})\n"
    "time.sleep(600)\n"
)


@pytest.mark.parametrize("state", ["busy", "idle"])
def test_it_ends_when_its_parent_is_killed(tmp_path: Path, state: str) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), state]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.kill()
    wait_until(lambda: is_gone(pid))
