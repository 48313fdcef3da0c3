"""The services of one start together. Does not know signals, flags or what the services do."""

import signal
import time
from collections.abc import Sequence

from server.supervisor.child import Child
from server.supervisor.console import Console
from server.supervisor.readiness import make_client
from server.supervisor.register import Register
from server.supervisor.service import Service

TICK_S = 0.1
GRACE_S = 8.0  # for all services together; the whole stop is promised within 10 s


class Supervisor:
    """Starts services together, keeps them alive and stops them in reverse order."""

    def __init__(self, services: Sequence[Service], console: Console, register: Register) -> None:
        self.services = services
        self.console = console
        self.register = register
        self.client = make_client(console.language)
        self.children: list[Child] = []

    def start(self) -> None:
        """Start every service; none is awaited.

        Raises:
            OSError: a process or its log cannot be created.
        """
        for service in self.services:
            self.children.append(Child(service, self.console))
        self.register.note(self.children)

    def tick(self) -> None:
        """Do what is due now for every service."""
        for child in self.children:
            before = child.state
            if self.register.is_to_stop(child):
                child.retire()
            child.tick(self.client)
            if child.state == "failed" and before != "failed":
                self.tell_loss(child)
            if child.is_over:
                self.register.drop(child)
        self.children = [child for child in self.children if not child.is_over]
        self.register.note(self.children)

    def tell_loss(self, lost: Child) -> None:
        """Say what becomes of the other services, if there are any that go on."""
        if not self.is_hopeless:
            self.console.say(
                f"The other services go on without {lost.name}.",
                f"其他服务将在没有 {lost.name} 的情况下继续运行。",
            )

    @property
    def awaited(self) -> list[Child]:
        """The services that the start waits for: all, where it would wait for none."""
        return [child for child in self.children if child.service.is_awaited] or self.children

    @property
    def is_settled(self) -> bool:
        """Whether every service that is awaited is ready or at its end."""
        return all(child.state in ("ready", "failed") for child in self.awaited)

    @property
    def failed(self) -> list[str]:
        """The names of the services that were given up and that the start waits for."""
        return [child.name for child in self.awaited if child.state == "failed"]

    @property
    def is_over(self) -> bool:
        """Whether everything was stopped on request."""
        return not self.children

    @property
    def is_hopeless(self) -> bool:
        """Whether a required service never became ready, or nothing is left to watch."""
        return all(child.state == "failed" for child in self.children) or any(
            child.state == "failed" and child.service.required and not child.was_ready
            for child in self.children
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
        for child in self.children:
            self.register.drop(child)

    def kill(self) -> None:
        """End every service now."""
        for child in self.children:
            if child.is_running:
                child.process.signal(signal.SIGKILL)
