"""The processes that the pid files list. Does not look for names."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from server.errors import StartError
from server.supervisor import pidfile
from server.supervisor.console import Console
from server.supervisor.pidfile import Entry

ORPHANS_STOP_WITHIN_S = 10.0  # they notice within 0.5 s and give themselves 8
KILLED_WITHIN_S = 3.0
CHECK_EVERY_S = 0.1


def running(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries whose process still runs and is the same one."""
    return [entry for entry in entries if entry.process() is not None]


def wait(entries: Sequence[Entry], within_s: float) -> list[Entry]:
    """Wait until the processes have ended; return those that have not."""
    deadline = time.monotonic() + within_s
    while (left := running(entries)) and time.monotonic() < deadline:
        time.sleep(CHECK_EVERY_S)
    return left


def kill(entries: Sequence[Entry]) -> list[Entry]:
    """Kill the processes, services with their groups; return those that outlive it."""
    for entry in running(entries):
        with suppress(ProcessLookupError, PermissionError):
            is_leader = os.getpgid(entry.pid) == entry.pid
            if entry.name == pidfile.SUPERVISOR or not is_leader:
                os.kill(entry.pid, signal.SIGKILL)  # its group may be the shell that started it
            else:
                os.killpg(entry.pid, signal.SIGKILL)
    return wait(entries, KILLED_WITHIN_S)


def running_already(path: Path) -> StartError:
    """Return the error that names who runs the service of a pid file."""
    entries = pidfile.read(path)  # the supervisor first
    pid = entries[0].pid if entries else "?"
    data, service = path.parents[2], unquote(path.stem)
    return StartError(
        reason_en=f"Zhiwen's {service} is already running on {data} (process {pid}). Stop it with "
        "./shutdown_all.sh, or set paths.data to another folder.",
        reason_zh=f"知问的 {service} 已在 {data} 上运行（进程 {pid}）。"
        "请用 ./shutdown_all.sh 停止，或将 paths.data 设为其他文件夹。",
    )


@contextmanager
def claim(paths: Sequence[Path]) -> Iterator[dict[Path, ExitStack]]:
    """Hold the right to run the services of these pid files; closing a value gives one up.

    Raises:
        StartError: somebody runs one of them.
    """
    with ExitStack() as stack:
        claims = {path: stack.enter_context(ExitStack()) for path in paths}
        for path, own in claims.items():
            if not own.enter_context(pidfile.hold(path)):
                raise running_already(path)
            pidfile.stop_mark(path).unlink(missing_ok=True)
        yield claims


@contextmanager
def claim_own(path: Path, service: str) -> Iterator[None]:
    """List this process as the service, which no supervisor started, while it runs.

    Raises:
        StartError: somebody runs it.
    """
    with claim([path]):
        entry = pidfile.entry_of(service, os.getpid())
        pidfile.write(path, [entry] if entry else [])
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def clear_leftovers(paths: Sequence[Path], console: Console) -> None:
    """Wait for services whose supervisor was killed, and kill those that stay."""
    # Their supervisor may be killed, or live on with services that are not claimed here.
    listed = [entry for path in paths for entry in pidfile.read(path)]
    left = running([entry for entry in listed if entry.name != pidfile.SUPERVISOR])
    if left:
        names = ", ".join(f"{entry.name} {entry.pid}" for entry in left)
        console.say(
            f"Waiting for the processes of an earlier start: {names}",
            f"正在等待上次启动遗留的进程退出：{names}",
        )
        kill(wait(left, ORPHANS_STOP_WITHIN_S))
