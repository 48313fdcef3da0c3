"""A model worker: its registration, its queue, and what becomes of requests that go wrong."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from configs import Settings
from server.errors import ModelFailed, PromptTooLong
from server.model_workers.http_server import make_server
from server.model_workers.worker import ModelWorker
from tests.e2e.processes import free_port, is_port_free, wait_until
from tests.unit.model_workers.servers import (
    SECRET,
    WITHIN_S,
    Script,
    Start,
    running_server,
    running_worker,
    wait_ready,
)

ASK = {"prompt": "hello"}
ROUTE = "worker_generate_stream"
NOWHERE = "http://127.0.0.1:9"


def frames(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in answer.content.split(b"\0") if frame]


def ask(http: httpx.Client, worker: ModelWorker) -> httpx.Response:
    return http.post(f"{worker.worker_addr}/{ROUTE}", json=ASK)


def models(http: httpx.Client, controller: str) -> list[str]:
    listed: list[str] = http.post(f"{controller}/list_models").json()["models"]
    return listed


def test_a_ready_worker_is_listed(start: Start, http: httpx.Client, controller: str) -> None:
    worker = start(Script())
    assert http.get(f"{worker.worker_addr}/readyz").status_code == 200
    assert models(http, controller) == ["tiny"]


def test_it_streams_pieces_closed_by_zero_bytes(start: Start, http: httpx.Client) -> None:
    told = frames(ask(http, start(Script())))
    assert [frame["text"] for frame in told] == ["你好", ", ", "world", ""]
    assert told[-1]["finish_reason"] == "stop"
    assert told[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 3}


def test_it_refuses_those_without_the_secret(start: Start) -> None:
    url = f"{start(Script()).worker_addr}/{ROUTE}"
    assert httpx.post(url, json=ASK, trust_env=False).status_code == 401


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PromptTooLong(tokens=900, limit=512), "context_length_exceeded"),
        (ModelFailed(model="tiny", reason_en="burnt", reason_zh="烧毁"), "model_failed"),
        (TypeError("a fault of ours"), "model_failed"),
    ],
)
def test_an_error_is_told_and_the_slot_is_free_again(
    start: Start, http: httpx.Client, error: Exception, code: str
) -> None:
    script = Script(error_after={0: error})
    worker = start(script)
    assert frames(ask(http, worker))[-1]["code"] == code
    script.error_after = {}
    assert frames(ask(http, worker))[-1]["error_code"] == 0


def test_a_malformed_request_is_refused(start: Start, http: httpx.Client) -> None:
    worker = start(Script())
    answer = http.post(f"{worker.worker_addr}/{ROUTE}", json={"temperature": "hot"})
    assert answer.status_code == 422


async def ask_and_leave(worker: ModelWorker, script: Script) -> None:
    """Ask, wait until the model works on it, and break the connection."""
    headers = {"X-Zhiwen-Worker-Secret": SECRET}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as http:
        request = asyncio.create_task(http.post(f"{worker.worker_addr}/{ROUTE}", json=ASK))
        await asyncio.to_thread(wait_until, lambda: script.generations, WITHIN_S, "begun")
        request.cancel()


def test_a_client_that_leaves_ends_its_generation(start: Start, http: httpx.Client) -> None:
    script = Script(pause=asyncio.Event())
    worker = start(script)
    asyncio.run(ask_and_leave(worker, script))
    wait_until(lambda: script.closed == 1, WITHIN_S, "cancelled")
    script.pause = None
    assert frames(ask(http, worker))[-1]["finish_reason"] == "stop"


def test_requests_beyond_the_queue_are_refused(start: Start, http: httpx.Client) -> None:
    script = Script(pause=asyncio.Event())
    worker = start(script, max_waiting=1)

    async def crowd() -> list[str]:
        headers = {"X-Zhiwen-Worker-Secret": SECRET}
        url = f"{worker.worker_addr}/{ROUTE}"
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as many:
            requests = [asyncio.create_task(many.post(url, json=ASK)) for _ in range(3)]
            done, others = await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
            for other in others:
                other.cancel()
            return [frames(request.result())[-1]["code"] for request in done]

    assert asyncio.run(crowd()) == ["model_busy"]
    wait_until(lambda: worker.get_queue_length() == 0, WITHIN_S, "slots given back")


def test_it_serves_as_many_at_once_as_the_generator_can(start: Start) -> None:
    script = Script(pause=asyncio.Event(), parallel_limit=2)
    worker = start(script)

    async def crowd() -> int:
        headers = {"X-Zhiwen-Worker-Secret": SECRET}
        url = f"{worker.worker_addr}/{ROUTE}"
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as many:
            requests = [asyncio.create_task(many.post(url, json=ASK)) for _ in range(3)]
            await asyncio.to_thread(
                wait_until,
                lambda: worker.get_queue_length() == 3 and len(script.generations) > 1,
                WITHIN_S,
                "all there",
            )
            at_once = len(script.generations)
            for request in requests:
                request.cancel()
        return at_once

    assert asyncio.run(crowd()) == 2


def test_it_says_good_bye_when_it_stops(
    chain_settings: Settings, http: httpx.Client, controller: str
) -> None:
    patient = chain_settings.workers.model_copy(update={"heartbeat_s": 60.0, "expiry_s": 600.0})
    with running_worker(Script(), patient, controller=controller) as worker:
        wait_ready(worker)
    found = http.post(f"{controller}/get_worker_address", json={"model": "tiny"}).json()
    assert found == {"address": ""}


def test_a_request_that_outlasts_the_stop_is_told(
    chain_settings: Settings, controller: str, http: httpx.Client
) -> None:
    script = Script(pause=asyncio.Event())
    with ThreadPoolExecutor() as pool:
        with running_worker(script, chain_settings.workers, controller=controller) as worker:
            wait_ready(worker)
            answer = pool.submit(ask, http, worker)
            wait_until(lambda: script.generations, WITHIN_S, "begun")
        assert b'"stopping"' in answer.result().content


def test_a_worker_with_another_secret_says_what_is_wrong(
    chain_settings: Settings, controller: str
) -> None:
    context = running_worker(
        Script(), chain_settings.workers, controller=controller, secret="another secret"
    )
    with context as worker:
        wait_until(
            lambda: "workers.secret" in worker.readiness.read().doing_en, WITHIN_S, "refused"
        )


def test_what_the_controller_refuses_is_told_in_both_languages(
    chain_settings: Settings, controller: str
) -> None:
    context = running_worker(
        Script(), chain_settings.workers, controller=controller, secret="another secret"
    )
    with context as worker:
        wait_until(
            lambda: "此服务只接受持有共享密钥" in worker.readiness.read().doing_zh,
            WITHIN_S,
            "refused",
        )


def test_a_trouble_of_the_model_is_told_as_long_as_it_lasts(start: Start) -> None:
    script = Script()
    worker = start(script)
    script.trouble = "its engine is away", "引擎已离开"
    wait_until(lambda: worker.readiness.read().doing_zh == "引擎已离开", WITHIN_S, "told")
    script.trouble = None
    wait_ready(worker)


def test_what_a_load_waits_for_is_told(chain_settings: Settings, controller: str) -> None:
    script = Script(loading=threading.Event(), trouble=("waiting for it", "正在等待"))
    with running_worker(script, chain_settings.workers, controller=controller) as worker:
        wait_until(lambda: worker.readiness.read().doing_en == "waiting for it", WITHIN_S, "told")
        script.loading.set()


def test_it_stops_listening_while_it_says_good_bye() -> None:
    port = free_port()
    server = make_server(Starlette(), "127.0.0.1", port, grace_s=0)
    server.on_stop = lambda: wait_until(lambda: is_port_free(port), WITHIN_S, "closed")
    with running_server(server):
        pass


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelFailed(model="tiny", reason_en="no such folder", reason_zh="无"), "no such folder"),
        (RuntimeError("a fault of a library"), "a fault of a library"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_told(
    chain_settings: Settings, http: httpx.Client, error: Exception, reason: str
) -> None:
    script = Script(load_error=error)
    with running_worker(script, chain_settings.workers, controller=NOWHERE) as worker:
        url = f"{worker.worker_addr}/readyz"
        wait_until(lambda: http.get(url).json()["failed"], WITHIN_S, "failed")
        assert reason in http.get(url).json()["doing"]
        assert http.post(f"{worker.worker_addr}/worker_get_status").status_code == 503


def test_a_loaded_worker_is_not_ready_before_it_is_registered(
    chain_settings: Settings, http: httpx.Client
) -> None:
    with running_worker(Script(), chain_settings.workers, controller=NOWHERE) as worker:
        url = f"{worker.worker_addr}/readyz"
        wait_until(lambda: NOWHERE in http.get(url).json()["doing"], WITHIN_S, "waiting")
        assert http.get(url).status_code == 503
