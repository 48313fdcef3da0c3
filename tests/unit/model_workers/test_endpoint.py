"""The OpenAI-style endpoint: its shapes, its errors, and what happens when workers vanish."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import openai
import pytest

from configs import Settings
from server.errors import ModelBusy, ModelFailed, PromptTooLong, ZhiwenError
from server.model_workers.endpoint import make_endpoint
from server.model_workers.worker import ModelWorker
from tests.conftest import make_settings
from tests.e2e.processes import free_port, wait_until
from tests.unit.model_workers.servers import (
    SECRET,
    WITHIN_S,
    Script,
    running,
    running_worker,
    wait_ready,
)

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}
BUSY = ModelBusy(waiting=1, model="tiny")
BURNT = ModelFailed(model="tiny", reason_en="burnt", reason_zh="烧毁")

Start = Callable[..., ModelWorker]


@pytest.fixture(scope="module")
def shared_url(chain_settings: Settings, shared_controller: str) -> Iterator[str]:
    """Return the base URL of a running endpoint."""
    port = free_port()
    app = make_endpoint(chain_settings, controller=shared_controller, secret=SECRET)
    with running(app, port):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture
def url(shared_url: str, controller: str) -> str:
    """Return the base URL of a running endpoint without workers."""
    return shared_url


@pytest.fixture
def start(chain_settings: Settings, controller: str) -> Iterator[Start]:
    """Start workers that end with the test."""
    with ExitStack() as stack:

        def begin(script: Script, name: str = "tiny") -> ModelWorker:
            context = running_worker(
                script, chain_settings.workers, controller=controller, name=name
            )
            worker = stack.enter_context(context)
            wait_ready(worker)
            return worker

        yield begin


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    """Return the official client."""
    http = httpx.Client(trust_env=False, timeout=30)
    with openai.OpenAI(base_url=url, api_key="-", max_retries=0, http_client=http) as client:
        yield client


def post(url: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{url}/chat/completions", json=body, headers=headers, trust_env=False, timeout=30
    )


def events(answer: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_list_of_models_may_be_empty(client: openai.OpenAI) -> None:
    assert client.models.list().data == []


def test_it_lists_what_workers_serve(client: openai.OpenAI, start: Start) -> None:
    start(Script(), "b/7B")
    start(Script(), "a")
    assert [model.id for model in client.models.list()] == ["a", "b/7B"]
    assert client.models.retrieve("b/7B").object == "model"


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
