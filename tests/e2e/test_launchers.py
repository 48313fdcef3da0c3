"""The launchers beside ``startup.py``: the serving chain alone, its stop, the API alone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from configs import ROOT
from server.supervisor import pidfile
from tests.e2e.processes import (
    READY_WITHIN_S,
    Place,
    Started,
    is_ready,
    new_place,
    run,
    run_script,
    started,
    wait_until,
)

pytestmark = pytest.mark.slow

STOP_WITHIN_S = 15.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return new_place(tmp_path_factory.mktemp("launchers"), ZHIWEN_KB__CREATE_SAMPLES="false")


@pytest.fixture
def chain(place: Place) -> Iterator[Started]:
    with started(place, script="server/llm_api.py") as start:
        yield start


@pytest.fixture
def api(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """The API, started by hand."""
    with (place.folder / "api.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "server" / "api.py")],
            env=place.environment,
            cwd=place.folder,
            stdout=output,
            stderr=output,
        )
    wait_until(lambda: is_ready(place), READY_WITHIN_S, "the API")
    yield process
    process.kill()
    process.wait()


def test_the_chain_runs_beside_an_api_started_by_hand(
    place: Place, api: subprocess.Popen[bytes], chain: Started
) -> None:
    listed = httpx.get(f"http://127.0.0.1:{place.endpoint_port}/v1/models", trust_env=False)

    assert listed.json()["data"] == []
    assert api.poll() is None


def test_the_chain_stops_on_request(place: Place, chain: Started) -> None:
    done = run_script(place, "server/llm_api_shutdown.py", "--serve", "all")

    assert done.returncode == 0, done.stdout + done.stderr
    assert chain.process.wait(STOP_WITHIN_S) == 0
    assert chain.left(0) == []


@pytest.mark.parametrize(
    ("part", "stopped", "other"),
    [("controller", "controller", "endpoint"), ("openai_api_server", "endpoint", "controller")],
)
def test_a_part_of_the_chain_stops_and_stays_away(
    place: Place, chain: Started, part: str, stopped: str, other: str
) -> None:
    before = chain.pid_of(other)

    done = run_script(place, "server/llm_api_shutdown.py", "--serve", part)

    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: stopped not in chain.rows(), STOP_WITHIN_S, "its row is gone")
    assert chain.pid_of(other) == before
    assert f"{stopped}: stopped on request" in chain.output.read_text("utf-8")


def test_a_part_that_was_stopped_can_be_started_elsewhere(place: Place) -> None:
    with started(place, "-o", "--api") as everything:
        run_script(place, "server/llm_api_shutdown.py")
        wait_until(lambda: [*everything.rows()] == ["api"], STOP_WITHIN_S, "only the API is left")

        def is_given_up() -> bool:  # a row goes before its claim does
            return [path.stem for path in pidfile.pid_files(place.data)] == ["api"]

        wait_until(is_given_up, STOP_WITHIN_S, "only the API is claimed")

        with started(place, script="server/llm_api.py") as chain:
            assert {"controller", "endpoint"} <= chain.rows().keys()
        assert everything.process.poll() is None


def test_the_chain_is_not_started_twice(place: Place, chain: Started) -> None:
    second = run_script(place, "startup.py", "-o")

    assert second.returncode == 1
    assert f"already running on {place.data} (process {chain.process.pid})" in second.stderr


def test_shutdown_finds_an_api_started_by_hand_and_the_chain(
    place: Place, api: subprocess.Popen[bytes], chain: Started
) -> None:
    done = run(place, str(ROOT / "shutdown_all.sh"), PYTHON=sys.executable)

    assert done.returncode == 0, done.stdout + done.stderr
    assert api.wait(STOP_WITHIN_S) is not None
    assert chain.process.wait(STOP_WITHIN_S) == 0
    assert chain.left(0) == []
    assert place.listed == []


def test_two_instances_run_side_by_side(place: Place, chain: Started, tmp_path: Path) -> None:
    with started(new_place(tmp_path), "-o") as other:
        assert other.rows().keys() == chain.rows().keys()
        assert chain.process.poll() is None
