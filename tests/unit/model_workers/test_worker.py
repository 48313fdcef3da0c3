"""A model worker: its registration, its queue, and what becomes of requests that go wrong."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from configs import Settings
from server.errors import ModelFailed, PromptTooLong
from server.model_workers.worker import ModelWorker
from tests.e2e.processes import wait_until
from tests.unit.model_workers.servers import (
    SECRET,
    WITHIN_S,
    Script,
    running_worker,
    wait_ready,
)

ASK = {"prompt": "hello"}
NOWHERE = "http://127.0.0.1:9"

Start = Callable[..., ModelWorker]


@pytest.fixture
def start(chain_settings: Settings, controller: str) -> Any:
    """Start workers that end with the test."""
    with ExitStack() as stack:

        def begin(script: Script, **options: Any) -> ModelWorker:
            context = running_worker(
                script, chain_settings.workers, controller=controller, **options
            )
            worker = stack.enter_context(context)
            wait_ready(worker)
            return worker

        yield begin


def frames(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in answer.content.split(b"\0") if frame]


def ask(http: httpx.Client, worker: ModelWorker, route: str = "worker_generate_stream") -> Any:
    return http.post(f"{worker.worker_addr}/{route}", json=ASK)


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
    assert told[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def test_it_answers_in_one_piece(start: Start, http: httpx.Client) -> None:
    told = ask(http, start(Script()), "worker_generate").json()
    assert (told["text"], told["error_code"]) == ("你好, world", 0)


def test_it_counts_tokens(start: Start, http: httpx.Client) -> None:
    assert ask(http, start(Script()), "count_token").json() == {"count": 7, "error_code": 0}


def test_it_tells_the_context_window(start: Start, http: httpx.Client) -> None:
    assert ask(http, start(Script()), "model_details").json() == {"context_length": 512}


def test_it_refuses_those_without_the_secret(start: Start) -> None:
    url = f"{start(Script()).worker_addr}/worker_generate"
    assert httpx.post(url, json=ASK, trust_env=False).status_code == 401


@pytest.mark.parametrize("route", ["worker_generate_stream", "worker_generate"])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PromptTooLong(tokens=900, limit=512), "context_length_exceeded"),
        (ModelFailed(model="tiny", reason_en="burnt", reason_zh="烧毁"), "model_failed"),
        (TypeError("a fault of ours"), "model_failed"),
    ],
)
def test_an_error_is_told_and_the_slot_is_free_again(
    start: Start, http: httpx.Client, route: str, error: Exception, code: str
) -> None:
    script = Script(error_after={0: error})
    worker = start(script)
    assert frames(ask(http, worker, route))[-1]["code"] == code
    script.error_after = {}
    assert frames(ask(http, worker, route))[-1]["error_code"] == 0


def test_a_malformed_request_is_refused(start: Start, http: httpx.Client) -> None:
    worker = start(Script())
    answer = http.post(f"{worker.worker_addr}/worker_generate", json={"temperature": "hot"})
    assert answer.status_code == 422


async def ask_and_leave(worker: ModelWorker, script: Script, route: str) -> None:
    """Ask, wait until the model works on it, and break the connection."""
    headers = {"X-Zhiwen-Worker-Secret": SECRET}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as http:
        request = asyncio.create_task(http.post(f"{worker.worker_addr}/{route}", json=ASK))
        await asyncio.to_thread(wait_until, lambda: script.generations, WITHIN_S, "begun")
        request.cancel()


@pytest.mark.parametrize("route", ["worker_generate_stream", "worker_generate"])
def test_a_client_that_leaves_ends_its_generation(
    start: Start, http: httpx.Client, route: str
) -> None:
    script = Script(pause=asyncio.Event())
    worker = start(script)
    asyncio.run(ask_and_leave(worker, script, route))
    wait_until(lambda: script.closed == 1, WITHIN_S, "cancelled")
    script.pause = None
    assert frames(ask(http, worker))[-1]["finish_reason"] == "stop"


def test_requests_beyond_the_queue_are_refused(start: Start, http: httpx.Client) -> None:
    script = Script(pause=asyncio.Event())
    worker = start(script, max_waiting=1)

    async def crowd() -> list[str]:
        headers = {"X-Zhiwen-Worker-Secret": SECRET}
        url = f"{worker.worker_addr}/worker_generate"
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as many:
            requests = [asyncio.create_task(many.post(url, json=ASK)) for _ in range(3)]
            done, others = await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
            for other in others:
                other.cancel()
            return [request.result().json()["code"] for request in done]

    assert asyncio.run(crowd()) == ["model_busy"]
    wait_until(lambda: worker.get_queue_length() == 0, WITHIN_S, "slots given back")


def test_it_serves_as_many_at_once_as_the_generator_can(start: Start) -> None:
    script = Script(pause=asyncio.Event(), parallel_limit=2)
    worker = start(script)

    async def crowd() -> int:
        headers = {"X-Zhiwen-Worker-Secret": SECRET}
        url = f"{worker.worker_addr}/worker_generate"
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


@pytest.mark.parametrize("route", ["worker_generate_stream", "worker_generate"])
def test_a_request_that_outlasts_the_stop_is_told(
    chain_settings: Settings, controller: str, http: httpx.Client, route: str
) -> None:
    script = Script(pause=asyncio.Event())
    with ThreadPoolExecutor() as pool:
        with running_worker(script, chain_settings.workers, controller=controller) as worker:
            wait_ready(worker)
            answer = pool.submit(ask, http, worker, route)
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
