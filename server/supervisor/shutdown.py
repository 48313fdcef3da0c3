"""Stop what serves the configured data directory: ``shutdown_all.sh`` runs it.

Does not touch a process that no pid file lists.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from configs import load_settings
from configs.settings import SettingsError
from server.language import choose_language
from server.supervisor import instance, pidfile
from server.supervisor.console import Console
from server.supervisor.pidfile import Entry

STOPS_WITHIN_S = 12.0  # a supervisor promises 10
PARTS = {  # what --serve names, as the beginning of the names of pid files
    "controller": ("controller.",),
    "model_worker": ("worker-",),
    "openai_api_server": ("endpoint.",),
    "all": ("controller.", "worker-", "endpoint."),
}


def shut_down(paths: Sequence[Path], console: Console, *, is_whole: bool = True) -> int:
    """Stop the processes of pid files and return the exit status: 1 if one is left.

    ``is_whole``: with their supervisors; else these end when they have nothing left to run.
    """
    listed = {path: instance.running(pidfile.read(path)) for path in paths}
    found = {path: entries for path, entries in listed.items() if entries}
    if not found:
        console.say("Nothing is running.", "没有正在运行的进程。")
        return 0
    names = ", ".join(unquote(path.stem) for path in found)
    console.say(f"Stopping {names} …", f"正在停止 {names}……")
    ask_to_stop(found, is_whole=is_whole)
    left = wait_until_stopped(found, is_whole=is_whole)
    if left:
        names = ", ".join(f"{entry.name} {entry.pid}" for entry in left)
        console.say(
            f"Still running: {names}. Stop them as the user who started them.",
            f"仍在运行：{names}。请以启动它们的用户身份停止。",
        )
        return 1
    if is_whole:
        for path in paths:
            path.unlink(missing_ok=True)
    console.say("Stopped.", "已停止。")
    return 0


def ask_to_stop(found: Mapping[Path, Sequence[Entry]], *, is_whole: bool) -> None:
    """Ask supervisors to stop, or to stop the services; a service without one is asked itself."""
    asked: set[Entry] = set()  # a second signal would mean: do not wait
    for path, entries in found.items():
        supervisors = [entry for entry in entries if entry.name == pidfile.SUPERVISOR]
        if supervisors and not is_whole:
            pidfile.stop_mark(path).touch()
        else:
            asked.update(supervisors or entries)
    for entry in asked:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(entry.pid, signal.SIGTERM)


def wait_until_stopped(found: Mapping[Path, Sequence[Entry]], *, is_whole: bool) -> list[Entry]:
    """Wait for the end of all that was asked, kill what does not end, return what outlives it."""
    deadline = time.monotonic() + STOPS_WITHIN_S
    # A service between two lives has no process yet; its supervisor takes the mark away.
    while any(pidfile.stop_mark(path).exists() for path in found) and time.monotonic() < deadline:
        time.sleep(instance.CHECK_EVERY_S)
    asked = list(dict.fromkeys(entry for entries in found.values() for entry in entries))
    if not is_whole:
        asked = [entry for entry in asked if entry.name != pidfile.SUPERVISOR]
    return instance.kill(instance.wait(asked, deadline - time.monotonic()))


def stop(part: str | None = None) -> int:
    """Stop everything on ``paths.data``, or a part of the serving chain; return the exit status.

    It is 1 if a process is left, 2 for wrong settings. ``part``: a key of ``PARTS``.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        Console(choose_language("auto")).write(str(error), is_error=True)
        return 2
    console = Console(choose_language(settings.server.language))
    paths = pidfile.pid_files(settings.paths.data)
    if part is None:
        return shut_down(paths, console)
    chosen = [path for path in paths if path.name.startswith(PARTS[part])]
    return shut_down(chosen, console, is_whole=False)


if __name__ == "__main__":
    sys.exit(stop())
