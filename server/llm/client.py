"""A client for any OpenAI-style endpoint. Knows no prompts and no knowledge bases."""

import hmac
import json
import logging
import math
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from configs.settings import LlmSettings
from server.datatypes import Language
from server.errors import LanguageModelFailed
from server.network import is_loopback

logger = logging.getLogger(__name__)

CONNECT_S = 10
LIST_EVERY_S = 2.0  # how old the list of models may be
LIST_WITHIN_S = 3.0
FAULTS = (httpx.HTTPError, httpx.InvalidURL, UnicodeError)  # the last two: of the address
NONCE, PROOF = "X-Zhiwen-Nonce", "X-Zhiwen-Proof"


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A message to a language model."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is generated; None leaves it to the settings."""

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


class LlmClient:
    """Streams answers from an OpenAI-style endpoint; one for the whole service.

    ``is_expected``: the endpoint is there to serve, so its failure is worth telling. Otherwise it
    counts only from the first time on that it lists a model. ``prove``: returns what an endpoint
    of our own answers to a nonce; whoever else listens on its port gets no passage to read.
    """

    def __init__(
        self,
        settings: LlmSettings,
        *,
        base_url: str,
        api_key: str,
        is_expected: bool,
        prove: Callable[[str], str] | None = None,
    ) -> None:
        self.settings = settings
        self.base_url = base_url.rstrip("/")
        self._is_expected = is_expected
        self._prove = prove
        self._listed: tuple[str, ...] = ()
        self._listed_at = -math.inf
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(settings.timeout_s, connect=CONNECT_S),
            # A proxy for the internet must not be asked for services on this machine.
            trust_env=not is_loopback(urlsplit(self.base_url).hostname or ""),
        )

    async def is_available(self) -> bool:
        """Return whether questions go to a model, or to one that fails and says why."""
        if not self._is_expected:
            self._is_expected = bool(await self.list_models())
        return self._is_expected

    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that serve now, none if the endpoint does not answer."""
        if time.monotonic() - self._listed_at > LIST_EVERY_S:
            try:
                self._listed = await self._fetch_models(timeout_s=LIST_WITHIN_S)
            except LanguageModelFailed as error:
                logger.debug("%s", error)
                self._listed = ()
            self._listed_at = time.monotonic()
        return self._listed

    async def choose_model(self, asked: str | None) -> str:
        """Return the model asked for, else the one of the settings, else the first listed.

        Raises:
            LanguageModelFailed: the endpoint lists no model.
        """
        chosen = asked or self.settings.model
        if chosen and self._prove is None:
            return chosen
        names = await self._fetch_models(timeout_s=self.settings.timeout_s)
        if chosen or names:
            return chosen or names[0]
        raise self._failure("no model is running there (yet)", "尚无模型在运行")

    async def stream(
        self,
        model: str,
        messages: Sequence[ChatTurn],
        sampling: Sampling,
        *,
        language: Language = "en",
    ) -> AsyncGenerator[str]:
        """Yield the pieces of an answer as they come; closing the iterator cancels the request.

        ``language`` is that in which the endpoint is asked to tell its errors.

        Raises:
            LanguageModelFailed: the endpoint cannot be reached, answers an error or nothing, or
                breaks off.
        """
        body = self._body(model, messages, sampling)
        is_empty, is_whole = True, False
        try:
            async with self._http.stream(
                "POST",
                f"{self.base_url}/chat/completions",
                json=body,
                headers={"Accept-Language": language},
            ) as response:
                if response.is_error:
                    await response.aread()
                    raise self._failure(*describe_error(response))
                async for line in response.aiter_lines():
                    if not line.startswith("data:"):
                        continue
                    piece, is_last = self._read(line[5:].strip())
                    is_whole = is_whole or is_last
                    if piece:
                        is_empty = False
                        yield piece
        except FAULTS as error:
            raise self._failure(*describe_fault(error, self.settings.timeout_s)) from error
        if is_empty:
            raise self._failure("it sent an empty answer", "返回了空的回答")
        if not is_whole:  # a killed server may end its stream as if all were well
            raise self._failure("it broke off before the end", "回答未完成便中断")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def _body(self, model: str, messages: Sequence[ChatTurn], sampling: Sampling) -> dict[str, Any]:
        temperature, limit = sampling.temperature, sampling.max_tokens
        return {
            "model": model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in messages],
            "temperature": self.settings.temperature if temperature is None else temperature,
            # 0.2.x clients send 0 or less for "no limit of my own"
            "max_tokens": limit if limit and limit > 0 else self.settings.max_tokens,
            "stream": True,
        }

    async def _fetch_models(self, *, timeout_s: float) -> tuple[str, ...]:
        nonce = secrets.token_hex(16)
        try:
            response = await self._http.get(
                f"{self.base_url}/models", timeout=timeout_s, headers={NONCE: nonce}
            )
            response.raise_for_status()
            self._check_proof(nonce, response.headers.get(PROOF, ""))
            return tuple(str(model["id"]) for model in response.json()["data"])
        except httpx.HTTPStatusError as error:
            raise self._failure(*describe_error(error.response)) from error
        except FAULTS as error:
            raise self._failure(*describe_fault(error, timeout_s)) from error
        except (ValueError, LookupError, TypeError) as error:
            raise self._failure(
                "it lists no model; set llm.model in zhiwen.yaml",
                "未列出任何模型，请在 zhiwen.yaml 中设置 llm.model",
            ) from error

    def _check_proof(self, nonce: str, proof: str) -> None:
        if self._prove and not hmac.compare_digest(self._prove(nonce), proof):
            raise self._failure(
                "another program, or one with another worker secret, answers there",
                "该地址上是其他程序，或其 worker 密钥不一致",
            )

    def _read(self, data: str) -> tuple[str, bool]:
        """Return the text of one event, "" if it has none, and whether the answer ends with it."""
        if data == "[DONE]":
            return "", True
        try:
            event = json.loads(data)
            if "error" in event:
                raise self._failure(*[error_text(event)] * 2)
            choice = (event.get("choices") or [{}])[0]
            text = str((choice.get("delta") or {}).get("content") or "")
            return text, bool(choice.get("finish_reason"))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._failure(
                f"it sent what is not a chat event: {data[:200]!r}",
                f"返回了无法识别的内容：{data[:200]!r}",
            ) from error

    def _failure(self, reason_en: str, reason_zh: str) -> LanguageModelFailed:
        return LanguageModelFailed(base_url=self.base_url, reason_en=reason_en, reason_zh=reason_zh)


def describe_error(response: httpx.Response) -> tuple[str, str]:
    """Return status and message of an error answer, in OpenAI's or another shape, twice."""
    try:
        text = error_text(response.json())
    except ValueError:
        text = response.text
    answer = ": ".join(filter(None, (f"HTTP {response.status_code}", text.strip()[:500])))
    return f"it answered {answer}", f"返回 {answer}"


def error_text(body: Any) -> str:  # any JSON value
    """Return the message of an error in OpenAI's or another shape."""
    message = body.get("error", body) if isinstance(body, dict) else body
    text = message.get("message", message) if isinstance(message, dict) else message
    return str(text).strip().rstrip(".。")  # it becomes part of a sentence


def describe_fault(error: Exception, timeout_s: float) -> tuple[str, str]:
    """Return what went wrong with a connection, in English and in Chinese."""
    if isinstance(error, (httpx.InvalidURL, UnicodeError)):
        return f"the address is wrong: {error}", f"地址有误：{error}"
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return "it cannot be reached", "无法连接"
    if isinstance(error, httpx.TimeoutException):
        return f"it sent nothing for {timeout_s:g} s", f"{timeout_s:g} 秒内没有任何响应"
    return f"the connection broke ({type(error).__name__})", f"连接中断（{type(error).__name__}）"
