"""A language model behind an OpenAI-style engine: vLLM, llama-server, Ollama, an online provider.

Knows neither FastChat nor how the engine computes.
"""

import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx

from configs.settings import ModelSettings
from server.errors import InvalidRequest, ModelFailed
from server.model_workers.engine_process import EngineProcess
from server.model_workers.generator import FinishReason, Generation, Generator, Piece
from server.model_workers.work_meter import WorkMeter
from server.network import is_loopback

logger = logging.getLogger(__name__)

PARALLEL = 64  # an engine batches; what is too much for it waits there
CONNECT_S = 10.0
SILENCE_S = 300.0
POLL_S = 0.5
PATIENCE_S = 120.0  # without any work of an engine of ours
PROXY_PATIENCE_S = 30.0  # for an engine that somebody else runs
CONTEXT_TOKENS = 4096  # where neither settings nor engine tell
BYTES_PER_TOKEN = 3
DONE: dict[str, Any] = {}


class EngineGenerator(Generator):
    """Passes generations on to an engine, which it starts if there is a command."""

    def __init__(self, name: str, settings: ModelSettings) -> None:
        self.name = name
        self.settings = settings
        self.base_url = settings.base_url.rstrip("/")
        self.model = settings.engine_model
        self.context = settings.context_tokens
        self.process: EngineProcess | None = None
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        is_local = is_loopback(urlsplit(self.base_url).hostname or "")
        self.options: dict[str, Any] = {
            "headers": headers,
            "timeout": httpx.Timeout(SILENCE_S, connect=CONNECT_S),
            "trust_env": not is_local,  # a proxy for the internet does not know this machine
        }
        self.http = httpx.AsyncClient(**self.options, limits=httpx.Limits(max_connections=None))

    @property
    def parallel(self) -> int:
        """How many generations may run at once."""
        return PARALLEL

    @property
    def context_tokens(self) -> int:
        """The context window of the settings, else the one that the engine tells."""
        return self.context or CONTEXT_TOKENS

    def load(self) -> None:
        """Start the engine if it is ours, wait until it answers, and choose its model.

        Raises:
            ModelFailed: it ended, does not answer or refuses our key.
        """
        if self.settings.command:
            self.process = self._start()
        cards = self._wait()
        if self.process is not None:
            self.process.keep()
        self.model = self.model or self._choose(cards)
        chosen = next((card for card in cards if card.get("id") == self.model), {})
        self.context = self.context or int(chosen.get("max_model_len") or 0)  # vLLM and SGLang
        logger.info("the engine at %s serves %s", self.base_url, self.model)

    def _choose(self, cards: list[dict[str, Any]]) -> str:
        """Return the engine's only model; of several, the one that we gave it."""
        if cards and (len(cards) == 1 or not self.settings.path):
            return str(cards[0].get("id"))
        return self.settings.path or self.name

    def count(self, generation: Generation) -> int:
        """Return an estimate: engines do not agree on a way to ask them."""
        texts = [generation.prompt or "", *(turn["content"] for turn in generation.messages)]
        return sum(-(-len(text.encode()) // BYTES_PER_TOKEN) for text in texts)

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece]:
        """Yield the engine's pieces; its counts come with the last, until then they are ours.

        Raises:
            ModelFailed: the engine fails or breaks off.
            InvalidRequest: the engine refuses the request.
        """
        prompt_tokens, pieces = self.count(generation), 0
        finish: FinishReason | None = None
        usage: dict[str, Any] = {}
        try:
            async with aclosing(self._events(generation)) as events:
                async for event in events:
                    usage = event.get("usage") or usage
                    if event is DONE:
                        finish = finish or "stop"
                    for choice in event.get("choices") or []:
                        finish = read_finish(choice) or finish
                        if text := read_text(choice):
                            pieces += 1
                            yield Piece(text, prompt_tokens, pieces)
        except httpx.HTTPError as error:
            raise self._failure(*self._describe(error)) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._failure("it sent what is not an answer", "返回了无法识别的内容") from error
        if finish is None:
            raise self._failure("it broke off", "中途断开")
        yield Piece(
            "",
            int(usage.get("prompt_tokens") or prompt_tokens),
            int(usage.get("completion_tokens") or pieces),
            finish,
        )

    def close(self) -> None:
        """End the engine if it is ours."""
        if self.process is not None:
            self.process.stop()

    def _start(self) -> EngineProcess:
        """Start the engine's command.

        Raises:
            ModelFailed: another program answers at its address.
        """
        parts = urlsplit(self.base_url)
        try:
            httpx.get(self.base_url, **self.options)
        except httpx.HTTPError:
            pass  # as it should be
        else:
            raise self._failure(
                "another program already answers there; change the port in base_url",
                "该地址已有其他程序在响应，请更换 base_url 中的端口",
            )
        places = {
            "path": self.settings.path,
            "host": parts.hostname or "",
            "port": str(parts.port or (443 if parts.scheme == "https" else 80)),
        }
        process = EngineProcess([fill(part, places) for part in self.settings.command])
        process.start()
        return process

    def _wait(self) -> list[dict[str, Any]]:
        """Return the models that the engine lists, once it answers.

        Raises:
            ModelFailed: it ended, or does nothing any more, or refuses our key.
        """
        patience_s = PATIENCE_S if self.process else PROXY_PATIENCE_S
        meter, worked_at = WorkMeter(), time.monotonic()
        with httpx.Client(**self.options) as http:
            while time.monotonic() - worked_at < patience_s:
                if (cards := self._list(http)) is not None:
                    return cards
                if self.process is not None:
                    self._check_alive(self.process)
                    if meter.has_advanced():
                        worked_at = time.monotonic()
                time.sleep(POLL_S)
        raise self._failure(
            f"it does not answer, and did nothing for {patience_s:.0f} s",
            f"没有响应，{patience_s:.0f} 秒内没有任何动静",
        )

    def _list(self, http: httpx.Client) -> list[dict[str, Any]] | None:
        """Return the models that the engine lists, [] if it has no list, None if it is not up.

        Raises:
            ModelFailed: it refuses our key.
        """
        try:
            answer = http.get(f"{self.base_url}/models")
        except httpx.HTTPError:
            return None
        if answer.status_code in (401, 403):
            raise self._failure("it refuses the api_key of the model", "拒绝了该模型的 api_key")
        if answer.status_code >= 500:  # llama-server while it loads, or a list that is broken
            return [] if self._is_healthy(http) else None
        try:
            cards = answer.json().get("data") or []
        except (ValueError, AttributeError):
            return []
        return [card for card in cards if isinstance(card, dict)]

    def _is_healthy(self, http: httpx.Client) -> bool:
        """Return whether the engine's probe says that it can be used."""
        try:
            return http.get(f"{self.base_url.removesuffix('/v1')}/health").is_success
        except httpx.HTTPError:
            return False

    def _check_alive(self, process: EngineProcess) -> None:
        code = process.exit_code()
        if code is not None:
            raise self._failure(
                f"the command {self.settings.command[0]!r} ended with {code}; "
                "the log of the worker has its output",
                f"命令 {self.settings.command[0]!r} 已退出（{code}），输出见工作进程日志",
            )

    async def _events(self, generation: Generation) -> AsyncGenerator[dict[str, Any]]:
        """Yield the events of an answer.

        Raises:
            ModelFailed, InvalidRequest: the engine answers an error.
        """
        path, body = self._request(generation)
        async with self.http.stream("POST", f"{self.base_url}/{path}", json=body) as answer:
            if answer.is_error:
                await answer.aread()
                raise self._refusal(answer)
            async for line in answer.aiter_lines():
                if not line.startswith("data:"):
                    continue
                data = line[5:].strip()
                if data == "[DONE]":
                    yield DONE
                    return
                event: dict[str, Any] = json.loads(data)
                if error := event.get("error"):
                    raise self._failure(*[message_of(error)] * 2)
                yield event

    def _request(self, generation: Generation) -> tuple[str, dict[str, Any]]:
        """Return path and body of the request to the engine."""
        options = {
            "max_tokens": generation.max_tokens,
            "stop": list(generation.stop),
            "seed": generation.seed,
            "chat_template_kwargs": dict(generation.template_values),
        }
        body = {
            "model": self.model,
            "temperature": generation.temperature,
            "top_p": generation.top_p,
            "stream": True,
            "stream_options": {"include_usage": True},
            # Not every engine knows every field: what says nothing stays away.
            **{name: value for name, value in options.items() if value not in (None, [], {})},
        }
        if generation.prompt is None:
            messages = [dict(turn) for turn in generation.messages]
            return "chat/completions", {**body, "messages": messages}
        return "completions", {**body, "prompt": generation.prompt}

    def _refusal(self, answer: httpx.Response) -> ModelFailed | InvalidRequest:
        """Return an error answer of the engine as an error of ours."""
        try:
            told = answer.json()
            text = message_of(told.get("error", told) if isinstance(told, dict) else told)
        except ValueError:
            text = answer.text[:500]
        if answer.status_code in (400, 413, 422):
            return InvalidRequest(problem_en=text, problem_zh=text)
        reason = f"HTTP {answer.status_code}: {text}"
        return self._failure(reason, reason)

    def _describe(self, error: httpx.HTTPError) -> tuple[str, str]:
        """Return what went wrong with the connection, in English and in Chinese."""
        if self.process is not None and self.process.exit_code() is not None:
            return "the engine ended and is started again", "引擎已退出，正在重新启动"
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            return "it cannot be reached", "无法连接"
        if isinstance(error, httpx.TimeoutException):
            return f"it sent nothing for {SILENCE_S:.0f} s", f"{SILENCE_S:.0f} 秒内没有任何响应"
        name = type(error).__name__
        return f"the connection broke ({name})", f"连接中断（{name}）"

    def _failure(self, reason_en: str, reason_zh: str) -> ModelFailed:
        where = self.base_url
        return ModelFailed(
            model=self.name,
            reason_en=f"its engine at {where}: {reason_en}",
            reason_zh=f"其引擎 {where}：{reason_zh}",
        )


def fill(part: str, places: dict[str, str]) -> str:
    """Return a part of a command with the names in braces replaced, other braces left alone."""
    for name, value in places.items():
        part = part.replace(f"{{{name}}}", value)
    return part


def read_text(choice: dict[str, Any]) -> str:
    """Return the new text of a choice, of a chat or a completion."""
    return str(choice.get("text") or (choice.get("delta") or {}).get("content") or "")


def read_finish(choice: dict[str, Any]) -> FinishReason | None:
    """Return why the text ended, None if it has not."""
    reason = choice.get("finish_reason")
    return None if reason is None else "length" if reason == "length" else "stop"


def message_of(error: object) -> str:
    """Return the message of an error in OpenAI's or another shape."""
    text = error.get("message", error) if isinstance(error, dict) else error
    return str(text).strip()[:500]
