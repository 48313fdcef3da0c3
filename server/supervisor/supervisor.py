"""The services of one start together. Does not know signals, flags or what the services do."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from server.supervisor import pidfile
from server.supervisor.child import Child
from server.supervisor.console import Console
from server.supervisor.readiness import make_client
from server.supervisor.service import Service

TICK_S = 0.1
GRACE_S = 8.0  # for all services together; the whole stop is promised within 10 s
PATIENCE_S = 120.0


class Supervisor:
    """Starts services together, keeps them alive and stops them in reverse order."""

    def __init__(
        self,
        services: Sequence[Service],
        console: Console,
        pid_file: Path,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.services = services
        self.console = console
        self.pid_file = pid_file
        self.patience_s = patience_s
        self.client = make_client(console.language)
        self.children: list[Child] = []
        self.listed: list[int] = []

    def start(self) -> None:
        """Start every service; none is awaited.

        Raises:
            OSError: a process or its log cannot be created.
        """
        for service in self.services:
            self.children.append(Child(service, self.console, patience_s=self.patience_s))
        self.list_processes()

    def tick(self) -> None:
        """Do what is due now for every service."""
        for child in self.children:
            child.tick(self.client)
        self.list_processes()

    @property
    def is_settled(self) -> bool:
        """Whether every service is ready or given up."""
        return all(child.state in ("ready", "failed") for child in self.children)

    @property
    def failed(self) -> list[str]:
        """The names of the services that were given up."""
        return [child.name for child in self.children if child.state == "failed"]

    @property
    def is_hopeless(self) -> bool:
        """Whether a required service never became ready, or nothing is left to watch."""
        return all(child.state == "failed" for child in self.children) or any(
            child.state == "failed" and child.service.required and not child.was_ready
            for child in self.children
        )

    def list_processes(self) -> None:
        """Write the pid file if the processes are others than it says."""
        running = [child for child in self.children if child.is_running]
        pids = [child.process.pid for child in running]
        if pids == self.listed:
            return
        named = [(pidfile.SUPERVISOR, os.getpid())]
        named += [(child.name, child.process.pid) for child in running]
        entries = [pidfile.entry_of(name, pid) for name, pid in named]
        self.listed = pids
        try:
            pidfile.write(self.pid_file, [entry for entry in entries if entry is not None])
        except OSError as error:  # a full disk must not end the services
            self.console.say(
                f"{self.pid_file} could not be written ({error.strerror}), so ./shutdown_all.sh "
                "may not find every process. Ctrl-C still stops all of them.",
                f"无法写入 {self.pid_file}（{error.strerror}），./shutdown_all.sh "
                "可能找不到全部进程；按 Ctrl-C 仍可全部停止。",
            )

    def stop(self) -> None:
        """Stop every service politely, the last started first, and after a while for certain."""
        for child in reversed(self.children):
            if child.is_running:
                child.process.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while any(child.is_running for child in self.children):
            if time.monotonic() > deadline:
                self.kill()
            for child in self.children:
                child.echo()
            time.sleep(TICK_S / 2)
        for child in self.children:
            child.echo(is_final=True)
        self.client.close()
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End every service now."""
        for child in self.children:
            if child.is_running:
                child.process.signal(signal.SIGKILL)
