"""Conversations: kept, recalled, renamed, deleted, and told apart from what broke off."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from configs import Settings
from server.app import create_app
from tests.api.conftest import upload
from tests.api.documents import LEAVE_ZH, PUMP_EN
from tests.api.endpoint import Endpoint, serve
from tests.conftest import make_settings, open_client, wait_until_ready
from tests.e2e.processes import free_port, wait_until

CONVERSATIONS = "/api/v1/conversations"
SECRET = "a-secret-of-this-test"
QUESTION = "How long is the pump warranty?"


def begin(client: TestClient | httpx.Client, **fields: Any) -> str:
    answer = client.post(CONVERSATIONS, json=fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ask(client: TestClient, conversation: str, question: str = QUESTION, **fields: Any) -> Any:
    body = {"question": question, "conversation_id": conversation, "stream": False, **fields}
    return client.post("/api/v1/chat", json=body)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve(Endpoint()) as running:
        yield running


def local_settings(folder: Path, endpoint: Endpoint) -> Settings:
    """Return settings under which the endpoint stands where our own would."""
    port = int(endpoint.url.rsplit(":", 1)[1].removesuffix("/v1"))
    return make_settings(folder, workers={"endpoint_port": port, "secret": SECRET})


def settings_for(folder: Path, endpoint: Endpoint) -> Settings:
    return make_settings(folder, llm={"base_url": endpoint.url})


@pytest.fixture
def llm_client(tmp_path: Path, endpoint: Endpoint) -> Iterator[TestClient]:
    with open_client(settings_for(tmp_path, endpoint)) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "pump.md", PUMP_EN.encode())
        yield client


def test_a_conversation_keeps_its_questions_and_answers_in_order(
    client: TestClient, kb: str
) -> None:
    conversation = begin(client)
    first = ask(client, conversation, knowledge_base=kb).json()
    second = ask(client, conversation, "年假有几天？", knowledge_base=kb).json()
    shown = client.get(f"{CONVERSATIONS}/{conversation}").json()
    assert [item["question"] for item in shown["items"]] == [QUESTION, "年假有几天？"]
    assert [item["message_id"] for item in shown["items"]] == [
        first["message_id"],
        second["message_id"],
    ]
    assert shown["items"][0]["sources"] == first["sources"]
    assert (shown["messages"], shown["items"][0]["stopped"]) == (2, False)


def test_a_blank_title_is_the_first_question(client: TestClient, kb: str) -> None:
    conversation = begin(client, title="  ")
    ask(client, conversation, f"{QUESTION}\n{'And so on. ' * 20}", knowledge_base=kb)
    ask(client, conversation, "garden", knowledge_base=kb)
    title = client.get(f"{CONVERSATIONS}/{conversation}").json()["title"]
    assert title.startswith(f"{QUESTION} And so on.")
    assert len(title) <= 60


def test_the_knowledge_base_of_the_conversation_is_asked(client: TestClient, kb: str) -> None:
    conversation = begin(client, knowledge_base=kb)
    assert "24 months" in ask(client, conversation).json()["answer"]


def test_the_conversation_used_last_is_listed_first(client: TestClient, kb: str) -> None:
    older, newer = begin(client, title="older"), begin(client, title="newer")
    assert [each["id"] for each in client.get(CONVERSATIONS).json()] == [newer, older]
    ask(client, older, knowledge_base=kb)
    listed = client.get(CONVERSATIONS).json()
    assert [(each["id"], each["messages"]) for each in listed] == [(older, 1), (newer, 0)]
    page = client.get(CONVERSATIONS, params={"limit": 1, "offset": 1}).json()
    assert [each["id"] for each in page] == [newer]


def test_a_conversation_can_be_renamed_and_deleted_with_its_messages(
    client: TestClient, kb: str
) -> None:
    conversation = begin(client)
    message = ask(client, conversation, knowledge_base=kb).json()["message_id"]
    renamed = client.patch(f"{CONVERSATIONS}/{conversation}", json={"title": " 水泵 "}).json()
    assert (renamed["title"], renamed["messages"]) == ("水泵", 1)
    assert client.delete(f"{CONVERSATIONS}/{conversation}").status_code == 204
    assert client.get(f"/api/v1/messages/{message}").status_code == 404
    assert client.get(CONVERSATIONS).json() == []


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_an_unknown_conversation_is_not_found(client: TestClient, method: str) -> None:
    body = {"json": {"title": "x"}} if method == "patch" else {}
    answer = client.request(method, f"{CONVERSATIONS}/nope", **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_conversation")


def test_a_question_to_an_unknown_conversation_is_refused(client: TestClient, kb: str) -> None:
    answer = ask(client, "nope", knowledge_base=kb)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_conversation")


def test_a_title_that_is_too_long_is_refused(client: TestClient) -> None:
    answer = client.post(CONVERSATIONS, json={"title": "x" * 201})
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "title")


def test_an_answer_outlives_the_deletion_of_its_conversation_on_the_way(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    conversation = begin(llm_client, knowledge_base="kb")
    body = {"question": QUESTION, "conversation_id": conversation}
    endpoint.pause_s = 0.2
    deletion = threading.Timer(0.1, lambda: llm_client.delete(f"{CONVERSATIONS}/{conversation}"))
    deletion.start()
    text = llm_client.post("/api/v1/chat", json=body).text
    deletion.join()
    assert "event: final" in text


def test_earlier_turns_go_to_the_model(llm_client: TestClient, endpoint: Endpoint) -> None:
    conversation = begin(llm_client, knowledge_base="kb")
    ask(llm_client, conversation)
    ask(llm_client, conversation, "And the pump itself?")
    turns = [(turn["role"], turn["content"]) for turn in endpoint.requests[1]["messages"][:-1]]
    assert turns == [("user", QUESTION), ("assistant", "The answer is 42 [1].")]


def test_history_that_is_given_replaces_that_of_the_conversation(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    conversation = begin(llm_client, knowledge_base="kb")
    ask(llm_client, conversation)
    ask(llm_client, conversation, history=[{"role": "user", "content": "Only this."}])
    assert [turn["content"] for turn in endpoint.requests[1]["messages"][:-1]] == ["Only this."]


def test_the_model_that_wrote_an_answer_is_named(llm_client: TestClient) -> None:
    conversation = begin(llm_client, knowledge_base="kb")
    assert ask(llm_client, conversation).json()["model"] == "tiny-model"
    item = llm_client.get(f"{CONVERSATIONS}/{conversation}").json()["items"][0]
    assert (item["model"], item["mode"]) == ("tiny-model", "llm")


@pytest.mark.parametrize("is_cut_cleanly", [False, True])
def test_what_a_model_said_before_it_broke_off_is_kept(
    llm_client: TestClient, endpoint: Endpoint, is_cut_cleanly: bool
) -> None:
    endpoint.is_cut_cleanly = is_cut_cleanly
    conversation = begin(llm_client, knowledge_base="kb")
    endpoint.breaks_after = 1
    answer = llm_client.post(
        "/api/v1/chat", json={"question": QUESTION, "conversation_id": conversation}
    )
    assert "event: error" in answer.text
    (item,) = llm_client.get(f"{CONVERSATIONS}/{conversation}").json()["items"]
    assert (item["answer"], item["stopped"]) == ("The answer", True)


@contextmanager
def served(settings: Settings) -> Iterator[httpx.Client]:
    """Serve over a real socket, since only there a client can leave."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), port=port, log_config=None, lifespan="on")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

        def is_ready() -> bool:
            try:
                return client.get("/readyz").is_success
            except httpx.TransportError:
                return False

        wait_until(is_ready, 60, "ready")
        yield client
    server.should_exit = True
    thread.join()


