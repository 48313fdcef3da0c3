"""The OpenAI-style endpoint: its shapes, what it takes and what it refuses."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from configs import Settings
from server.model_workers.endpoint import make_endpoint
from server.model_workers.shared_secret import prove
from tests.conftest import make_settings
from tests.e2e.processes import free_port
from tests.unit.model_workers.chats import CHAT, error_of, events, post
from tests.unit.model_workers.servers import (
    SECRET,
    Script,
    Start,
    running,
)


def test_the_list_of_models_may_be_empty(client: openai.OpenAI) -> None:
    assert client.models.list().data == []


def test_it_lists_what_workers_serve(client: openai.OpenAI, start: Start) -> None:
    start(Script(), "b/7B")
    start(Script(), "a")
    assert [model.id for model in client.models.list()] == ["a", "b/7B"]
    assert client.models.retrieve("b/7B").object == "model"


def test_it_proves_that_it_knows_the_secret(url: str) -> None:
    answer = httpx.get(f"{url}/models", headers={"X-Zhiwen-Nonce": "once"}, trust_env=False)
    assert answer.headers["X-Zhiwen-Proof"] == prove(SECRET, "once")


def test_it_proves_nothing_unasked(url: str) -> None:
    assert "X-Zhiwen-Proof" not in httpx.get(f"{url}/models", trust_env=False).headers


def test_a_chat(client: openai.OpenAI, start: Start) -> None:
    start(Script())
    answer = client.chat.completions.create(**CHAT)
    assert answer.choices[0].message.content == "你好, world"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 10


def test_a_streamed_chat(client: openai.OpenAI, start: Start) -> None:
    start(Script())
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(**CHAT, stream=True, stream_options=options))
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert texts == ["", "你好", ", ", "world", None]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_tells_no_usage_unless_asked(url: str, start: Start) -> None:
    start(Script())
    told = events(post(url, CHAT | {"stream": True}))
    assert all("usage" not in event for event in told[:-1])
    assert told[-2]["choices"][0]["finish_reason"] == "stop"
    assert told[-1] == "[DONE]"


def test_a_completion(client: openai.OpenAI, start: Start) -> None:
    script = Script()
    start(script)
    answer = client.completions.create(model="tiny", prompt=["Once"])
    assert answer.choices[0].text == "你好, world"
    assert (script.generations[0].prompt, script.generations[0].max_tokens) == ("Once", 16)


def test_a_streamed_completion(client: openai.OpenAI, start: Start) -> None:
    start(Script())
    chunks = client.completions.create(model="tiny", prompt="Once", stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == "你好, world"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_both_names_of_the_limit_count(url: str, start: Start, name: str) -> None:
    script = Script()
    start(script)
    post(url, CHAT | {name: 5})
    assert script.generations[0].max_tokens == 5


def test_what_is_asked_reaches_the_model(url: str, start: Start) -> None:
    script = Script()
    start(script)
    asked = {
        "messages": [
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "你"}]},
            {"role": "assistant", "content": "I", "tool_calls": None, "refusal": None},
            {"role": "user", "content": "go on"},
        ],
        "temperature": 0,
        "top_p": 0.5,
        "stop": ["###", ""],
        "seed": 7,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    post(url, {"model": "tiny", **asked})
    asked_for = script.generations[0]
    assert [turn["role"] for turn in asked_for.messages] == ["system", "user", "assistant", "user"]
    assert asked_for.messages[1]["content"] == "你"
    assert (asked_for.temperature, asked_for.top_p, asked_for.seed) == (0, 0.5, 7)
    assert asked_for.stop == ("###",)
    assert asked_for.template_values == {"enable_thinking": False}


@pytest.mark.parametrize(
    "extra",
    [
        {"temperature": None, "top_p": None, "stop": None, "seed": None, "max_tokens": None},
        {"user": "me", "metadata": {"a": "b"}, "store": False, "parallel_tool_calls": True},
        {"n": 1, "tools": [], "logprobs": False, "presence_penalty": 0, "logit_bias": {}},
        {"response_format": {"type": "text"}, "tool_choice": "none", "stream_options": None},
    ],
)
def test_what_changes_nothing_is_accepted(url: str, start: Start, extra: dict[str, Any]) -> None:
    start(Script())
    assert post(url, CHAT | extra).status_code == 200


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"model": None}, "model"),
        ({"stop": ["x"] * 17}, "stop"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    url: str, extra: dict[str, Any], param: str
) -> None:
    answer = post(url, CHAT | extra)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["param"].startswith(param)
    assert param.rpartition(".")[2] in error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"model": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_request_is_refused(url: str, body: bytes) -> None:
    answer = httpx.post(f"{url}/chat/completions", content=body, trust_env=False)
    assert error_of(answer) == (400, "invalid_request")


def test_a_huge_body_is_refused(url: str) -> None:
    answer = httpx.post(f"{url}/chat/completions", content=b" " * (5 << 20), trust_env=False)
    assert error_of(answer) == (400, "invalid_request")


def test_errors_come_in_the_language_of_the_request(url: str) -> None:
    answer = post(url, CHAT | {"n": 2}, **{"accept-language": "zh-CN"})
    assert "不支持" in answer.json()["error"]["message"]


def test_an_unknown_model_is_told_with_those_that_serve(url: str, start: Start) -> None:
    start(Script(), "other")
    answer = post(url, CHAT)
    assert error_of(answer) == (404, "model_not_found")
    assert "other" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/chat/completions", 405)])
def test_an_unknown_route_is_told_in_the_same_shape(url: str, path: str, status: int) -> None:
    answer = httpx.get(f"{url}{path}", trust_env=False)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_without_a_controller_it_is_not_ready(chain_settings: Settings) -> None:
    port = free_port()
    app = make_endpoint(chain_settings, controller="http://127.0.0.1:9", secret=SECRET)
    with running(app, port):
        url = f"http://127.0.0.1:{port}"
        state = httpx.get(f"{url}/readyz", trust_env=False)
        assert (state.status_code, state.json()["failed"]) == (503, False)
        assert error_of(post(f"{url}/v1", CHAT)) == (503, "controller_unavailable")


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}])
def test_pages_of_other_sites_are_refused(url: str, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{url}/models", headers=headers, trust_env=False)
    assert error_of(answer) == (403, "forbidden")


@pytest.fixture(scope="module")
def open_url(tmp_path_factory: pytest.TempPathFactory, shared_controller: str) -> Iterator[str]:
    """Return the base URL of an endpoint that others can reach."""
    workers, auth = {"host": "0.0.0.0"}, {"api_key": "a-key-of-the-tests"}
    settings = make_settings(tmp_path_factory.mktemp("open"), workers=workers, auth=auth)
    port = free_port()
    with running(make_endpoint(settings, controller=shared_controller, secret=SECRET), port):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.mark.parametrize("key", ["a-key-of-the-tests", SECRET])
def test_an_open_endpoint_takes_the_key_or_the_secret(open_url: str, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    assert httpx.get(f"{open_url}/models", headers=headers, trust_env=False).status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer wrong", "Bearer", "Basic a-key-of-the-tests"])
def test_an_open_endpoint_refuses_everybody_else(open_url: str, value: str) -> None:
    headers = {"authorization": value}
    answer = httpx.get(f"{open_url}/models", headers=headers, trust_env=False)
    assert error_of(answer) == (401, "unauthorized")


def test_probes_of_an_open_endpoint_need_no_key(open_url: str) -> None:
    url = open_url.removesuffix("/v1")
    assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
