"""One start from the first check to the last process. Does not know what the services do."""

import os
import secrets
import threading
import time
from collections.abc import Sequence

from configs import Settings, load_settings
from configs.settings import SettingsError
from server.errors import StartError
from server.language import choose_language
from server.supervisor import accelerator, instance, pidfile, preflight, welcome
from server.supervisor.console import Console
from server.supervisor.flags import Flags
from server.supervisor.models import add_models
from server.supervisor.plan import plan_services
from server.supervisor.register import Register
from server.supervisor.serve import PRIVATE
from server.supervisor.service import Service
from server.supervisor.signals import KILLED_BY_USER, StopSignals, catch_signals
from server.supervisor.supervisor import TICK_S, Supervisor


def start(flags: Flags) -> int:
    """Start what the flags ask for, keep it running until a signal and return the exit status.

    For a trial: stop again once the sample questions are answered; 1 if they were not.
    """
    os.umask(PRIVATE)
    console = Console(choose_language("auto"), is_quiet=flags.quiet or flags.demo)
    token = secrets.token_urlsafe(32)
    try:
        settings = load_settings(**flags.sections())
        console.language = choose_language(settings.server.language)
        settings = add_models(settings, flags)
        services = plan_services(settings, flags, console, token=token)
        greeting = Greeting(console, settings, services, token=token, is_demo=flags.demo)
        return launch(settings, services, greeting, is_trial=flags.is_trial)
    except SettingsError as error:
        console.write(str(error), is_error=True)
        return 2
    except StartError as error:
        console.fail(error)
        return 1
    except KeyboardInterrupt:  # while there was nothing yet to stop
        return KILLED_BY_USER


def launch(
    settings: Settings, services: Sequence[Service], greeting: "Greeting", *, is_trial: bool
) -> int:
    """Claim the services, check the machine and run them; return the exit status.

    Raises:
        StartError: something is not as it must be.
    """
    data, console = settings.paths.data, greeting.console
    for folder in (data, pidfile.folder(data)):
        preflight.check_folder(folder, "paths.data")
    paths = [pidfile.pid_file(data, service.name) for service in services]
    with instance.claim(paths) as claims:
        instance.clear_leftovers(paths, console)
        check_machine(settings, services)
        accelerator.tell_cpu(console)
        supervisor = Supervisor(services, console, Register(data, console, claims))
        return run(supervisor, greeting, is_trial=is_trial)


def check_machine(settings: Settings, services: Sequence[Service]) -> None:
    """Check all that would make a service fail later with a worse message.

    Raises:
        StartError: something is not as it must be.
    """
    preflight.check_folder(settings.paths.logs, "paths.logs")
    preflight.check_space(settings.paths.data)
    preflight.check_temporary_folder()
    preflight.check_distinct((service.port, service.setting) for service in services)
    for service in services:
        preflight.check_port(service.host, service.port, setting=service.setting)


class Greeting:
    """The sample question, asked beside the main loop, which must not wait for an answer."""

    def __init__(
        self,
        console: Console,
        settings: Settings,
        services: Sequence[Service],
        *,
        token: str,
        is_demo: bool,
    ) -> None:
        self.console = console
        self.settings = settings
        self.services = {service.name: service for service in services}
        self.token = token
        self.is_demo = is_demo
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.is_answered: bool | None = None  # None until it is known

    def begin(self) -> None:
        """Ask, once."""
        if self.thread.ident is None:
            self.thread.start()

    def run(self) -> None:
        """Ask the sample question, if there is an API to ask, and print how to go on."""
        is_answered = False
        try:
            api = self.services.get("api")
            is_answered = api is None or welcome.greet(
                self.console,
                self.settings.paths.samples,
                url=api.url,
                token=self.token,
                is_demo=self.is_demo,
            )
            if not self.is_demo:
                welcome.show_urls(self.console, self.settings, self.services)
        finally:
            self.is_answered = is_answered


def run(supervisor: Supervisor, greeting: Greeting, *, is_trial: bool) -> int:
    """Start, watch and stop the services; return the exit status."""
    console = supervisor.console
    with catch_signals(supervisor.kill) as signals:
        try:
            supervisor.start()
            return watch(supervisor, greeting, signals, is_trial=is_trial)
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
    supervisor: Supervisor, greeting: Greeting, signals: StopSignals, *, is_trial: bool
) -> int:
    """Keep the services going until there is a reason to stop; return the exit status."""
    while signals.received is None:
        supervisor.tick()
        if supervisor.is_over:
            return 0
        if supervisor.is_hopeless:
            return 1
        if supervisor.is_settled:
            greeting.begin()
        if is_trial and greeting.is_answered is not None:
            return 0 if greeting.is_answered and not supervisor.failed else 1
        time.sleep(TICK_S)
    return 1 if is_trial else 0
