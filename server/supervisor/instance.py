"""The processes that an earlier start left in the pid file. Does not look for names."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

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
            if entry.name == pidfile.SUPERVISOR:  # its group may be the shell that started it
                os.kill(entry.pid, signal.SIGKILL)
            else:
                os.killpg(entry.pid, signal.SIGKILL)
    return wait(entries, KILLED_WITHIN_S)


def running_already(path: Path) -> StartError:
    """Return the error that names the supervisor that serves the data directory."""
    pids = [entry.pid for entry in pidfile.read(path) if entry.name == pidfile.SUPERVISOR]
    pid = pids[0] if pids else "?"
    data = path.parent.parent
    return StartError(
        reason_en=f"Zhiwen is already running on {data} (process {pid}). Stop it with "
        "./shutdown_all.sh, or set paths.data to another folder.",
        reason_zh=f"知问已在 {data} 上运行（进程 {pid}）。"
        "请用 ./shutdown_all.sh 停止，或将 paths.data 设为其他文件夹。",
    )


def clear_leftovers(path: Path, console: Console) -> None:
    """Wait for services whose supervisor was killed, and kill those that stay."""
    left = running(pidfile.read(path))
    if left:
        names = ", ".join(f"{entry.name} {entry.pid}" for entry in left)
        console.say(
            f"Waiting for the processes of an earlier start: {names}",
            f"正在等待上次启动遗留的进程退出：{names}",
        )
        kill(wait(left, ORPHANS_STOP_WITHIN_S))
