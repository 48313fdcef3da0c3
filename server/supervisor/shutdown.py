"""Stop the instance that serves the configured data directory: ``shutdown_all.sh`` runs it.

Does not touch a process that the pid file does not list.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from configs import load_settings
from configs.settings import SettingsError
from server.language import choose_language
from server.supervisor import instance, pidfile
from server.supervisor.console import Console

SUPERVISOR_STOPS_WITHIN_S = 12.0  # it promises 10


def shut_down(path: Path, console: Console) -> int:
    """Stop the processes of a pid file and return the exit status: 1 if one is left."""
    entries = instance.running(pidfile.read(path))
    if not entries:
        console.say(f"Nothing is running ({path}).", f"没有正在运行的进程（{path}）。")
        return 0
    names = ", ".join(f"{entry.name} {entry.pid}" for entry in entries)
    console.say(f"Stopping {names} …", f"正在停止 {names}……")
    supervisors = [entry for entry in entries if entry.name == pidfile.SUPERVISOR]
    for entry in supervisors or entries:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(entry.pid, signal.SIGTERM)
    left = instance.kill(instance.wait(entries, SUPERVISOR_STOPS_WITHIN_S))
    if left:
        names = ", ".join(f"{entry.name} {entry.pid}" for entry in left)
        console.say(
            f"Still running: {names}. Stop them as the user who started them.",
            f"仍在运行：{names}。请以启动它们的用户身份停止。",
        )
        return 1
    path.unlink(missing_ok=True)
    console.say("Stopped.", "已停止。")
    return 0


def main() -> int:
    """Stop what runs on ``paths.data``; return the exit status, 2 for wrong settings."""
    try:
        settings = load_settings()
    except SettingsError as error:
        Console(choose_language("auto")).write(str(error), is_error=True)
        return 2
    console = Console(choose_language(settings.server.language))
    return shut_down(pidfile.pid_file(settings.paths.data), console)


if __name__ == "__main__":
    sys.exit(main())
