"""A language model behind an OpenAI-style engine: vLLM, llama-server, Ollama, an online provider.

Knows neither FastChat nor how the engine computes.
"""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx

from configs.model_settings import ModelSettings
from server.errors import InvalidRequest, ModelFailed
from server.model_workers.engine_probe import Card, EngineProbe, KeyRefused
from server.model_workers.engine_process import EngineProcess
from server.model_workers.engine_request import (
    estimate_tokens,
    message_of,
    read_finish,
    read_text,
    write_request,
)
from server.model_workers.generator import FinishReason, Generation, Generator, Piece, Trouble
from server.model_workers.troubles import describe
from server.network import is_loopback

logger = logging.getLogger(__name__)

PARALLEL = 64  # an engine batches; what is too much for it waits there
CONNECT_S = 10.0
SILENCE_S = 300.0
POLL_S = 0.5
WATCH_EVERY_S = 10.0
PATIENCE_S = 120.0  # without any work of an engine of ours
DONE: dict[str, Any] = {}
REFUSED = "it refuses the api_key of the model", "拒绝了该模型的 api_key"
ENDED = "the engine ended and is started again", "引擎已退出，正在重新启动"
UNANSWERED = "it does not answer", "没有响应"
AWAITED = "waiting for it to answer", "正在等待其响应"
BROKEN_OFF = "it broke off", "中途断开"
TAKEN = (
    "another program already answers there; change the port in base_url",
    "该地址已有其他程序在响应，请更换 base_url 中的端口",
)


