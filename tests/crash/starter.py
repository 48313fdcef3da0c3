"""Starts API processes by forking one that has imported everything: hundreds of starts in minutes.

Each is a process of its own that runs what ``server/api.py`` runs; only the imports, a second and
a half of work that the crash tests are not about, are done before it begins.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configs import ROOT

LOOK_EVERY_S = 0.02
PRELOADED = (
    *("alembic.command", "alembic.config", "faiss", "sqlalchemy.dialects.sqlite", "tantivy"),
    *("server.app", "server.routes.jobs", "server.supervisor.serve", "uvicorn"),
    *("uvicorn.protocols.http.auto", "uvicorn.lifespan.on", "uvicorn.loops.auto"),
)


class Starter:
    """The client: starts processes and learns when they end; safe for several threads."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.starter"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()
        self._started = threading.Condition()
        self._pids: list[int] = []
        self._ended: dict[int, int] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(self, environment: Mapping[str, str], cwd: Path, log: Path) -> "Forked":
        """Start an API process that appends to a log."""
        order = {"environment": dict(environment), "cwd": str(cwd), "log": str(log)}
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            with self._started:
                assert self._started.wait_for(lambda: self._pids, 60), "no process was started"
                return Forked(self, self._pids.pop())

    def returncode(self, pid: int) -> int | None:
        """Return how a process ended, or None as long as it runs."""
        with self._started:
            return self._ended.get(pid)

    def wait(self, pid: int, timeout_s: float | None) -> int:
        """Wait for the end of a process."""
        with self._started:
            if not self._started.wait_for(lambda: pid in self._ended, timeout_s):
                raise subprocess.TimeoutExpired(str(pid), timeout_s or 0)
            return self._ended[pid]

    def close(self) -> None:
        """End the process that forks."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._listener.join()
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            with self._started:
                if "started" in told:
                    self._pids.append(told["started"])
                else:
                    self._ended[told["ended"]] = told["code"]
                self._started.notify_all()


class Forked:
    """A process that was started by forking, with what the tests need of ``subprocess.Popen``."""

    def __init__(self, starter: Starter, pid: int) -> None:
        self.starter = starter
        self.pid = pid

    @property
    def returncode(self) -> int | None:
        return self.starter.returncode(self.pid)

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        return self.starter.wait(self.pid, timeout)

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def main() -> None:
    """Import everything, then fork for each line of the input until it ends."""
    for name in PRELOADED:
        __import__(name)
    orders = os.fdopen(0, "rb", buffering=0)  # so that select sees every line
    children: set[int] = set()
    while True:
        if select.select([orders], [], [], LOOK_EVERY_S)[0]:
            line = orders.readline()
            if not line:
                return
            children.add(fork(json.loads(line)))
        reap(children)


def fork(order: dict[str, Any]) -> int:
    """Start one API process and tell its number."""
    pid = os.fork()
    if pid == 0:
        serve(order)
    tell({"started": pid})
    return pid


def serve(order: dict[str, Any]) -> None:
    """Become an API process; does not return."""
    os.setsid()
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    redirect(os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1, 2)
    redirect(os.open(os.devnull, os.O_RDONLY), 0)
    code = 1
    try:
        from server.supervisor.serve import serve as serve_api

        code = serve_api({})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def redirect(source: int, *targets: int) -> None:
    """Put an open file in the place of others."""
    for target in targets:
        os.dup2(source, target)
    os.close(source)


def reap(children: set[int]) -> None:
    """Tell which children have ended, and how."""
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        children.discard(pid)
        tell({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def tell(what: Mapping[str, int]) -> None:
    """Write a line to those who wait."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
