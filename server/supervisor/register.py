"""What a supervisor tells others on disk: processes to stop, states to show. Knows no services."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from server.service_states import read_states, states_file
from server.supervisor import pidfile
from server.supervisor.child import Child
from server.supervisor.console import Console


class Register:
    """The pid files of the services of one supervisor, and their rows in ``services.json``.

    Several supervisors share the folder, each with services of its own.
    """

    def __init__(self, data: Path, console: Console, claims: Mapping[Path, ExitStack]) -> None:
        self.data = data
        self.claims = claims
        self.console = console
        self.listed: dict[str, int] = {}  # the process that each pid file names; 0: none
        self.shown: list[dict[str, Any]] = []

    def note(self, children: Sequence[Child]) -> None:
        """Write what has changed; a full disk must not end the services."""
        try:
            for child in children:
                self.list_process(child)
            self.show(children)
        except OSError as error:
            self.console.say(
                f"{error.filename} could not be written ({error.strerror}), so ./shutdown_all.sh "
                "may not find every process. Ctrl-C still stops all of them.",
                f"无法写入 {error.filename}（{error.strerror}），./shutdown_all.sh "
                "可能找不到全部进程；按 Ctrl-C 仍可全部停止。",
            )

    def list_process(self, child: Child) -> None:
        """Write the pid file of a service if its process is another than it says."""
        pid = child.process.pid if child.is_running else 0
        if self.listed.get(child.name) == pid:
            return
        self.listed[child.name] = pid
        path = pidfile.pid_file(self.data, child.name)
        named = [(pidfile.SUPERVISOR, os.getpid()), *([(child.name, pid)] if pid else [])]
        entries = [pidfile.entry_of(name, pid) for name, pid in named]
        pidfile.write(path, [entry for entry in entries if entry is not None])

    def show(self, children: Sequence[Child]) -> None:
        """Write the states if one has changed."""
        states = [describe(child) for child in children if child.state != "stopped"]
        if states != self.shown:
            self.shown = states
            replace_states(self.data, states, {child.name for child in children})

    def is_to_stop(self, child: Child) -> bool:
        """Return whether somebody asked for the end of a service."""
        return pidfile.stop_mark(pidfile.pid_file(self.data, child.name)).exists()

    def drop(self, child: Child) -> None:
        """Take back what is told of a service; then another supervisor may run it."""
        path = pidfile.pid_file(self.data, child.name)
        path.unlink(missing_ok=True)
        pidfile.stop_mark(path).unlink(missing_ok=True)
        with suppress(OSError):  # it is only for show
            replace_states(self.data, [], {child.name})
        if path in self.claims:
            self.claims[path].close()


def describe(child: Child) -> dict[str, Any]:
    """Return the state of a service as others read it."""
    return {
        "name": child.name,
        "state": child.state,
        "doing": child.doing,
        "pid": child.process.pid if child.is_running else None,
        "url": child.service.url,
    }


def replace_states(data: Path, states: Sequence[dict[str, Any]], names: set[str]) -> None:
    """Put the states of the named services in place of those before; others' stay."""
    path = states_file(data)
    with locked(path):
        others = [
            state
            for state in read_states(path)
            if state["name"] not in names and is_alive(data, state["name"])
        ]
        merged = [*others, *states]
        if not merged:
            path.unlink(missing_ok=True)
            return
        new = path.with_suffix(".new")
        new.write_text(json.dumps(merged, ensure_ascii=False, indent=1), "utf-8")
        new.replace(path)


def is_alive(data: Path, service: str) -> bool:
    """Return whether a service or its supervisor still runs."""
    entries = pidfile.read(pidfile.pid_file(data, service))
    return any(entry.process() is not None for entry in entries)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other supervisors from writing the file; it takes them a moment at most."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
