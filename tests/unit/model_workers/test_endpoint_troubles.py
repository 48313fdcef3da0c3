"""The endpoint when workers fail, think, pause or vanish, and when clients leave."""

import asyncio
import socket
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from server.errors import PromptTooLong, ZhiwenError
from tests.e2e.processes import free_port, wait_until
from tests.unit.model_workers.chats import ALIVE, BURNT, BUSY, CHAT, PAUSE_S, error_of, events, post
from tests.unit.model_workers.servers import WITHIN_S, Script, Start


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("error", "status"), [(PromptTooLong(tokens=9, limit=5), 400), (BUSY, 429), (BURNT, 503)]
)
def test_an_error_before_the_first_piece_has_its_own_status(
    url: str, start: Start, stream: bool, error: ZhiwenError, status: int
) -> None:
    start(Script(error_after={0: error}))
    assert error_of(post(url, CHAT | {"stream": stream})) == (status, error.code)


@pytest.mark.parametrize("error", [BUSY, BURNT])
def test_another_worker_is_tried_before_the_first_piece(
    url: str, start: Start, error: ZhiwenError
) -> None:
    bad, good = Script(error_after={0: error}), Script()
    start(bad)
    start(good)
    answers = [post(url, CHAT).status_code for _ in range(3)]
    assert answers == [200, 200, 200]


def test_a_prompt_that_is_too_long_is_not_tried_again(url: str, start: Start) -> None:
    scripts = [Script(error_after={0: PromptTooLong(tokens=9, limit=5)}) for _ in range(2)]
    for script in scripts:
        start(script)
    post(url, CHAT)
    assert sum(len(script.generations) for script in scripts) == 1


def test_an_error_in_the_middle_is_the_last_event(url: str, start: Start) -> None:
    start(Script(error_after={2: BURNT}))
    told = events(post(url, CHAT | {"stream": True}))
    assert told[-2]["choices"][0]["delta"]["content"] == ", "
    assert told[-1]["error"]["code"] == "model_failed"


def test_the_official_client_raises_an_error_in_the_middle(
    client: openai.OpenAI, start: Start
) -> None:
    start(Script(error_after={2: BURNT}))
    with pytest.raises(openai.APIError, match="burnt"):
        list(client.chat.completions.create(**CHAT, stream=True))


def test_a_worker_that_is_gone_is_told_once_and_then_not_listed(
    url: str, controller: str, http: httpx.Client
) -> None:
    status = {"model_names": ["tiny"], "speed": 1, "queue_length": 0}
    gone = {"worker_name": f"http://127.0.0.1:{free_port()}", "worker_status": status}
    http.post(f"{controller}/register_worker", json=gone)
    assert error_of(post(url, CHAT)) == (502, "worker_lost")
    assert error_of(post(url, CHAT)) == (404, "model_not_found")


def ask_slow(url: str, script: Script) -> list[str]:
    """Return all lines of an answer whose last word comes after the first comment."""
    lines: list[str] = []
    request = {"url": f"{url}/chat/completions", "json": CHAT | {"stream": True}}
    with (
        httpx.Client(trust_env=False, timeout=WITHIN_S) as http,
        http.stream("POST", **request) as answer,
    ):
        for line in answer.iter_lines():
            lines.append(line)
            if line == ALIVE:
                script.go_on()
    return [line for line in lines if line]


@pytest.mark.parametrize("words", [["late"], ["early", "late"], ["", "late"]])
def test_a_pause_is_filled_with_comments(url: str, start: Start, words: list[str]) -> None:
    script = Script(words=words, pause=asyncio.Event())
    start(script)
    lines = ask_slow(url, script)
    assert ALIVE in lines
    assert "late" in lines[-3]
    assert lines[-1] == "data: [DONE]"


def test_the_official_client_skips_the_comments(client: openai.OpenAI, start: Start) -> None:
    start(Script(words=["early", "late"], pause_s=3 * PAUSE_S))
    chunks = client.chat.completions.create(**CHAT, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "earlylate"


def test_an_error_after_a_comment_is_the_last_event(url: str, start: Start) -> None:
    script = Script(words=["late"], pause=asyncio.Event(), error_after={0: BURNT})
    start(script)
    assert '"model_failed"' in ask_slow(url, script)[-1]


def test_thoughts_are_not_the_first_piece(url: str, start: Start) -> None:
    start(Script(words=["", "", "x"], error_after={2: BURNT}))
    assert error_of(post(url, CHAT | {"stream": True})) == (503, "model_failed")


def test_another_worker_is_tried_after_thoughts(url: str, start: Start) -> None:
    start(Script(words=["", "x"], error_after={1: BURNT}))
    start(Script())
    answers = [post(url, CHAT | {"stream": True}).status_code for _ in range(3)]
    assert answers == [200, 200, 200]


def test_a_client_that_leaves_while_it_sends_is_no_fault_of_ours(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\n"
        connection.sendall(head + b"{")
    assert httpx.get(f"{url}/models", trust_env=False).status_code == 200
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_told_of_a_lost_worker_is_in_one_language(
    url: str, controller: str, http: httpx.Client, language: str
) -> None:
    status = {"model_names": ["tiny"], "speed": 1, "queue_length": 0}
    gone = {"worker_name": f"http://127.0.0.1:{free_port()}", "worker_status": status}
    http.post(f"{controller}/register_worker", json=gone)
    message = post(url, CHAT, **{"accept-language": language}).json()["error"]["message"]
    assert {"en": "it cannot be reached", "zh": "无法连接"}[language] in message


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_its_generation(url: str, start: Start, stream: bool) -> None:
    script = Script(pause=asyncio.Event())
    start(script)

    async def ask_and_leave() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            body = CHAT | {"stream": stream}
            request = asyncio.create_task(http.post(f"{url}/chat/completions", json=body))
            await asyncio.to_thread(wait_until, lambda: script.generations, WITHIN_S, "begun")
            request.cancel()

    asyncio.run(ask_and_leave())
    wait_until(lambda: script.closed == 1, WITHIN_S, "cancelled")
