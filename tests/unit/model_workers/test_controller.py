"""The controller: who may register, and how workers vanish."""

import httpx
import pytest

from configs import Settings
from tests.e2e.processes import free_port, wait_until
from tests.unit.model_workers.servers import WITHIN_S, Script, running_worker

STATUS = {"model_names": ["tiny"], "speed": 1, "queue_length": 0}


def register(http: httpx.Client, controller: str, address: str) -> httpx.Response:
    told = {"worker_name": address, "worker_status": STATUS}
    return http.post(f"{controller}/register_worker", json=told)


def models(http: httpx.Client, controller: str) -> list[str]:
    listed: list[str] = http.post(f"{controller}/list_models").json()["models"]
    return listed


@pytest.mark.parametrize(
    "route", ["register_worker", "list_models", "get_worker_address", "refresh_all_workers"]
)
def test_nothing_is_done_without_the_secret(controller: str, route: str) -> None:
    answer = httpx.post(f"{controller}/{route}", json={}, trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "wrong_secret"


@pytest.mark.parametrize("route", ["healthz", "readyz"])
def test_probes_need_no_secret(controller: str, route: str) -> None:
    assert httpx.get(f"{controller}/{route}", trust_env=False).status_code == 200


def test_a_registered_worker_is_listed_and_found(controller: str, http: httpx.Client) -> None:
    register(http, controller, "http://127.0.0.1:9")
    assert models(http, controller) == ["tiny"]
    found = http.post(f"{controller}/get_worker_address", json={"model": "tiny"}).json()
    assert found == {"address": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1:9", "http://127.0.0.1:9/x", "http://10.1.2.3:9", "http://evil.example", ""],
)
def test_an_address_that_is_no_worker_of_this_machine_is_refused(
    controller: str, http: httpx.Client, address: str
) -> None:
    assert register(http, controller, address).status_code == 422
    assert models(http, controller) == []


def test_a_worker_that_says_good_bye_is_forgotten(controller: str, http: httpx.Client) -> None:
    register(http, controller, "http://127.0.0.1:9")
    http.post(f"{controller}/deregister_worker", json={"worker_name": "http://127.0.0.1:9"})
    assert models(http, controller) == []


def test_a_silent_worker_is_forgotten(controller: str, http: httpx.Client) -> None:
    register(http, controller, "http://127.0.0.1:9")
    wait_until(lambda: models(http, controller) == [], WITHIN_S, "forgotten")


def test_a_reported_worker_that_is_gone_is_forgotten(controller: str, http: httpx.Client) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    register(http, controller, gone)
    told = http.post(f"{controller}/report_worker", json={"worker_name": gone}).json()
    assert told == {"exist": False}


def test_a_reported_worker_that_lives_is_kept(
    controller: str, http: httpx.Client, chain_settings: Settings
) -> None:
    with running_worker(Script(), chain_settings.workers, controller=controller) as worker:
        wait_until(lambda: models(http, controller) == ["tiny"], WITHIN_S, "registered")
        report = {"worker_name": worker.worker_addr}
        told = http.post(f"{controller}/report_worker", json=report).json()
        assert told == {"exist": True}


def test_addresses_tried_in_vain_are_left_out(controller: str, http: httpx.Client) -> None:
    register(http, controller, "http://127.0.0.1:9")
    register(http, controller, "http://127.0.0.1:8")
    asked = {"model": "tiny", "without": ["http://127.0.0.1:9"]}
    found = {http.post(f"{controller}/get_worker_address", json=asked).json()["address"]}
    assert found == {"http://127.0.0.1:8"}
    assert models(http, controller) == ["tiny"]


def test_an_unknown_address_is_never_asked(controller: str, http: httpx.Client) -> None:
    report = {"worker_name": "http://127.0.0.1:1"}
    assert http.post(f"{controller}/report_worker", json=report).json() == {"exist": False}
