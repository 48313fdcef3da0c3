"""A controller, its settings and a client that knows the secret."""

from collections.abc import Iterator

import httpx
import pytest

from configs import Settings
from server.model_workers.controller import fastchat_controller, make_controller
from server.model_workers.shared_secret import HEADER
from tests.conftest import make_settings
from tests.e2e.processes import free_port
from tests.unit.model_workers.servers import SECRET, running


@pytest.fixture(scope="module")
def chain_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    workers = {"heartbeat_s": 0.1, "expiry_s": 0.5}
    return make_settings(tmp_path_factory.mktemp("chain"), workers=workers)


@pytest.fixture(scope="module")
def shared_controller(chain_settings: Settings) -> Iterator[str]:
    """Return the URL of a running controller; a process can only have one at a time."""
    port = free_port()
    with running(make_controller(chain_settings.workers, SECRET), port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def controller(shared_controller: str) -> str:
    """Return the URL of a running controller that knows nobody."""
    fastchat_controller.controller.worker_info.clear()
    return shared_controller


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """Return a client that knows the secret."""
    with httpx.Client(headers={HEADER: SECRET}, trust_env=False, timeout=30) as client:
        yield client
