"""Answers and errors in OpenAI's shape. Knows no requests and no workers."""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from server.datatypes import Language
from server.errors import ZhiwenError
from server.model_workers.generator import Piece

DONE = b"data: [DONE]\n\n"
ALIVE = b": waiting\n\n"  # a comment; clients skip it, and know that we are still there
KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


@dataclass(frozen=True)
class Answer:
    """An answer to a chat or a completion; all its chunks have one id."""

    model: str
    is_chat: bool
    created: int = field(default_factory=lambda: int(time.time()))
    key: str = field(default_factory=lambda: secrets.token_hex(12))

    def whole(self, text: str, last: Piece) -> dict[str, Any]:
        """Return the answer in one body."""
        content = {"message": {"role": "assistant", "content": text}}
        choice = content if self.is_chat else {"text": text}
        body = self._body([self._choice(choice, last.finish_reason)], is_chunk=False)
        return {**body, "usage": usage(last)}

    def opening(self) -> list[dict[str, Any]]:
        """Return the chunks before the first text."""
        return [self._chunk({"role": "assistant", "content": ""})] if self.is_chat else []

    def part(self, text: str) -> dict[str, Any]:
        """Return a chunk with text."""
        return self._chunk({"content": text}) if self.is_chat else self._chunk({"text": text})

    def closing(self, last: Piece) -> dict[str, Any]:
        """Return the chunk that says why the text ended."""
        return self._chunk({} if self.is_chat else {"text": ""}, last.finish_reason)

    def counts(self, last: Piece) -> dict[str, Any]:
        """Return the chunk with the counts of tokens."""
        return {**self._body([], is_chunk=True), "usage": usage(last)}

    def _chunk(self, content: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"delta": content} if self.is_chat else content
        return self._body([self._choice(choice, finish_reason)], is_chunk=True)

    def _choice(self, content: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
        return {"index": 0, **content, "logprobs": None, "finish_reason": finish_reason}

    def _body(self, choices: list[dict[str, Any]], *, is_chunk: bool) -> dict[str, Any]:
        chat = "chat.completion.chunk" if is_chunk else "chat.completion"
        return {
            "id": f"{'chatcmpl' if self.is_chat else 'cmpl'}-{self.key}",
            "object": chat if self.is_chat else "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def usage(last: Piece) -> dict[str, int]:
    """Return the counts of tokens."""
    return {
        "prompt_tokens": last.prompt_tokens,
        "completion_tokens": last.completion_tokens,
        "total_tokens": last.prompt_tokens + last.completion_tokens,
    }


def model_card(name: str) -> dict[str, Any]:
    """Return a model as the list of models has it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "zhiwen"}


def event(body: dict[str, Any]) -> bytes:
    """Return a body as a server-sent event."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def status_of(error: ZhiwenError) -> int:
    """Return the HTTP status of an error; OpenAI has no 422."""
    return 400 if error.status == 422 else error.status


def error_body(error: ZhiwenError, language: Language) -> dict[str, Any]:
    """Return an error in OpenAI's shape."""
    status = status_of(error)
    kind = "server_error" if status >= 500 else KINDS.get(status, "invalid_request_error")
    return {
        "error": {
            "message": error.message(language),
            "type": kind,
            "param": error.param,
            "code": error.code,
        }
    }
