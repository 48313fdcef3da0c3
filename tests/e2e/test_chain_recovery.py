"""The serving chain under ``startup.py`` when something in it dies or cannot be loaded."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.checkpoints import checkpoint as checkpoint  # a fixture
from tests.e2e.processes import (
    READY_WITHIN_S,
    Place,
    Started,
    is_port_free,
    new_place,
    started,
    wait_until,
)

pytestmark = pytest.mark.slow

RECOVERS_WITHIN_S = 15.0
STOP_WITHIN_S = 15.0  # 10 are promised; the rest is for a busy machine
WORKER = "worker tiny"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, checkpoint: Callable[[str], Path]) -> Place:
    models = {
        "tiny": {"path": str(checkpoint("qwen2")), "device": "cpu", "threads": 1},
        "broken": {"path": str(tmp_path_factory.mktemp("no-checkpoint")), "device": "cpu"},
    }
    return new_place(
        tmp_path_factory.mktemp("recovery"),
        ZHIWEN_KB__CREATE_SAMPLES="false",
        ZHIWEN_WORKERS__MODELS=json.dumps(models),
    )


@pytest.fixture(scope="module")
def chain(place: Place) -> Iterator[Started]:
    with started(place, "--all-api") as start:
        start.wait_ready(WORKER)
        yield start


def models(place: Place) -> list[str]:
    """Return the models that serve now."""
    url = f"http://127.0.0.1:{place.endpoint_port}/v1/models"
    try:
        answer = httpx.get(url, trust_env=False, timeout=5)
    except httpx.TransportError:
        return []
    return [model["id"] for model in answer.json()["data"]] if answer.is_success else []


def test_a_model_that_cannot_be_loaded_stops_nothing_else(place: Place, chain: Started) -> None:
    wait_until(lambda: chain.state("worker broken") == "failed", READY_WITHIN_S, "it failed")

    assert chain.state("api") == "ready"
    assert models(place) == ["tiny"]
    assert "The other services go on without worker broken." in chain.output.read_text("utf-8")


def can_answer(place: Place) -> bool:
    """Return whether the model writes something now."""
    url = f"http://127.0.0.1:{place.endpoint_port}/v1/chat/completions"
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    try:
        return httpx.post(url, json=body, trust_env=False, timeout=10).is_success
    except httpx.TransportError:
        return False


def test_a_model_answers_soon_after_the_controller_was_killed(place: Place, chain: Started) -> None:
    before = chain.pid_of("controller")
    worker = chain.pid_of(WORKER)

    os.kill(before, signal.SIGKILL)

    def has_recovered() -> bool:
        is_another = chain.pid_of("controller") not in (0, before)
        return is_another and models(place) == ["tiny"] and can_answer(place)

    wait_until(has_recovered, RECOVERS_WITHIN_S, "an answer")
    assert chain.pid_of(WORKER) == worker


@pytest.mark.parametrize("name", [WORKER, "endpoint"])
def test_a_model_serves_again_after_a_kill(place: Place, chain: Started, name: str) -> None:
    before = chain.pid_of(name)

    os.kill(before, signal.SIGKILL)

    chain.wait_another(name, before)
    wait_until(lambda: models(place) == ["tiny"], READY_WITHIN_S, "the model is listed again")


def test_a_signal_stops_the_models_too(place: Place, chain: Started) -> None:
    chain.entries()

    chain.send(signal.SIGTERM)

    assert chain.process.wait(STOP_WITHIN_S) == 0
    assert chain.left(0) == []
    assert [port for port in place.ports if not is_port_free(port)] == []
