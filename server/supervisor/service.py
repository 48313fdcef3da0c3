"""The services that a start can consist of. Does not know how they are run."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from configs import ROOT, Settings
from server.network import base_url, ui_host

PATIENCE_S = 120.0
LOADING_PATIENCE_S = 900.0  # weights from a slow disk show no progress for long


@dataclass(frozen=True, slots=True)
class Service:
    """What is needed to start a service and to see that it is ready."""

    name: str
    command: tuple[str, ...]
    host: str
    port: int
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=dict)  # on top of the supervisor's
    setting: str = "server.port"  # the one that the port is from
    ready_path: str = "/readyz"  # 200 when usable; before that 503 with "progress" and "doing"
    packages: tuple[str, ...] = ()  # that must be installed
    requirements: str = "requirements.txt"  # where they are listed
    required: bool = False  # False: the others go on without it
    is_awaited: bool = True  # False: all is ready without it
    patience_s: float = PATIENCE_S  # how long it may show no progress before it is ready

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        return base_url(self.host, self.port)

    @property
    def ready_url(self) -> str:
        """What says whether it is usable."""
        return f"{self.url}{self.ready_path}"


def file_name(service: str) -> str:
    """Return the name of a service as one that a file can have."""
    return quote(service.replace(" ", "-"), safe="")


def log_file(settings: Settings, service: str) -> Path:
    """Return where a service logs."""
    return settings.paths.logs / f"{file_name(service)}.log"


def api_service(settings: Settings, token: str) -> Service:
    """Return the REST API as a service; ``token`` is the key of the supervisor's own requests."""
    host, port = settings.server.host, settings.server.port
    script = str(ROOT / "server" / "api.py")
    return Service(
        name="api",
        command=(sys.executable, script, f"--host={host}", f"--port={port}"),
        host=host,
        port=port,
        log_file=log_file(settings, "api"),
        environment={"ZHIWEN_INTERNAL_TOKEN": token},
        required=True,
    )


def webui_service(settings: Settings) -> Service:
    """Return the UI as a service."""
    host, port = ui_host(settings), settings.ui.port
    return Service(
        name="webui",
        command=(
            *(sys.executable, "-m", "streamlit", "run", str(ROOT / "webui.py")),
            f"--server.address={host}",
            f"--server.port={port}",
            "--server.headless=true",
        ),
        host=host,
        port=port,
        setting="ui.port",
        ready_path="/healthz",
        log_file=log_file(settings, "webui"),
        packages=("streamlit",),
        requirements="requirements_webui.txt",
    )


def model_process(*arguments: str) -> tuple[str, ...]:
    """Return the command of a process of the serving chain."""
    return sys.executable, str(ROOT / "server" / "model_process.py"), *arguments


def controller_service(settings: Settings) -> Service:
    """Return the FastChat controller as a service."""
    return Service(
        name="controller",
        command=model_process("controller"),
        host=settings.workers.host,
        port=settings.workers.controller_port,
        setting="workers.controller_port",
        log_file=log_file(settings, "controller"),
        packages=("fastchat",),
    )


def endpoint_service(settings: Settings) -> Service:
    """Return the OpenAI-style endpoint over all workers as a service."""
    is_remote = bool(settings.workers.controller)
    return Service(
        name="endpoint",
        command=model_process("endpoint"),
        host=settings.workers.host,
        port=settings.workers.endpoint_port,
        setting="workers.endpoint_port",
        log_file=log_file(settings, "endpoint"),
        # Our controller needs it; without one there is nothing to ask.
        packages=() if is_remote else ("fastchat",),
        # It is ready when it reaches the controller, and another machine takes its own time.
        is_awaited=not is_remote,
        patience_s=math.inf if is_remote else PATIENCE_S,
    )


def worker_service(settings: Settings, model: str, address: tuple[str, int]) -> Service:
    """Return the worker of a model, which listens on ``address``, as a service."""
    host, port = address
    chosen = settings.workers.models[model]
    workers = settings.workers
    environment = {
        "ZHIWEN_WORKERS__HOST": host,
        "ZHIWEN_WORKERS__CONTROLLER": workers.controller
        or base_url(workers.host, workers.controller_port),
    }
    if chosen.gpus:
        environment["CUDA_VISIBLE_DEVICES"] = chosen.gpus
    is_local = chosen.worker == "transformers"
    is_proxy = not is_local and not chosen.command
    return Service(
        name=f"worker {model}",
        command=model_process("worker", model, f"--port={port}"),
        host=host,
        port=port,
        setting="workers.port",
        log_file=log_file(settings, f"worker {model}"),
        environment=environment,
        packages=("fastchat", "torch", "transformers") if is_local else ("fastchat",),
        is_awaited=False,
        # Whoever runs the engine may start it later.
        patience_s=math.inf if is_proxy else LOADING_PATIENCE_S,
    )
