"""The services that a start can consist of. Does not know how they are run."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from configs import ROOT, Settings
from server.network import base_url


@dataclass(frozen=True, slots=True)
class Service:
    """What is needed to start a service and to see that it is ready."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]  # on top of the environment of the supervisor
    ready_url: str  # answers 200 when usable; before that 503 with "progress" and "doing"
    log_file: Path
    required: bool = True  # False: the others go on without it


def api_service(settings: Settings, token: str) -> Service:
    """Return the REST API as a service; ``token`` is the key of the supervisor's own requests."""
    host, port = settings.server.host, settings.server.port
    return Service(
        name="api",
        command=(
            sys.executable,
            str(ROOT / "server" / "api.py"),
            f"--host={host}",
            f"--port={port}",
        ),
        environment={"ZHIWEN_INTERNAL_TOKEN": token},
        ready_url=f"{base_url(host, port)}/readyz",
        log_file=settings.paths.logs / "api.log",
    )
