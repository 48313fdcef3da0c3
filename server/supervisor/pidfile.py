"""The file that says which processes of a service are ours. Does not know how they are stopped."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from server.supervisor.service import file_name

SUPERVISOR = "supervisor"
# Linux keeps the boot time in whole seconds, so a corrected clock can move a create time by one;
# no process id comes round again that fast.
CLOCK_STEP_S = 1.5


@dataclass(frozen=True, slots=True)
class Entry:
    """A process of ours: its id alone may by now belong to another one."""

    name: str
    pid: int
    create_time: float  # seconds since 1970, as psutil gives it

    def process(self) -> psutil.Process | None:
        """Return the process if it still runs and is the same one."""
        try:
            process = psutil.Process(self.pid)
            is_ours = abs(process.create_time() - self.create_time) < CLOCK_STEP_S
            return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def entry_of(name: str, pid: int) -> Entry | None:
    """Return the entry of a running process, None if it has ended."""
    try:
        return Entry(name, pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def folder(data: Path) -> Path:
    """Return where the processes that serve a data directory are listed, a file per service."""
    return data / ".run" / "services"


def pid_file(data: Path, service: str) -> Path:
    """Return where the process of a service and its supervisor are listed."""
    return folder(data) / f"{file_name(service)}.json"


def pid_files(data: Path) -> list[Path]:
    """Return the pid files that there are."""
    return sorted(folder(data).glob("*.json"))


def stop_mark(path: Path) -> Path:
    """Return the file whose presence tells a supervisor to let the service of a pid file end."""
    return path.with_suffix(".stop")


def read(path: Path) -> list[Entry]:
    """Return the entries, none if the file is missing or damaged."""
    try:
        return [Entry(**entry) for entry in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def write(path: Path, entries: Sequence[Entry]) -> None:
    """Replace the file in one step."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps([asdict(entry) for entry in entries], indent=1), "utf-8")
    new.replace(path)


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Hold the right to write the pid file; yield False if another process holds it.

    The kernel takes the right back when the holder ends, however it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)