def test_what_a_client_has_read_before_it_leaves_is_kept(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.pieces = [f"word{number} " for number in range(1000)]
    endpoint.pause_s = 0.02
    with served(settings_for(tmp_path, endpoint)) as client:
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "员工手册.md", LEAVE_ZH.encode())  # type: ignore[arg-type]
        conversation = begin(client, knowledge_base="kb")
        body = {"question": "年假有几天？", "conversation_id": conversation}
        with client.stream("POST", "/api/v1/chat", json=body) as answer:
            next(line for line in answer.iter_lines() if "word2 " in line)

        def items() -> list[dict[str, Any]]:
            found = client.get(f"{CONVERSATIONS}/{conversation}").json()["items"]
            return list(found)

        wait_until(items, 10, "stored")
        (item,) = items()
    assert item["stopped"]
    assert item["answer"].startswith("word0 word1 word2")
    assert "word999" not in item["answer"]


def test_models_are_listed_while_they_serve(llm_client: TestClient, endpoint: Endpoint) -> None:
    endpoint.models = ["one", "two"]
    assert llm_client.get("/api/v1/models").json() == [
        {"id": "one", "is_default": True},
        {"id": "two", "is_default": False},
    ]


def test_no_model_is_listed_where_none_serves(client: TestClient) -> None:
    assert client.get("/api/v1/models").json() == []