class EngineGenerator(Generator):
    """Passes generations on to an engine, which it starts if there is a command."""

    def __init__(
        self, name: str, settings: ModelSettings, *, watch_every_s: float = WATCH_EVERY_S
    ) -> None:
        self.name = name
        self.settings = settings
        self.watch_every_s = watch_every_s
        self.base_url = settings.base_url.rstrip("/")
        self.model = settings.engine_model
        self.process: EngineProcess | None = None
        self.is_closed = threading.Event()
        is_local = is_loopback(urlsplit(self.base_url).hostname or "")
        options: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {},
            "trust_env": not is_local,  # a proxy for the internet does not know this machine
        }
        self.probe = EngineProbe(self.base_url, options)
        self.http = httpx.AsyncClient(
            **options,
            timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=None),
        )

    @property
    def parallel(self) -> int:
        """How many generations may run at once."""
        return PARALLEL

    def load(self) -> None:
        """Start the engine if it is ours, wait until it answers, and choose its model.

        Raises:
            ModelFailed: it ended, does nothing any more, or refuses our key.
        """
        if self.settings.command:
            self.process = self._start()
        cards = self._wait()
        self.trouble = None
        if self.process is not None:
            self.process.keep()
        self.model = self.model or self._choose(cards)
        threading.Thread(target=self._watch, name="engine-watch", daemon=True).start()
        logger.info("the engine at %s serves %s", self.base_url, self.model)

    def _choose(self, cards: list[Card]) -> str:
        """Return the engine's only model; of several, the one that the settings name."""
        return str(cards[0]["id"]) if len(cards) == 1 else self.settings.path or self.name

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece]:
        """Yield the engine's pieces; its counts come with the last, until then they are ours.

        Raises:
            ModelFailed: the engine fails or breaks off.
            InvalidRequest: the engine refuses the request.
        """
        prompt_tokens, pieces = estimate_tokens(generation), 0
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
                        if (text := read_text(choice)) is not None:
                            pieces += 1
                            yield Piece(text, prompt_tokens, pieces)
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._failure(self._describe(error)) from error
        if finish is None:
            raise self._failure(BROKEN_OFF)
        yield Piece(
            "",
            int(usage.get("prompt_tokens") or prompt_tokens),
            int(usage.get("completion_tokens") or pieces),
            finish,
        )

    async def close(self) -> None:
        """End the engine if it is ours, and the connections to it."""
        self.is_closed.set()
        if self.process is not None:
            await asyncio.to_thread(self.process.stop)
        await self.http.aclose()

    def _start(self) -> EngineProcess:
        """Start the engine's command.

        Raises:
            ModelFailed: another program listens at its address.
        """
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((host, port), CONNECT_S).close()
        except OSError:
            pass  # as it should be
        else:
            raise self._failure(TAKEN)
        places = {"path": self.settings.path, "host": host, "port": str(port)}
        process = EngineProcess([fill(part, places) for part in self.settings.command])
        process.start()
        return process

    def _wait(self) -> list[Card]:
        """Return the models that the engine lists, once it answers; [] if we are to end.

        One that somebody else runs may come at any time.

        Raises:
            ModelFailed: ours ended or does nothing any more, or any refuses our key.
        """
        while (cards := self._list_models()) is None:
            if self.process is None:
                self.trouble = self._place(AWAITED)
            else:
                self._check_alive(self.process)
            if self.is_closed.wait(POLL_S):
                return []
        return cards

    def _list_models(self) -> list[Card] | None:
        """Return the models that the engine lists, None if it is not up.

        Raises:
            ModelFailed: it refuses our key.
        """
        try:
            return self.probe.list_models()
        except KeyRefused as error:
            raise self._failure(REFUSED) from error

    def _watch(self) -> None:
        """Keep ``trouble`` true until the end."""
        while not self.is_closed.wait(self.watch_every_s):
            found = self._find_trouble()
            self.trouble = found and self._place(found)

    def _find_trouble(self) -> Trouble | None:
        if self.process is not None and self.process.exit_code() is not None:
            return ENDED
        try:
            return UNANSWERED if self.probe.list_models() is None else None
        except KeyRefused:
            return REFUSED

    def _check_alive(self, process: EngineProcess) -> None:
        """Do nothing while the engine gets on.

        Raises:
            ModelFailed: it ended, or does nothing any more.
        """
        code = process.exit_code()
        if code is not None:
            en = (
                f"the command {self.settings.command[0]!r} ended with {code}; "
                "the log of the worker has its output"
            )
            zh = f"命令 {self.settings.command[0]!r} 已退出（{code}），输出见工作进程日志"
            raise self._failure((en, zh))
        if process.idle_s() > PATIENCE_S:
            en = f"it does not answer, and did nothing for {PATIENCE_S:.0f} s"
            raise self._failure((en, f"没有响应，{PATIENCE_S:.0f} 秒内没有任何动静"))

    async def _events(self, generation: Generation) -> AsyncGenerator[dict[str, Any]]:
        """Yield the events of an answer.

        Raises:
            ModelFailed, InvalidRequest: the engine answers an error.
        """
        path, body = write_request(self.model, generation)
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
                    raise self._failure((message_of(error),) * 2)
                yield event

    def _refusal(self, answer: httpx.Response) -> ModelFailed | InvalidRequest:
        """Return an error answer of the engine as an error of ours."""
        try:
            told = answer.json()
            text = message_of(told.get("error", told) if isinstance(told, dict) else told)
        except ValueError:
            text = answer.text[:500]
        if answer.status_code in (400, 413, 422):
            return InvalidRequest(problem_en=text, problem_zh=text)
        return self._failure((f"HTTP {answer.status_code}: {text}",) * 2)

    def _describe(self, error: Exception) -> Trouble:
        """Return what went wrong with a request."""
        if self.process is not None and self.process.exit_code() is not None:
            return ENDED
        return describe(error)

    def _failure(self, reason: Trouble) -> ModelFailed:
        en, zh = self._place(reason)
        return ModelFailed(model=self.name, reason_en=en, reason_zh=zh)

    def _place(self, reason: Trouble) -> Trouble:
        """Return what is wrong with the engine, with where it is."""
        return f"its engine at {self.base_url}: {reason[0]}", f"其引擎 {self.base_url}：{reason[1]}"


def fill(part: str, places: dict[str, str]) -> str:
    """Return a part of a command with the names in braces replaced, other braces left alone."""
    for name, value in places.items():
        part = part.replace(f"{{{name}}}", value)
    return part
