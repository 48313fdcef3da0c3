"""A controller, workers and an endpoint, and clients that know them."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import openai
import pytest

from configs import Settings
from server.model_workers.controller import fastchat_controller, make_controller
from server.model_workers.endpoint import make_endpoint
from server.model_workers.shared_secret import HEADER
from server.model_workers.worker import ModelWorker
from tests.conftest import make_settings
from tests.e2e.processes import free_port
from tests.unit.model_workers.chats import PAUSE_S
from tests.unit.model_workers.servers import (
    SECRET,
    Script,
    Start,
    running,
    running_worker,
    wait_ready,
)


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


@pytest.fixture
def start(chain_settings: Settings, controller: str) -> Iterator[Start]:
    """Start workers that end with the test."""
    with ExitStack() as stack:

        def begin(script: Script, name: str = "tiny", **options: Any) -> ModelWorker:
            context = running_worker(
                script, chain_settings.workers, controller=controller, name=name, **options
            )
            worker = stack.enter_context(context)
            wait_ready(worker)
            return worker

        yield begin


@pytest.fixture(scope="module")
def shared_url(chain_settings: Settings, shared_controller: str) -> Iterator[str]:
    """Return the base URL of a running endpoint."""
    port = free_port()
    app = make_endpoint(
        chain_settings, controller=shared_controller, secret=SECRET, pause_s=PAUSE_S
    )
    with running(app, port):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture
def url(shared_url: str, controller: str) -> str:
    """Return the base URL of a running endpoint without workers."""
    return shared_url


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    """Return the official client."""
    http = httpx.Client(trust_env=False, timeout=30)
    with openai.OpenAI(base_url=url, api_key="-", max_retries=0, http_client=http) as client:
        yield client
