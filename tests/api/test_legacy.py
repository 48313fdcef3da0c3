"""The routes of 0.2.x: their names, their shapes, none of their faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.api.documents import PUMP_EN
from tests.api.endpoint import Endpoint, serve
from tests.api.events import read_events
from tests.conftest import make_settings, open_client, wait_until_ready

ASK = {"query": "How long is the warranty of the pump?", "knowledge_base_name": "kb"}


def test_knowledge_bases_come_and_go(client: TestClient) -> None:
    created = client.post(
        "/knowledge_base/create_knowledge_base", json={"knowledge_base_name": "k"}
    )
    assert created.json()["code"] == 200
    listed = client.get("/knowledge_base/list_knowledge_bases").json()
    assert listed == {"code": 200, "msg": "success", "data": ["k"]}
    assert client.post("/knowledge_base/delete_knowledge_base", json="k").json()["code"] == 200
    assert client.get("/knowledge_base/list_knowledge_bases").json()["data"] == []


def test_delete_takes_an_object_as_well_as_a_string(client: TestClient, kb: str) -> None:
    body = {"knowledge_base_name": kb}
    assert client.post("/knowledge_base/delete_knowledge_base", json=body).json()["code"] == 200


@pytest.mark.parametrize("name", ["", " ", "kb"])
def test_blank_and_taken_names_are_code_404(client: TestClient, kb: str, name: str) -> None:
    answer = client.post(
        "/knowledge_base/create_knowledge_base", json={"knowledge_base_name": name}
    )
    assert answer.status_code == answer.json()["code"] == 404


def test_upload_list_download_delete(client: TestClient, kb: str) -> None:
    uploaded = client.post(
        "/knowledge_base/upload_docs",
        files={"files": ("new.txt", b"A new text about valves.")},
        data={"knowledge_base_name": kb},
    )
    assert uploaded.json() == {"code": 200, "msg": "success", "data": {"failed_files": {}}}
    where = {"knowledge_base_name": kb}
    assert "new.txt" in client.get("/knowledge_base/list_files", params=where).json()["data"]
    downloaded = client.get("/knowledge_base/download_doc", params=where | {"file_name": "new.txt"})
    assert downloaded.content == b"A new text about valves."
    deleted = client.post("/knowledge_base/delete_docs", json=where | {"file_names": ["new.txt"]})
    assert deleted.json()["data"] == {"failed_files": {}}
    assert "new.txt" not in client.get("/knowledge_base/list_files", params=where).json()["data"]


def test_all_failed_files_make_an_error_and_some_make_207(client: TestClient, kb: str) -> None:
    def upload(*names: str) -> tuple[int, dict[str, str]]:
        answer = client.post(
            "/knowledge_base/upload_docs",
            files=[("files", (name, b"some text")) for name in names],
            data={"knowledge_base_name": kb},
        )
        assert answer.json()["code"] == answer.status_code
        return answer.status_code, answer.json()["data"]["failed_files"]

    status, failed = upload("a.exe")
    assert (status, list(failed)) == (415, ["a.exe"])
    status, failed = upload("b.exe", "b.txt")
    assert (status, list(failed)) == (207, ["b.exe"])


def test_deleting_an_unknown_file_says_so(client: TestClient, kb: str) -> None:
    body = {"knowledge_base_name": kb, "file_names": ["nope.txt"]}
    answer = client.post("/knowledge_base/delete_docs", json=body)
    assert answer.status_code == answer.json()["code"] == 404
    assert list(answer.json()["data"]["failed_files"]) == ["nope.txt"]


def test_search_answers_a_bare_list_with_distances(client: TestClient, kb: str) -> None:
    hits = client.post("/knowledge_base/search_docs", json=ASK | {"top_k": 2}).json()
    assert 1 <= len(hits) <= 2
    assert hits[0]["metadata"]["source"] == "pump.md"
    assert hits[0]["type"] == "Document"
    assert hits[0]["score"] == pytest.approx(2 - 2 * hits[0]["relevance"], abs=1e-3)
    assert 0 <= hits[0]["score"] <= 2


def test_search_without_a_query_lists_the_chunks_of_a_file(client: TestClient, kb: str) -> None:
    body = {"knowledge_base_name": kb, "file_name": "pump.md"}
    chunks = client.post("/knowledge_base/search_docs", json=body).json()
    assert chunks
    assert {chunk["metadata"]["source"] for chunk in chunks} == {"pump.md"}


@pytest.mark.parametrize("more", [{"to_vector_store": "false"}, {"docs": '{"a": []}'}])
def test_what_upload_cannot_do_yet_is_refused_not_ignored(
    client: TestClient, kb: str, more: dict[str, str]
) -> None:
    answer = client.post(
        "/knowledge_base/upload_docs",
        files={"files": ("new.txt", b"some text")},
        data={"knowledge_base_name": kb, **more},
    )
    assert answer.status_code == answer.json()["code"] == 422
    assert next(iter(more)) in answer.json()["msg"]


def test_a_metadata_filter_is_refused_not_ignored(client: TestClient, kb: str) -> None:
    answer = client.post("/knowledge_base/search_docs", json=ASK | {"metadata": {"page": 1}})
    assert answer.status_code == 422


def test_a_threshold_of_2_is_accepted_everywhere(client: TestClient, kb: str) -> None:
    for path in ("/knowledge_base/search_docs", "/chat/knowledge_base_chat"):
        assert client.post(path, json=ASK | {"score_threshold": 2}).status_code == 200


def test_a_streamed_answer_has_sources_first_and_docs_last(client: TestClient, kb: str) -> None:
    answer = client.post("/chat/knowledge_base_chat", json=ASK | {"stream": True})
    events = [data for _, data in read_events(answer)]
    assert list(events[0]) == ["sources"]
    assert all(list(event) == ["answer"] for event in events[1:-1])
    assert set(events[-1]) == {"docs", "message_id"}
    assert events[-1]["docs"][0].startswith("Source [1] [")
    assert "download_doc?knowledge_base_name=kb&file_name=" in events[-1]["docs"][0]
    assert all(name is None for name, _ in read_events(answer))
    assert "[DONE]" not in answer.text


def test_an_answer_that_is_not_streamed_is_one_event(client: TestClient, kb: str) -> None:
    ((_, event),) = read_events(client.post("/chat/knowledge_base_chat", json=ASK))
    assert "24 months" in event["answer"]
    assert event["docs"]


def test_an_answer_is_plain_json_when_asked_for(client: TestClient, kb: str) -> None:
    answer = client.post(
        "/chat/knowledge_base_chat", json=ASK, headers={"accept": "application/json"}
    )
    assert "24 months" in answer.json()["answer"]


@pytest.mark.parametrize(
    "history", [[["human", "Hi"], ["ai", "Hello"]], [{"role": "user", "content": "Hi"}]]
)
def test_history_is_taken_in_all_its_forms(
    client: TestClient, kb: str, history: list[object]
) -> None:
    answer = client.post("/chat/knowledge_base_chat", json=ASK | {"history": history})
    assert answer.status_code == 200


def test_chat_without_a_model_says_what_to_do(client: TestClient) -> None:
    answer = client.post("/chat/chat", json={"query": "Hi"})
    assert answer.status_code == answer.json()["code"] == 503
    assert "llm.base_url" in answer.json()["msg"]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve(Endpoint(pieces=["Hel", "lo"])) as running:
        yield running


@pytest.fixture
def llm_client(tmp_path: Path, endpoint: Endpoint) -> Iterator[TestClient]:
    settings = make_settings(tmp_path, llm={"base_url": endpoint.url})
    with open_client(settings) as client:
        wait_until_ready(client)
        client.post("/knowledge_base/create_knowledge_base", json={"knowledge_base_name": "kb"})
        client.post(
            "/knowledge_base/upload_docs",
            files={"files": ("pump.md", PUMP_EN.encode())},
            data={"knowledge_base_name": "kb"},
        )
        yield client


def test_chat_streams_the_model(llm_client: TestClient) -> None:
    answer = llm_client.post("/chat/chat", json={"query": "Hi", "stream": True})
    events = [data for _, data in read_events(answer)]
    assert "".join(event["text"] for event in events) == "Hello"
    assert len({event["message_id"] for event in events}) == 1


def test_chat_answers_whole(llm_client: TestClient) -> None:
    ((_, event),) = read_events(llm_client.post("/chat/chat", json={"query": "Hi"}))
    assert event["text"] == "Hello"


def test_history_as_a_number_does_not_break_chat(llm_client: TestClient) -> None:
    answer = llm_client.post("/chat/chat", json={"query": "Hi", "history": 3})
    assert answer.status_code == 200


def test_a_failing_model_is_an_error_in_chat(llm_client: TestClient, endpoint: Endpoint) -> None:
    endpoint.status = 500
    answer = llm_client.post("/chat/chat", json={"query": "Hi", "stream": True})
    assert answer.status_code == answer.json()["code"] == 502


def test_a_model_that_breaks_off_ends_with_code_and_message(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    endpoint.breaks_after = 1
    answer = llm_client.post("/chat/knowledge_base_chat", json=ASK | {"stream": True})
    last = read_events(answer)[-1][1]
    assert last["code"] == 502
    assert last["msg"]
