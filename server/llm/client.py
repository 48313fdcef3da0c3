"""A client for any OpenAI-style endpoint. Knows no prompts and no knowledge bases."""

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from configs.settings import LlmSettings
from server.errors import LanguageModelFailed
from server.network import is_loopback

CONNECT_S = 10


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
    """Streams answers from ``llm.base_url``; one for the whole service."""

    def __init__(self, settings: LlmSettings) -> None:
        self.settings = settings
        self.base_url = settings.base_url.rstrip("/")
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(settings.timeout_s, connect=CONNECT_S),
            # A proxy for the internet must not be asked for services on this machine.
            trust_env=not is_loopback(urlsplit(self.base_url).hostname or ""),
        )

    @property
    def is_configured(self) -> bool:
        """Whether the settings name an endpoint."""
        return bool(self.base_url)

    async def stream(self, messages: Sequence[ChatTurn], sampling: Sampling) -> AsyncGenerator[str]:
        """Yield the pieces of an answer as they come; closing the iterator cancels the request.

        Raises:
            LanguageModelFailed: the endpoint cannot be reached, answers an error or nothing, or
                breaks off.
        """
        body = await self._body(messages, sampling)
        is_empty = True
        try:
            async with self._http.stream(
                "POST", f"{self.base_url}/chat/completions", json=body
            ) as response:
                if response.is_error:
                    await response.aread()
                    raise self._failure(*describe_error(response))
                async for line in response.aiter_lines():
                    if line.startswith("data:") and (piece := self._read(line[5:].strip())):
                        is_empty = False
                        yield piece
        except httpx.HTTPError as error:
            raise self._failure(*describe_fault(error, self.settings.timeout_s)) from error
        if is_empty:
            raise self._failure("it sent an empty answer", "返回了空的回答")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _body(self, messages: Sequence[ChatTurn], sampling: Sampling) -> dict[str, Any]:
        temperature, limit = sampling.temperature, sampling.max_tokens
        return {
            "model": sampling.model or self.settings.model or await self._first_model(),
            "messages": [{"role": turn.role, "content": turn.content} for turn in messages],
            "temperature": self.settings.temperature if temperature is None else temperature,
            # 0.2.x clients send 0 or less for "no limit of my own"
            "max_tokens": limit if limit and limit > 0 else self.settings.max_tokens,
            "stream": True,
        }

    async def _first_model(self) -> str:
        try:
            response = await self._http.get(f"{self.base_url}/models")
            response.raise_for_status()
            return str(response.json()["data"][0]["id"])
        except httpx.HTTPStatusError as error:
            raise self._failure(*describe_error(error.response)) from error
        except httpx.HTTPError as error:
            raise self._failure(*describe_fault(error, self.settings.timeout_s)) from error
        except (ValueError, LookupError, TypeError) as error:
            raise self._failure(
                "it lists no model; set llm.model in zhiwen.yaml",
                "未列出任何模型，请在 zhiwen.yaml 中设置 llm.model",
            ) from error

    def _read(self, data: str) -> str:
        """Return the text of one event, "" if it has none."""
        if data == "[DONE]":
            return ""
        try:
            event = json.loads(data)
            if "error" in event:
                raise self._failure(*[str(event["error"])] * 2)
            choices = event.get("choices") or [{}]
            return str(choices[0].get("delta", {}).get("content") or "")
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
        error = response.json()
        message = error.get("error", error) if isinstance(error, dict) else error
        text = message.get("message", message) if isinstance(message, dict) else message
    except ValueError:
        text = response.text
    answer = ": ".join(filter(None, (f"HTTP {response.status_code}", str(text).strip()[:500])))
    return f"it answered {answer}", f"返回 {answer}"


def describe_fault(error: httpx.HTTPError, timeout_s: float) -> tuple[str, str]:
    """Return what went wrong with a connection, in English and in Chinese."""
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return "it cannot be reached", "无法连接"
    if isinstance(error, httpx.TimeoutException):
        return f"it sent nothing for {timeout_s:g} s", f"{timeout_s:g} 秒内没有任何响应"
    return f"the connection broke ({type(error).__name__})", f"连接中断（{type(error).__name__}）"
