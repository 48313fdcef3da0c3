"""Workers and controllers over their lives."""

import httpx

from configs import Settings
from server.model_workers.controller import make_controller
from tests.e2e.processes import free_port, wait_until
from tests.unit.model_workers.servers import SECRET, WITHIN_S, Script, running, running_worker
from tests.unit.model_workers.test_controller import models, register


def test_it_registers_again_when_the_controller_was_restarted(
    chain_settings: Settings, http: httpx.Client
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running_worker(Script(), chain_settings.workers, controller=url) as worker:
        for _ in range(2):
            with running(make_controller(chain_settings.workers, SECRET), port):
                wait_until(lambda: models(http, url) == ["tiny"], WITHIN_S, "registered")
            wait_until(lambda: not worker.readiness.read().is_ready, WITHIN_S, "noticed")


def test_workers_elsewhere_are_accepted_when_the_controller_is_open_to_them(
    chain_settings: Settings, http: httpx.Client
) -> None:
    workers = chain_settings.workers.model_copy(update={"host": "0.0.0.0", "expiry_s": 60})
    port = free_port()
    with running(make_controller(workers, SECRET), port):
        register(http, f"http://127.0.0.1:{port}", "http://10.1.2.3:9")
        assert models(http, f"http://127.0.0.1:{port}") == ["tiny"]
