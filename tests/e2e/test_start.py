"""Starting and stopping the real thing."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from configs import ROOT
from server.supervisor import pidfile
from tests.e2e.processes import (
    READY_WITHIN_S,
    Place,
    Started,
    free_port,
    is_port_free,
    is_ready,
    new_place,
    run,
    run_script,
    started,
    wait_until,
)

pytestmark = pytest.mark.slow

STOP_WITHIN_S = 15.0  # 10 are promised; the rest is for a busy machine


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return new_place(tmp_path_factory.mktemp("start"))


@pytest.fixture(scope="module", autouse=True)
def first_check(place: Place) -> subprocess.CompletedProcess[str]:
    """The first start of all, so that the tests after it find the samples ready."""
    return run_script(place, "startup.py", "--check")


@pytest.fixture
def everything(place: Place) -> Iterator[Started]:
    with started(place, "-a") as start:
        yield start


@pytest.fixture
def decoy() -> Iterator[subprocess.Popen[bytes]]:
    """A stranger whose command line looks like ours."""
    command = [sys.executable, "-c", "import time; time.sleep(600)", "server/api.py", "startup.py"]
    with subprocess.Popen(command) as process:
        yield process
        process.kill()


def test_check_on_fresh_data_answers_with_a_source(
    first_check: subprocess.CompletedProcess[str],
) -> None:
    assert first_check.returncode == 0, first_check.stdout + first_check.stderr
    assert "\nQuestion: " in first_check.stdout
    assert "\n  [1] " in first_check.stdout
    assert "/docs" in first_check.stdout


def test_a_second_check_answers_too(place: Place) -> None:
    second = run_script(place, "startup.py", "--check", "--quiet")

    assert second.returncode == 0, second.stdout + second.stderr
    assert "[api]" not in second.stdout
    assert place.listed == []


def test_the_messages_follow_the_locale(place: Place) -> None:
    checked = run_script(place, "startup.py", "--check", "-q", LC_ALL="zh_CN.UTF-8")

    assert "知问已就绪" in checked.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything(place: Place, number: signal.Signals) -> None:
    with started(place, "-a") as start:
        start.send(number)

        assert start.process.wait(STOP_WITHIN_S) == 0
        assert start.left(0) == []
        assert [port for port in place.ports if not is_port_free(port)] == []
        assert place.listed == []
        assert place.rows == {}


def test_a_service_that_does_not_react_is_killed_in_time(place: Place) -> None:
    with started(place, "--api") as start:
        os.kill(start.pid_of("api"), signal.SIGSTOP)

        start.send(signal.SIGTERM)

        assert start.process.wait(STOP_WITHIN_S) == 0
        assert start.left(1) == []


def test_a_second_ctrl_c_does_not_wait(place: Place) -> None:
    with started(place, "--api") as start:
        os.kill(start.pid_of("api"), signal.SIGSTOP)

        start.send(signal.SIGINT)
        time.sleep(0.5)  # two signals at once would be one
        start.send(signal.SIGINT)

        assert start.process.wait(STOP_WITHIN_S) == 128 + signal.SIGINT
        assert start.left(2) == []


def test_no_service_outlives_a_killed_supervisor(place: Place) -> None:
    with started(place, "-a") as start:
        start.send(signal.SIGKILL)
        start.process.wait()

        assert start.left(STOP_WITHIN_S) == []
        assert [port for port in place.ports if not is_port_free(port)] == []


def test_a_start_right_after_a_kill_succeeds(place: Place) -> None:
    with started(place, "--api") as start:
        start.send(signal.SIGKILL)
        start.process.wait()

        checked = run_script(place, "startup.py", "--check")

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", ["controller", "endpoint", "api", "webui"])
def test_a_killed_service_comes_back(everything: Started, name: str) -> None:
    first = everything.pid_of(name)

    os.kill(first, signal.SIGKILL)

    everything.wait_another(name, first)
    assert f"{name} ended: SIGKILL" in everything.output.read_text("utf-8")


def test_the_same_data_is_not_served_twice(place: Place) -> None:
    with started(place, "--api") as start:
        second = run_script(place, "startup.py", "-a", f"--port={free_port()}")

        assert second.returncode == 1
        told = f"api is already running on {place.data} (process {start.process.pid})"
        assert told in second.stderr
        assert is_ready(place)


def test_shutdown_stops_ours_and_no_other(
    place: Place, decoy: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    with started(place, "-a") as start:
        start.entries()

        done = run(place, str(ROOT / "shutdown_all.sh"), PYTHON=sys.executable)

        assert done.returncode == 0, done.stdout + done.stderr
        assert "Stopped." in done.stdout
        assert start.process.wait(1) == 0
        assert start.left(0) == []
    assert decoy.poll() is None


def test_shutdown_leaves_a_process_alone_that_got_the_id_of_ours(
    place: Place, decoy: subprocess.Popen[bytes]
) -> None:
    stale = {"name": "api", "pid": decoy.pid, "create_time": psutil.Process().create_time() - 9}
    pidfile.pid_file(place.data, "api").write_text(json.dumps([stale]), "utf-8")
    assert place.listed != []

    done = run(place, str(ROOT / "shutdown_all.sh"), LC_ALL="zh_CN.UTF-8", PYTHON=sys.executable)

    assert done.returncode == 0
    assert "没有正在运行的进程" in done.stdout
    assert decoy.poll() is None


def test_the_api_alone_serves_https(place: Place, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    )
    subprocess.run(make.split(), check=True, capture_output=True)
    flags = [f"--ssl_keyfile={key}", f"--ssl_certfile={certificate}"]
    command = [sys.executable, str(ROOT / "server" / "api.py"), *flags]
    trusted = ssl.create_default_context(cafile=certificate)

    def answers() -> bool:
        try:
            url = f"https://127.0.0.1:{place.port}/healthz"
            return httpx.get(url, verify=trusted, trust_env=False).status_code == 200
        except httpx.ConnectError:
            return False

    with (
        (tmp_path / "output.txt").open("wb") as output,
        subprocess.Popen(
            command, env=place.environment, cwd=tmp_path, stdout=output, stderr=output
        ) as api,
    ):
        try:
            wait_until(answers, READY_WITHIN_S, "an answer over HTTPS")
        finally:
            api.terminate()
            api.wait(STOP_WITHIN_S)
