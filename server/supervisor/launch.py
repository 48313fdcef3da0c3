"""One start from the first check to the last process. Does not know what the services do."""

import os
import secrets
import threading
import time

from configs import Settings
from server.errors import StartError
from server.language import choose_language
from server.network import base_url
from server.supervisor import instance, pidfile, preflight, welcome
from server.supervisor.console import Console
from server.supervisor.serve import PRIVATE
from server.supervisor.service import api_service
from server.supervisor.signals import KILLED_BY_USER, StopSignals, catch_signals
from server.supervisor.supervisor import TICK_S, Supervisor


def launch(
    settings: Settings, *, is_check: bool = False, is_demo: bool = False, is_quiet: bool = False
) -> int:
    """Start the services, keep them running until a signal and return the exit status.

    ``is_check``: stop again once the sample question is answered; 1 if it was not.
    ``is_demo``: the same with all sample questions.
    """
    os.umask(PRIVATE)
    console = Console(choose_language(settings.server.language), is_quiet=is_quiet)
    path = pidfile.pid_file(settings.paths.data)
    token = secrets.token_urlsafe(32)
    try:
        for folder in (settings.paths.data, path.parent):
            preflight.check_folder(folder, "paths.data")
        with pidfile.hold(path) as is_held:
            if not is_held:
                raise instance.running_already(path)
            instance.clear_leftovers(path, console)
            check_machine(settings)
            supervisor = Supervisor([api_service(settings, token)], console, path)
            greeting = Greeting(console, settings, token, is_demo=is_demo)
            return run(supervisor, greeting, is_check=is_check or is_demo)
    except StartError as error:
        console.fail(error)
        return 1
    except KeyboardInterrupt:  # while there was nothing yet to stop
        return KILLED_BY_USER


def check_machine(settings: Settings) -> None:
    """Check all that would make a service fail later with a worse message.

    Raises:
        StartError: something is not as it must be.
    """
    preflight.check_folder(settings.paths.logs, "paths.logs")
    preflight.check_space(settings.paths.data)
    preflight.check_temporary_folder()
    preflight.check_port(settings.server.host, settings.server.port)


class Greeting:
    """The sample question, asked beside the main loop, which must not wait for an answer."""

    def __init__(self, console: Console, settings: Settings, token: str, *, is_demo: bool) -> None:
        self.console = console
        self.samples = settings.paths.samples
        self.host, self.port = settings.server.host, settings.server.port
        self.url = base_url(self.host, self.port)
        self.token = token
        self.is_demo = is_demo
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.is_answered: bool | None = None  # None until it is known

    def begin(self) -> None:
        """Ask, once."""
        if self.thread.ident is None:
            self.thread.start()

    def run(self) -> None:
        """Ask the sample question and print how to go on."""
        is_answered = False
        try:
            is_answered = welcome.greet(
                self.console,
                self.samples,
                url=self.url,
                token=self.token,
                is_demo=self.is_demo,
            )
            if not self.is_demo:
                welcome.show_urls(self.console, self.host, self.port)
        finally:
            self.is_answered = is_answered


def run(supervisor: Supervisor, greeting: Greeting, *, is_check: bool) -> int:
    """Start, watch and stop the services; return the exit status."""
    console = supervisor.console
    with catch_signals(supervisor.kill) as signals:
        try:
            supervisor.start()
            return watch(supervisor, greeting, signals, is_check=is_check)
        except OSError as error:
            raise StartError(
                reason_en=f"A service could not be started: {error}.",
                reason_zh=f"服务无法启动：{error}。",
            ) from error
        finally:
            console.remark("Stopping …", "正在停止……")
            supervisor.stop()
            console.remark("Stopped.", "已停止。")


def watch(
    supervisor: Supervisor, greeting: Greeting, signals: StopSignals, *, is_check: bool
) -> int:
    """Keep the services going until there is a reason to stop; return the exit status."""
    while signals.received is None:
        supervisor.tick()
        if supervisor.is_hopeless:
            return 1
        if supervisor.is_settled:
            greeting.begin()
        if is_check and greeting.is_answered is not None:
            return 0 if greeting.is_answered and not supervisor.failed else 1
        time.sleep(TICK_S)
    return 1 if is_check else 0
