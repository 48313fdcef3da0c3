"""The settings of runs: which are refused, and runs whose reranker fails."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import fill
from tests.api.test_evaluation import PUMP, RUNS, create, refused, run, send
from tests.conftest import make_settings, open_client, wait_until_ready
from tests.unit.knowledge_base.rerankers.endpoint import RerankEndpoint, serve_reranker

JSON = {"Content-Type": "application/json"}
BOTH = {"languages": ["en", "zh"]}


@pytest.fixture
def reranked(tmp_path: Path) -> Iterator[tuple[TestClient, RerankEndpoint]]:
    """Return a client of a service that has the reranker "letters", and its endpoint."""
    with serve_reranker(RerankEndpoint()) as endpoint:
        rerankers = {"letters": {"base_url": f"{endpoint.url}/v1", **BOTH}}
        settings = make_settings(tmp_path, retrieval={"rerankers": rerankers})
        with open_client(settings) as client:
            wait_until_ready(client)
            fill(client)
            yield client, endpoint


@pytest.mark.parametrize("name", ["~", "..", "../models/x", "/tmp", "models", "\ud800"])
def test_a_run_cannot_choose_a_folder(shared_client: TestClient, name: str) -> None:
    place = create(shared_client, PUMP, name=f"folder {name!a}")
    body = json.dumps({"settings": {"reranker": name}})
    answer = shared_client.post(f"{place}/runs", content=body, headers=JSON)
    assert "name of a reranker" in refused(answer, 422, "invalid_request")
    assert answer.json()["error"]["param"] == "settings.reranker"
    assert shared_client.get(f"{place}/runs").json() == []


def test_a_setting_whose_name_is_half_a_character_is_refused(shared_client: TestClient) -> None:
    place = create(shared_client, PUMP, name="half")
    body = json.dumps({"settings": {"\ud800": 1}})
    refused(shared_client.post(f"{place}/runs", content=body, headers=JSON), 422, "invalid_request")


def test_half_a_character_in_squad_is_refused(shared_client: TestClient) -> None:
    asked = [{"id": "1", "question": "\ud800?", "answers": []}]
    squad = {"data": [{"paragraphs": [{"context": "elsewhere", "qas": asked}]}]}
    refused(send(shared_client, "squad.json", json.dumps(squad)), 422, "invalid_test_set")


def test_a_reranker_that_is_nowhere_is_refused(shared_client: TestClient) -> None:
    place = create(shared_client, PUMP, name="nowhere")
    answer = shared_client.post(
        f"{place}/runs", json={"settings": {"reranker": "bge-reranker-base"}}
    )
    assert "Download BAAI/bge-reranker-base" in refused(answer, 422, "invalid_request")


def test_a_run_whose_reranker_fails_has_failed(
    reranked: tuple[TestClient, RerankEndpoint],
) -> None:
    client, endpoint = reranked
    place = create(client, PUMP)
    assert run(client, place, reranker="letters")["status"] == "done"
    endpoint.status = 500
    failed: dict[str, Any] = run(client, place, reranker="letters")
    assert (failed["status"], failed["error"]["code"]) == ("failed", "not_reranked")
    assert "letters" in failed["error"]["message"]
    assert client.get(f"{RUNS}/{failed['id']}/questions").json() == []
    assert run(client, place)["status"] == "done"
