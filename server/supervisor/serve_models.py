"""Controller, worker or endpoint in this process: settings, log, port, server, signals.

Does not know what their routes do.
"""

import logging.config
import os
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from configs import Settings, load_settings
from configs.settings import SettingsError
from server.errors import StartError, ZhiwenError
from server.language import choose_language
from server.network import EVERY_ADDRESS, base_url
from server.parent import watch_parent
from server.supervisor import preflight
from server.supervisor.console import Console
from server.supervisor.serve import PRIVATE, log_config
from server.supervisor.signals import KILLED_BY_USER

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from server.model_workers.http_server import HookedServer

TELL_FAILURE_S = 2.0  # how long /readyz still says why a model could not be loaded


def serve_models(role: str, name: str, port: int | None) -> int:
    """Serve as ``role`` until a signal and return the exit status; ``name``: a worker's model."""
    watch_parent()
    os.umask(PRIVATE)
    try:
        settings = load_settings()
    except SettingsError as error:
        Console(choose_language("auto")).write(str(error), is_error=True)
        return 2
    logging.config.dictConfig(log_config(settings.logging.level))
    try:
        serve_role(settings, role, name, port)
    except ZhiwenError as error:
        Console(choose_language(settings.server.language)).fail(error)
        return 1
    except KeyboardInterrupt:  # uvicorn has stopped in good order and raises the signal again
        return KILLED_BY_USER
    return 0


def serve_role(settings: Settings, role: str, name: str, port: int | None) -> None:
    """Serve what the role names."""
    if role == "controller":
        serve_controller(settings, port or settings.workers.controller_port)
    elif role == "endpoint":
        serve_endpoint(settings, port or settings.workers.endpoint_port)
    else:
        serve_worker(settings, name, port)


def serve_controller(settings: Settings, port: int) -> None:
    """Serve FastChat's controller."""
    from server.model_workers.controller import make_controller
    from server.model_workers.shared_secret import shared_secret

    run(settings, port, make_controller(settings.workers, shared_secret(settings)))


def serve_endpoint(settings: Settings, port: int) -> None:
    """Serve the OpenAI-style endpoint over all workers."""
    from server.model_workers.endpoint import make_endpoint
    from server.model_workers.shared_secret import shared_secret

    app = make_endpoint(
        settings, controller=controller_url(settings), secret=shared_secret(settings)
    )
    run(settings, port, app)


def serve_worker(settings: Settings, name: str, port: int | None) -> None:
    """Serve a model.

    Raises:
        StartError: no model of that name is set.
        ModelFailed: it could not be loaded.
    """
    from server.model_workers import WORKERS
    from server.model_workers.attendance import Attendance
    from server.model_workers.shared_secret import shared_secret
    from server.model_workers.worker import ModelWorker
    from server.model_workers.worker_app import make_worker_app

    models = settings.workers.models
    if name not in models:
        raise unknown_model(name, list(models))
    port = port or settings.workers.port + list(models).index(name)
    secret, controller = shared_secret(settings), controller_url(settings)
    generator = WORKERS.get(models[name].worker)(name, models[name])
    address = base_url(own_address(settings.workers.host, controller), port)
    worker = ModelWorker(name, generator, models[name], address=address)
    attendance = Attendance(worker, settings.workers, controller=controller, secret=secret)
    server = prepare_server(settings, port, make_worker_app(worker, secret))
    stop = threading.Timer(TELL_FAILURE_S, lambda: setattr(server, "should_exit", True))
    stop.daemon = True
    worker.readiness.on_failure = stop.start
    server.on_listen, server.on_stop = attendance.begin, attendance.end
    server.run()
    if error := worker.readiness.read().error:
        raise error


def unknown_model(name: str, known: list[str]) -> StartError:
    """Return the error for a model that the settings do not have."""
    names = ", ".join(known) or "-"
    return StartError(
        reason_en=f"workers.models has no model called {name!r}; it has: {names}. "
        "Add it to zhiwen.yaml (docs/models.md has examples).",
        reason_zh=f"workers.models 中没有名为 {name!r} 的模型，现有：{names}。"
        "请在 zhiwen.yaml 中添加（示例见 docs/models.md）。",
    )


def controller_url(settings: Settings) -> str:
    """Return where the controller is, ours or the one on another machine."""
    workers = settings.workers
    return workers.controller or base_url(workers.host, workers.controller_port)


def own_address(host: str, controller: str) -> str:
    """Return the address under which the controller's machine reaches this one."""
    if host not in EVERY_ADDRESS:
        return host
    parts = urlsplit(controller)
    family = socket.AF_INET6 if ":" in (parts.hostname or "") else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((parts.hostname, parts.port or 80))  # sends nothing
        except OSError:
            return host  # the name is not known now; then our own machine must do
        return str(probe.getsockname()[0])


def run(settings: Settings, port: int, app: "Starlette") -> None:
    """Serve an app until a signal."""
    prepare_server(settings, port, app).run()


def prepare_server(settings: Settings, port: int, app: "Starlette") -> "HookedServer":
    """Return the server of an app once its port is known to be free.

    Raises:
        StartError: it is taken.
    """
    from server.model_workers.http_server import make_server

    preflight.check_port(settings.workers.host, port)
    return make_server(app, settings.workers.host, port)
