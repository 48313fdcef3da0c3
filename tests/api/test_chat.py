"""``/api/v1/chat``: cited answers, honest refusals, stored traces, and language models."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.chat.extractive import refuse
from server.chat.prompts import PromptBook
from server.db import database
from server.db.models import MessageRow
from tests.api.conftest import upload
from tests.api.documents import LEAVE_ZH, PUMP_EN
from tests.api.endpoint import Endpoint, serve
from tests.api.events import read_events
from tests.conftest import make_settings, open_client, wait_until_ready


@pytest.fixture
def client(shared_client: TestClient) -> TestClient:
    """Use one service for all tests here, since none changes anything."""
    return shared_client


@pytest.fixture
def kb() -> str:
    return "kb"


def ask(client: TestClient, question: str, **more: Any) -> dict[str, Any]:
    body = {"question": question, "knowledge_base": "kb", "stream": False, **more}
    answer = client.post("/api/v1/chat", json=body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


@pytest.mark.parametrize(
    ("question", "words", "file"),
    [
        ("How long is the warranty of the pump?", "24 months", "pump.md"),
        ("员工满一年后有几天年假？", "10 天", "员工手册.md"),
    ],
)
def test_an_answer_quotes_its_source_word_for_word(
    client: TestClient, kb: str, question: str, words: str, file: str
) -> None:
    answer = ask(client, question)
    assert (answer["mode"], answer["grounded"]) == ("extractive", True)
    assert words in answer["answer"]
    cited = [source for source in answer["sources"] if f"[{source['number']}]" in answer["answer"]]
    assert cited[0]["file_name"] == file
    text = client.get(f"/api/v1/knowledge_bases/{kb}/files/{file}/text").json()["text"]
    quote = cited[0]["quotes"][0]
    assert quote["text"] == text[quote["start"] : quote["end"]]
    assert client.get(cited[0]["url"]).status_code == 200


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Who won the football world cup in 1998?", "knowledge base"),
        ("珠穆朗玛峰有多高？", "知识库"),
    ],
)
def test_a_question_that_is_not_covered_is_refused_in_its_language(
    client: TestClient, kb: str, question: str, word: str
) -> None:
    answer = ask(client, question)
    assert (answer["mode"], answer["grounded"], answer["sources"]) == ("refusal", False, [])
    assert word in answer["answer"]


def test_what_is_only_close_is_called_so(client: TestClient, kb: str) -> None:
    answer = ask(client, "Does the warranty of the pump include a free hotel voucher in Lisbon?")
    assert answer["answer"].startswith("These passages come closest;")
    assert (answer["mode"], answer["grounded"]) == ("extractive", False)
    assert answer["sources"]


def test_sources_come_before_the_first_word_and_the_end_last(client: TestClient, kb: str) -> None:
    body = {"question": "How long is the pump warranty?", "knowledge_base": kb}
    events = read_events(client.post("/api/v1/chat", json=body))
    names = [name for name, _ in events]
    assert names[0] == "sources"
    assert names[-1] == "final"
    assert set(names[1:-1]) == {"delta"}
    text = "".join(data["text"] for name, data in events if name == "delta")
    assert text == events[-1][1]["answer"]


def test_a_stored_answer_can_be_checked_later(client: TestClient, kb: str) -> None:
    answer = ask(client, "How long is the pump warranty?")
    stored = client.get(f"/api/v1/messages/{answer['message_id']}").json()
    assert stored["answer"] == answer["answer"]
    assert stored["sources"] == answer["sources"]
    assert stored["trace"]["query"] == "How long is the pump warranty?"
    assert stored["trace"]["candidates"]


def test_an_unknown_message_is_not_found(client: TestClient) -> None:
    assert client.get("/api/v1/messages/nope").status_code == 404


def test_the_trace_is_returned_on_request_only(client: TestClient, kb: str) -> None:
    assert ask(client, "pump warranty")["trace"] is None
    trace = ask(client, "pump warranty", return_trace=True)["trace"]
    assert {"lexical", "dense"} <= set(trace["candidates"][0])


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve(Endpoint()) as running:
        yield running


@pytest.fixture
def llm_client(tmp_path: Path, endpoint: Endpoint) -> Iterator[TestClient]:
    """Return a client of a service with a language model and a small knowledge base."""
    settings = make_settings(
        tmp_path, llm={"base_url": endpoint.url, "api_key": "k", "context_tokens": 1024}
    )
    with open_client(settings) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "pump.md", PUMP_EN.encode())
        upload(client, "员工手册.md", LEAVE_ZH.encode())
        yield client


def test_a_language_model_answers_from_numbered_passages(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    answer = ask(llm_client, "How long is the pump warranty?")
    assert (answer["mode"], answer["answer"]) == ("llm", "The answer is 42 [1].")
    (request,) = endpoint.requests
    assert request["model"] == "tiny-model"
    assert request["auth"] == "Bearer k"
    prompt = request["messages"][-1]["content"]
    assert "[1]" in prompt
    assert "24 months" in prompt
    assert prompt.endswith("How long is the pump warranty?")
    stored = llm_client.get(f"/api/v1/messages/{answer['message_id']}").json()
    assert stored["trace"]["prompt"] == prompt


def test_citations_of_the_model_are_checked(llm_client: TestClient, endpoint: Endpoint) -> None:
    endpoint.pieces = ["It is so [1], see also [9]."]
    answer = ask(llm_client, "How long is the pump warranty?")
    assert not answer["grounded"]
    assert "9" in answer["notice"]
    assert [found["kind"] for found in answer["findings"]] == ["unknown_number"]
    endpoint.pieces = ["I have no idea. "]
    answer = ask(llm_client, "How long is the pump warranty?")
    assert answer["answer"] == "I have no idea."
    assert not answer["grounded"]
    assert "no source" in answer["notice"]
    endpoint.pieces = ["The warranty of the pump is 24 months [1]."]
    answer = ask(llm_client, "How long is the pump warranty?")
    assert (answer["grounded"], answer["notice"], answer["findings"]) == (True, None, [])
    assert answer["cited_share"] == 1


def test_what_the_sources_do_not_hold_is_told_and_stored(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    endpoint.pieces = ["员工每年有三十六天年假 [1]。这是很好的福利。"]
    body = {"question": "员工满一年后有几天年假？", "knowledge_base": "kb"}
    final = read_events(llm_client.post("/api/v1/chat", json=body))[-1][1]
    assert not final["grounded"]
    assert final["notice"] == "出处中没有这些数字：三十六。未标注出处的句子：1 句。"
    figure, uncited = final["findings"]
    assert (figure["kind"], figure["text"]) == ("figure_not_found", "三十六")
    assert figure["citations"] == [1]
    assert final["answer"][figure["start"] : figure["end"]] == "员工每年有三十六天年假 [1]。"
    assert (uncited["kind"], uncited["text"]) == ("uncited", "这是很好的福利。")
    assert final["cited_share"] == 0.5
    stored = llm_client.get(f"/api/v1/messages/{final['message_id']}").json()
    assert stored["findings"] == final["findings"]
    assert stored["cited_share"] == 0.5


def test_an_answer_of_before_has_no_findings(client: TestClient, kb: str) -> None:
    answer = ask(client, "How long is the pump warranty?")
    with client.app.state.container.database.write("test") as session:
        row = session.get(MessageRow, answer["message_id"])
        row.trace = {
            name: value
            for name, value in row.trace.items()
            if name not in ("findings", "cited_share")
        }
    stored = client.get(f"/api/v1/messages/{answer['message_id']}").json()
    assert (stored["findings"], stored["cited_share"]) == ([], None)


def test_brackets_of_code_are_quoted_as_they_are(client: TestClient) -> None:
    client.post("/api/v1/knowledge_bases", json={"name": "code"})
    tool = b"import sys\n\n\ndef greeting():\n    greeted_name = sys.argv[1]\n    return 0\n"
    upload(client, "tool.py", tool, kb="code")
    answer = ask(client, "What is the greeted_name?", knowledge_base="code")["answer"]
    client.delete("/api/v1/knowledge_bases/code")
    assert "`greeted_name = sys.argv[1]` [1]" in answer


def test_the_text_of_the_user_answers_what_is_not_covered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prompts = tmp_path / "prompts.yaml"
    prompts.write_text(
        "on_empty:\n  en: '{{ knowledge_base }}: {{ question }} {{ other }}'\n"
        "  zh: '请致电：{{ question }}'\n",
        "utf-8",
    )
    settings = make_settings(
        tmp_path, chat={"on_empty": "template"}, paths={"prompts": str(prompts)}
    )
    with open_client(settings) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "pump.md", PUMP_EN.encode())
        answer = ask(client, "Who won the {{ knowledge_base }} cup?")
        assert (answer["mode"], answer["grounded"]) == ("refusal", False)
        assert answer["answer"] == "kb: Who won the {{ knowledge_base }} cup? {{ other }}"
        assert ask(client, "珠穆朗玛峰有多高？")["answer"] == "请致电：珠穆朗玛峰有多高？"
        assert "24 months" in ask(client, "How long is the pump warranty?")["answer"]
        prompts.write_text("on_empty: {en: Ask Ann.}", "utf-8")
        assert ask(client, "Who won the football world cup?")["answer"] == "Ask Ann."
        assert ask(client, "珠穆朗玛峰有多高？")["answer"] == refuse("zh")
        prompts.write_text("llm_chat: {default: '{{ input }}'}", "utf-8")
        with caplog.at_level(logging.WARNING, "server.chat.service"):
            assert ask(client, "Who won the football world cup?")["answer"] == refuse("en")
    assert "'on_empty'" in caplog.text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_text_that_comes_with_the_product_names_the_question(
    tmp_path: Path, language: str
) -> None:
    book = PromptBook(make_settings(tmp_path).paths.prompts)
    values = {"question": "How?", "knowledge_base": "kb"}
    text = book.render("on_empty", language, values)
    assert "How?" in text
    assert "{{" not in text


def test_an_answer_that_cannot_be_stored_is_given_all_the_same(
    client: TestClient, kb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "QUEUE_TIMEOUT_S", 0.1)
    with client.app.state.container.database.write("test"):
        answer = ask(client, "How long is the pump warranty?")
    assert "24 months" in answer["answer"]
    assert "busy" in answer["notice"]
    assert client.get(f"/api/v1/messages/{answer['message_id']}").status_code == 404


def test_history_comes_before_the_question(llm_client: TestClient, endpoint: Endpoint) -> None:
    history = [
        {"role": "user", "content": "Which pump is it?"},
        {"role": "assistant", "content": "The P-200."},
    ]
    ask(llm_client, "How long is the pump warranty?", history=history)
    roles = [message["role"] for message in endpoint.requests[0]["messages"]]
    assert roles == ["user", "assistant", "user"]


def test_the_prompt_stays_inside_the_context_window(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    history = [{"role": "user", "content": "long " * 2000}, {"role": "user", "content": "short"}]
    ask(llm_client, "How long is the pump warranty?", history=history)
    messages = endpoint.requests[0]["messages"]
    assert [message["content"] for message in messages[:-1]] == ["short"]


@pytest.mark.parametrize("text", ["{0} {braces}", "{{ context }}", "{% raw %}{{7*7}}{% endraw %}"])
def test_braces_in_a_question_reach_the_model_as_they_are(
    llm_client: TestClient, endpoint: Endpoint, text: str
) -> None:
    question = f"How many months is the warranty of the pump from delivery {text}?"
    ask(llm_client, question)
    assert question in endpoint.requests[0]["messages"][-1]["content"]


@pytest.mark.parametrize(("status", "words"), [(500, "out of memory"), (401, "HTTP 401")])
def test_a_failing_model_is_replaced_by_labelled_quotations(
    llm_client: TestClient, endpoint: Endpoint, status: int, words: str
) -> None:
    endpoint.status = status
    answer = ask(llm_client, "How long is the pump warranty?")
    assert answer["mode"] == "extractive"
    assert "24 months" in answer["answer"]
    assert words in answer["notice"]


def test_an_unreachable_model_is_replaced_by_labelled_quotations(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, llm={"base_url": "http://127.0.0.1:9/v1", "model": "m"})
    with open_client(settings) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "pump.md", PUMP_EN.encode())
        answer = ask(client, "How long is the pump warranty?")
    assert answer["mode"] == "extractive"
    assert "cannot be reached" in answer["notice"]


def test_a_model_that_breaks_off_ends_the_stream_with_an_error(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    endpoint.breaks_after = 1
    body = {"question": "How long is the pump warranty?", "knowledge_base": "kb"}
    events = read_events(llm_client.post("/api/v1/chat", json=body))
    assert [name for name, _ in events] == ["sources", "delta", "error"]
    assert events[-1][1]["error"]["code"] == "language_model_failed"


def test_a_model_that_breaks_off_is_an_error_without_a_stream_too(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    endpoint.breaks_after = 1
    body = {"question": "How long is the pump warranty?", "knowledge_base": "kb", "stream": False}
    answer = llm_client.post("/api/v1/chat", json=body)
    assert answer.status_code == 502


def test_an_empty_answer_of_the_model_is_replaced(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    endpoint.pieces = []
    answer = ask(llm_client, "How long is the pump warranty?")
    assert answer["mode"] == "extractive"
    assert "24 months" in answer["answer"]
    assert answer["notice"]


def test_garbage_of_the_model_is_replaced(llm_client: TestClient, endpoint: Endpoint) -> None:
    endpoint.pieces, endpoint.raw_lines = [], ["data: <html>"]
    assert ask(llm_client, "How long is the pump warranty?")["mode"] == "extractive"


def test_a_question_that_is_not_covered_does_not_reach_the_model(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    assert ask(llm_client, "Who won the football world cup?")["mode"] == "refusal"
    assert endpoint.requests == []


def test_an_unknown_prompt_is_refused_before_the_model_is_asked(
    llm_client: TestClient, endpoint: Endpoint
) -> None:
    body = {"question": "pump", "knowledge_base": "kb", "prompt_name": "../../x"}
    answer = llm_client.post("/api/v1/chat", json=body)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_prompt"
    assert endpoint.requests == []
