"""A service over its lives: started, ready, dead, started again. Does not know the others."""

import signal
import time
from collections import deque
from typing import Literal

import httpx

from server.supervisor.console import Console
from server.supervisor.process import Process, describe_exit
from server.supervisor.readiness import Patience, Readiness, probe
from server.supervisor.service import Service

State = Literal["starting", "ready", "waiting", "failed", "stopped"]

MAX_DEATHS = 5
DEATHS_WITHIN_S = 300.0
LOOK_EVERY_S = 5.0


class Child:
    """A service with its current process; ``tick`` moves it on."""

    def __init__(self, service: Service, console: Console) -> None:
        self.service = service
        self.console = console
        self.state: State = "starting"
        self.was_ready = False
        self.deaths: deque[float] = deque()
        self.restart_at = 0.0
        self.look_at = 0.0
        self.start()

    @property
    def name(self) -> str:
        """The name of the service."""
        return self.service.name

    @property
    def is_running(self) -> bool:
        """Whether there is a process now."""
        return self.process.exit_code() is None

    @property
    def is_over(self) -> bool:
        """Whether it was stopped on request and its process has ended."""
        return self.state == "stopped" and not self.is_running

    def start(self) -> None:
        """Begin a life.

        Raises:
            OSError: the process cannot be started.
        """
        self.process = Process(self.service)
        self.patience = Patience(self.service.patience_s)
        self.state = "starting"
        self.doing = ""
        self.failure = ""  # what the service itself told

    def tick(self, client: httpx.Client) -> None:
        """Do what is due now: echo the log, notice a death, restart, ask for readiness."""
        self.echo()
        if self.state == "waiting":
            self.restart_when_due(time.monotonic())
        elif self.state not in ("failed", "stopped"):
            code = self.process.exit_code()
            if code is not None:
                self.bury(code)
            elif self.state == "starting":
                self.await_ready(client)
            elif time.monotonic() >= self.look_at:
                self.look_again(client)

    def retire(self) -> None:
        """End the service for good, because somebody asked for it."""
        if self.state != "stopped":
            self.state = "stopped"
            if self.is_running:
                self.process.signal(signal.SIGTERM)
            self.console.say(f"{self.name}: stopped on request", f"{self.name}：已按要求停止")

    def restart_when_due(self, now: float) -> None:
        """Start again after the delay; a start that the system refuses counts as a death."""
        if now < self.restart_at:
            return
        try:
            self.start()
        except OSError as error:
            self.plan_restart(str(error), now)

    def echo(self, *, is_final: bool = False) -> None:
        """Show what the service has logged since the last time."""
        for line in self.process.log.new_lines(is_final=is_final):
            self.console.echo(self.name, line)

    def await_ready(self, client: httpx.Client) -> None:
        """Ask whether the service is ready; end it when it failed or does not get on."""
        answer = probe(client, self.service.ready_url)
        if answer.is_ready:
            self.state = "ready"
            self.was_ready = True
            self.look_at = time.monotonic() + LOOK_EVERY_S
            self.tell_ready()
            return
        if answer.has_failed:
            self.failure = answer.doing.rstrip(".。")  # told once it has ended
            self.process.signal(signal.SIGTERM)
        else:
            self.show(answer)
        self.patience.note(answer.progress, answer.doing, self.process.log.offset)
        if self.patience.is_exhausted:
            self.console.say(
                f"{self.name}: no progress for {self.service.patience_s:.0f} s; it is stopped.",
                f"{self.name}：{self.service.patience_s:.0f} 秒内没有任何进展，已将其终止。",
            )
            self.process.signal(signal.SIGABRT)  # its log then says where it hung

    def look_again(self, client: httpx.Client) -> None:
        """Show what a ready service lacks now, as its controller; it is left alone."""
        self.look_at = time.monotonic() + LOOK_EVERY_S
        answer = probe(client, self.service.ready_url)
        if not answer.is_ready:
            self.show(answer)
        elif self.doing:
            self.tell_ready()

    def tell_ready(self) -> None:
        """Say that the service can be used, and no more what it was doing."""
        self.doing = ""
        self.console.remark(f"{self.name}: ready", f"{self.name}：已就绪")

    def show(self, answer: Readiness) -> None:
        """Say what the service is doing, once for each thing."""
        if answer.doing and answer.doing != self.doing:
            self.doing = answer.doing
            self.console.remark(f"{self.name}: {self.doing}", f"{self.name}：{self.doing}")

    def bury(self, code: int) -> None:
        """Report a death, and decide whether there is another life."""
        self.echo(is_final=True)
        ended = self.failure or describe_exit(code, self.console.language)
        if not self.was_ready:
            is_known = not self.doing or self.failure
            self.doing = ended if is_known else f"{ended} ({self.doing})"
            self.console.say(
                f"{self.name} ended before it was ready: {self.doing}. Its last lines:",
                f"{self.name} 未能就绪便退出：{self.doing}。最后的日志：",
            )
            for line in self.process.log.last_lines:
                self.console.write(f"  | {line}")
            self.give_up()
            return
        self.plan_restart(ended, time.monotonic())

    def plan_restart(self, ended: str, now: float) -> None:
        """Restart after 1, 2, 4, 8 seconds; give up when it dies too often."""
        self.doing = ended
        self.deaths.append(now)
        while now - self.deaths[0] > DEATHS_WITHIN_S:
            self.deaths.popleft()
        if len(self.deaths) >= MAX_DEATHS:
            self.console.say(
                f"{self.name} ended again: {ended}. It has died {MAX_DEATHS} times in "
                f"{DEATHS_WITHIN_S / 60:.0f} minutes and is not restarted.",
                f"{self.name} 再次退出：{ended}。{DEATHS_WITHIN_S / 60:.0f} 分钟内已退出 "
                f"{MAX_DEATHS} 次，不再重启。",
            )
            self.give_up()
            return
        delay_s = 2 ** (len(self.deaths) - 1)
        self.state = "waiting"
        self.restart_at = now + delay_s
        self.console.say(
            f"{self.name} ended: {ended}. Restarting in {delay_s} s.",
            f"{self.name} 意外退出：{ended}。{delay_s} 秒后重启。",
        )

    def give_up(self) -> None:
        """Begin no further life, and say where the whole log is."""
        self.state = "failed"
        log_file = self.service.log_file
        self.console.say(f"The whole log: {log_file}", f"完整日志：{log_file}")
