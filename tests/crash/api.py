"""A real API process on a data folder, which can be killed; its client; what it leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from configs import ROOT
from server.faults import VARIABLE
from tests.crash.starter import Forked, Starter
from tests.e2e.processes import free_port, wait_until

READY_WITHIN_S = 90.0  # of a busy machine
JOB_WITHIN_S = 90.0
DEAD_WITHIN_S = 60.0
REQUEST_S = 90.0
QUIET_S = 0.7  # so long no point is passed once all work is done
DEAD = (httpx.NetworkError, httpx.RemoteProtocolError)  # what a client sees of a killed server
KEY = re.compile(r"API key: (\S+)")


@dataclass
class Folder:
    """A data folder with its settings, log and trace; "{root}" in a setting is where they lie."""

    root: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()  # that runs the process, e.g. with fewer rights
    starter: Starter | None = None  # that forks the process; None: it starts from nothing

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "api.txt"

    @property
    def answers(self) -> Path:
        """Where the answers to some questions are kept, to compare them with later ones."""
        return self.root / "answers.json"

    @property
    def trace(self) -> Path:
        return self.root / "trace.txt"

    def passed(self) -> Counter[str]:
        """Return the fault points that were traced, and how often."""
        return Counter(self.trace.read_text().splitlines() if self.trace.exists() else ())

    def environment(self, port: int, fault: str) -> dict[str, str]:
        """Return the environment of a process: hashing vectors, no samples, no other settings."""
        clean = {name: v for name, v in os.environ.items() if not name.startswith("ZHIWEN_")}
        config = self.root / "zhiwen.yaml"
        config.write_text("{}")
        return {
            **clean,
            "LC_ALL": "C.UTF-8",
            "ZHIWEN_CONFIG": str(config),
            "ZHIWEN_PATHS__DATA": str(self.data),
            "ZHIWEN_PATHS__LOGS": str(self.root / "logs"),
            "ZHIWEN_SERVER__PORT": str(port),
            "ZHIWEN_SERVER__LANGUAGE": "en",
            "ZHIWEN_EMBEDDING__MODEL": "hashing",
            "ZHIWEN_KB__CREATE_SAMPLES": "false",
            "ZHIWEN_WORKERS__ENDPOINT_PORT": "9",  # nobody listens there
            **({VARIABLE: fault} if fault else {}),
            **{n: v.replace("{root}", str(self.root)) for n, v in self.settings.items()},
        }


@dataclass
class Api:
    """One process with its client."""

    folder: Folder
    process: subprocess.Popen[bytes] | Forked
    http: httpx.Client

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def wait_ready(self) -> bool:
        """Wait until it is ready and return True, or False if it died before."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if not self.is_alive:
                return False
            with suppress(*DEAD, httpx.TimeoutException):
                if self.http.get("/readyz", timeout=5).status_code == 200:
                    self.log_in()
                    return True
            time.sleep(0.03)
        raise AssertionError(f"not ready within {READY_WITHIN_S} s\n{self.output()}")

    def log_in(self) -> None:
        """Use the key that was told last, if one was told."""
        if keys := KEY.findall(self.folder.log.read_text("utf-8", errors="replace")):
            self.http.headers["X-API-Key"] = keys[-1]

    def wait_dead(self) -> None:
        """Wait for the end of the process by its fault point."""
        try:
            self.process.wait(DEAD_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still alive after {DEAD_WITHIN_S} s\n{self.output()}") from None
        assert self.process.returncode == -signal.SIGKILL, self.output()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it as a user would, and check that it ends well."""
        self.process.terminate()
        assert self.process.wait(DEAD_WITHIN_S) in (0, -signal.SIGTERM), self.output()

    def output(self) -> str:
        return self.folder.log.read_text("utf-8", errors="replace")[-6000:]

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to the native interface."""
        return self.http.request(method, f"/api/v1{path}", **options)

    def get(self, path: str, **options: Any) -> Any:
        """Return the JSON of a request that must succeed."""
        answer = self.request("GET", path, **options)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def wait_job(self, job_id: str) -> dict[str, Any]:
        """Wait for the end of a job and return it."""
        deadline = time.monotonic() + JOB_WITHIN_S
        while time.monotonic() < deadline:
            job = self.get(f"/jobs/{job_id}")
            if job["finished_at"]:
                return dict(job)
            time.sleep(0.05)
        raise AssertionError(f"the job does not end: {job}\n{self.output()}")

    def wait_all_jobs(self) -> None:
        """Wait until no job is under way."""
        active: Any = None

        def is_idle() -> bool:
            nonlocal active
            active = self.get("/jobs", params={"active": "true"})
            return not active

        try:
            wait_until(is_idle, JOB_WITHIN_S, "idle")
        except AssertionError as error:
            raise AssertionError(f"jobs do not end: {active}\n{self.output()}") from error

    def wait_quiet(self) -> None:
        """Wait until the work is done and, for a while, no traced point was passed."""
        self.wait_all_jobs()
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            if (size := self.folder.passed().total()) != seen:
                seen, since = size, time.monotonic()
            time.sleep(0.05)


def start(folder: Folder, fault: str = "") -> Api:
    """Start a process; it is not awaited."""
    port = free_port()
    environment = folder.environment(port, fault)
    process: subprocess.Popen[bytes] | Forked
    if folder.starter is not None:
        process = folder.starter.start(environment, folder.root, folder.log)
    else:
        with folder.log.open("ab") as log:
            process = subprocess.Popen(
                [*folder.command, sys.executable, str(ROOT / "server" / "api.py")],
                env=environment,
                cwd=folder.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=REQUEST_S)
    return Api(folder, process, http)


@contextmanager
def running(folder: Folder, fault: str = "", *, is_awaited: bool = True) -> Iterator[Api]:
    """Run a process that is gone afterwards, whatever happens, with all that it started."""
    api = start(folder, fault)
    try:
        if is_awaited:
            assert api.wait_ready(), f"died before it was ready\n{api.output()}"
        yield api
    finally:
        api.http.close()
        if api.is_alive:
            api.kill()
        end_children(folder)


def children(folder: Folder) -> list[psutil.Process]:
    """Return the processes that work for a data folder, found by their environment."""
    wanted = str(folder.data)
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            if process.environ().get("ZHIWEN_PATHS__DATA") == wanted:
                found.append(process)
    return found


def end_children(folder: Folder) -> None:
    """Kill what outlived its parent."""
    for process in children(folder):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def wait_childless(folder: Folder, survivor: int) -> None:
    """Wait until only ``survivor`` and its children work for a data folder."""

    def is_alone() -> bool:
        family = {survivor}
        with suppress(psutil.NoSuchProcess):
            family |= {child.pid for child in psutil.Process(survivor).children(recursive=True)}
        return all(process.pid in family for process in children(folder))

    wait_until(is_alone, DEAD_WITHIN_S, "end of the processes of a killed API")