def test_a_local_endpoint_that_begins_to_serve_is_used(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.models, endpoint.secret = [], SECRET
    with open_client(local_settings(tmp_path, endpoint)) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "pump.md", PUMP_EN.encode())
        conversation = begin(client, knowledge_base="kb")
        before = ask(client, conversation).json()
        endpoint.models = ["late"]
        time.sleep(2.1)  # the list of models may be two seconds old
        after = ask(client, conversation).json()
        endpoint.models = []
        lost = ask(client, conversation).json()
    assert (before["mode"], before["notice"]) == ("extractive", None)
    assert (after["mode"], after["model"]) == ("llm", "late")
    assert lost["mode"] == "extractive"
    assert "no model is running" in lost["notice"]


def test_a_stranger_on_the_port_of_our_endpoint_gets_nothing_to_read(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.secret = "another-secret"
    with open_client(local_settings(tmp_path, endpoint)) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "pump.md", PUMP_EN.encode())
        conversation = begin(client, knowledge_base="kb")
        answer = ask(client, conversation, model="tiny-model").json()
        assert client.get("/api/v1/models").json() == []
    assert answer["mode"] == "extractive"
    assert endpoint.requests == []


def test_an_answer_at_once_ends_when_its_client_leaves(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.pieces = [f"word{number} " for number in range(1000)]
    endpoint.pause_s = 0.02
    with served(settings_for(tmp_path, endpoint)) as client:
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "pump.md", PUMP_EN.encode())  # type: ignore[arg-type]
        conversation = begin(client, knowledge_base="kb")
        body = {"question": QUESTION, "conversation_id": conversation, "stream": False}
        with pytest.raises(httpx.ReadTimeout):
            client.post("/api/v1/chat", json=body, timeout=1.5)
        url = f"{CONVERSATIONS}/{conversation}"
        wait_until(lambda: client.get(url).json()["items"], 10, "stored")
        assert client.get(url).json()["items"][0]["stopped"]
    assert 0 < endpoint.sent < 1000


def test_the_status_tells_no_secret(tmp_path: Path) -> None:
    settings = make_settings(
        tmp_path,
        auth={"api_key": "secret-number-one"},
        llm={"api_key": "secret-number-two", "base_url": "http://127.0.0.1:9/v1"},
        workers={"secret": "secret-number-three"},
        retrieval={
            "rerankers": {
                "mine": {"base_url": "http://127.0.0.1:9/v1", "api_key": "secret-number-four"}
            }
        },
        embedding={
            "models": {"ours": {"base_url": "http://127.0.0.1:9", "api_key": "secret-number-five"}}
        },
    )
    with open_client(settings) as client:
        wait_until_ready(client)
        answer = client.get("/api/v1/status")
    assert answer.status_code == 200
    assert "secret-number" not in answer.text
    shown = answer.json()["settings"]
    assert shown["server"]["port"] == 7861
    assert shown["retrieval"]["rerankers"]["mine"]["base_url"] == "http://127.0.0.1:9/v1"
    assert "secret" not in shown["workers"]
    assert {"fastapi", "faiss-cpu"} <= set(answer.json()["packages"])
