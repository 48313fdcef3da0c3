"""One life of a service: its process, its process group and its log. Knows no restarts."""

import os
import signal
import subprocess

from configs import ROOT
from server.datatypes import Language
from server.parent import PARENT_VARIABLE
from server.supervisor import log
from server.supervisor.service import Service


class Process:
    """A started service; it leads a process group of its own."""

    def __init__(self, service: Service) -> None:
        """Start the service with its output appended to its log file.

        Raises:
            OSError: the log cannot be written, or the command does not exist.
        """
        log.rotate(service.log_file)
        self.log = log.LogFollower(service.log_file)
        environment = {
            **os.environ,
            "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime reports to its maker
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            "PYTHONFAULTHANDLER": "1",  # a crash, or SIGABRT, leaves the stacks in the log
            **service.environment,
            PARENT_VARIABLE: str(os.getpid()),
        }
        # The service writes to the file itself: a blocked terminal or a killed supervisor cannot
        # block it, and nothing is lost between a last message and a death.
        with service.log_file.open("ab") as output:
            self.popen = subprocess.Popen(
                service.command,
                env=environment,
                cwd=ROOT,  # the same from whatever folder the start was
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, which is also that of the group."""
        return self.popen.pid

    def exit_code(self) -> int | None:
        """Return how the process ended (negative: by that signal), None while it runs.

        What the process started and left behind in its group is killed.
        """
        if self.popen.returncode is None and self.popen.poll() is not None:
            self.signal(signal.SIGKILL)
        return self.popen.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of a dead group
            return


def describe_exit(code: int, language: Language) -> str:
    """Return an exit code or the name of the signal that ended a process."""
    if code >= 0:
        return f"退出码 {code}" if language == "zh" else f"exit code {code}"
    name = signal.Signals(-code).name
    if code != -signal.SIGKILL:
        return name
    return f"{name}（内存不足？）" if language == "zh" else f"{name} (out of memory?)"
