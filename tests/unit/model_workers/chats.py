"""Chats that the tests ask of an endpoint, and how they read its answers."""

import json
from typing import Any

import httpx

from server.errors import ModelBusy, ModelFailed

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}
BUSY = ModelBusy(waiting=1, model="tiny")
BURNT = ModelFailed(model="tiny", reason_en="burnt", reason_zh="烧毁")

ALIVE = ": waiting"
PAUSE_S = 0.2  # after which the endpoint says that it is still there


def post(url: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{url}/chat/completions", json=body, headers=headers, trust_env=False, timeout=30
    )


def events(answer: httpx.Response) -> list[Any]:
    blocks = [block for block in answer.text.split("\n\n") if block not in ("", ALIVE)]
    lines = [block.removeprefix("data: ") for block in blocks]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]
