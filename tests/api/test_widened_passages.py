"""What a language model is shown around the chunks that were found."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.chat import service
from server.chat.claims import Check, check_answer
from tests.api.conftest import upload
from tests.api.endpoint import Endpoint, serve
from tests.api.events import read_events
from tests.conftest import make_settings, open_client, wait_until_ready

PUMP = (
    "# Pump\n\nBefore any work the pump is cut off from the mains.\n\n"
    "The warranty of the pump is 24 months from delivery.\n\n"
    "Whoever opens the sealed housing loses it at once, and pays 75 dollars for the check.\n"
)
LEAVE = (
    "# 年假\n\n本规定适用于全体正式员工，试用期人员除外。\n\n"
    "员工入职满一年后，每年享有十天带薪年假。\n\n未休完的年假可以顺延到次年三月，逾期作废，不折算工资。\n"
)

Open = Callable[..., TestClient]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve(Endpoint()) as running:
        yield running


@pytest.fixture
def open_service(tmp_path: Path, endpoint: Endpoint) -> Iterator[Open]:
    """Return what opens a service with a language model and two files in small chunks."""
    opened: list[TestClient] = []

    def start(*, context_tokens: int = 4096, **retrieval: Any) -> TestClient:
        settings = make_settings(
            tmp_path,
            llm={"base_url": endpoint.url, "context_tokens": context_tokens},
            retrieval={"top_k": 1, **retrieval},
        )
        client = open_client(settings)
        client.__enter__()
        opened.append(client)
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "pump.md", PUMP.encode(), chunk_size="80", chunk_overlap="0")
        upload(client, "年假.md", LEAVE.encode(), chunk_size="30", chunk_overlap="0")
        return client

    yield start
    for client in opened:
        client.__exit__(None, None, None)


def ask(client: TestClient, question: str) -> dict[str, Any]:
    body = {"question": question, "knowledge_base": "kb", "stream": False, "return_trace": True}
    answer = client.post("/api/v1/chat", json=body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


@pytest.mark.parametrize(
    ("question", "file", "chunk", "around"),
    [
        (
            "How long is the warranty of the pump?",
            "pump.md",
            "The warranty of the pump is 24 months from delivery.",
            ["cut off from the mains.\n\nThe warranty", "75 dollars for the check."],
        ),
        (
            "员工满一年后有几天年假？",
            "年假.md",
            "员工入职满一年后，每年享有十天带薪年假。",
            ["试用期人员除外。\n\n员工入职", "不折算工资。"],
        ),
    ],
)
def test_the_model_reads_on_but_the_source_stays_the_chunk(
    open_service: Open,
    endpoint: Endpoint,
    question: str,
    file: str,
    chunk: str,
    around: list[str],
) -> None:
    client = open_service()
    answer = ask(client, question)
    prompt = endpoint.requests[-1]["messages"][-1]["content"]
    (source,) = answer["sources"]
    assert (source["file_name"], source["text"]) == (file, chunk)
    assert all(words in prompt for words in around)
    text = client.get(f"/api/v1/knowledge_bases/kb/files/{file}/text").json()["text"]
    (widened,) = answer["trace"]["widened"]
    assert widened["number"] == 1
    assert widened["start"] < source["start"] < source["end"] < widened["end"]
    assert text[widened["start"] : widened["end"]] in prompt
    stored = client.get(f"/api/v1/messages/{answer['message_id']}").json()
    assert stored["trace"]["widened"] == answer["trace"]["widened"]


def test_what_the_model_read_around_a_chunk_is_not_held_against_it(
    open_service: Open, endpoint: Endpoint
) -> None:
    endpoint.pieces = [
        "Opening it costs 75 dollars [1]. “The sealed housing loses it at once” [1]."
    ]
    answer = ask(open_service(), "How long is the warranty of the pump?")
    assert (answer["findings"], answer["grounded"]) == ([], True)


def test_the_setting_0_leaves_the_chunks_as_they_are(
    open_service: Open, endpoint: Endpoint
) -> None:
    endpoint.pieces = ["Opening it costs 75 dollars [1]."]
    answer = ask(open_service(context_chars=0), "How long is the warranty of the pump?")
    assert "mains" not in endpoint.requests[-1]["messages"][-1]["content"]
    assert answer["trace"]["widened"] == []
    assert [found["text"] for found in answer["findings"]] == ["75"]


def test_close_hits_share_what_stands_between_them(open_service: Open, endpoint: Endpoint) -> None:
    answer = ask(open_service(top_k=3), "Is the warranty of the pump lost by opening its housing?")
    prompt = endpoint.requests[-1]["messages"][-1]["content"]
    assert len(answer["sources"]) > 1
    for words in ("cut off from the mains", "24 months from delivery", "75 dollars"):
        assert prompt.count(words) == 1


def test_a_small_window_has_room_for_the_chunk_only(open_service: Open, endpoint: Endpoint) -> None:
    question = "How long is the warranty of the pump? " + "Please tell me about it. " * 15
    answer = ask(open_service(context_tokens=512), question)
    prompt = endpoint.requests[-1]["messages"][-1]["content"]
    assert "24 months" in prompt
    assert "mains" not in prompt
    assert answer["trace"]["widened"] == []


def test_an_answer_without_a_model_is_not_widened(open_service: Open, endpoint: Endpoint) -> None:
    endpoint.status = 500
    answer = ask(open_service(), "How long is the warranty of the pump?")
    assert answer["mode"] == "extractive"
    assert "75 dollars" not in answer["answer"]


def test_answers_are_checked_outside_of_the_event_loop(
    open_service: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops = []

    def watch(*args: Any) -> Check:
        """Check as ever, and note whether the check holds up an event loop."""
        loops.append(asyncio._get_running_loop())
        return check_answer(*args)

    monkeypatch.setattr(service, "check_answer", watch)
    client = open_service()
    ask(client, "How long is the warranty of the pump?")
    body = {"question": "How long is the warranty of the pump?", "knowledge_base": "kb"}
    assert read_events(client.post("/api/v1/chat", json=body))[-1][0] == "final"
    assert loops == [None, None]
