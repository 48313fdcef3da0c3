"""What an engine says of itself: whether it is there, and its models. Knows no requests to it."""

from typing import Any

import httpx

WITHIN_S = 5.0  # it may accept connections long before it answers
DENIALS = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})

Card = dict[str, Any]  # a model in OpenAI's list of models


class KeyRefused(Exception):
    """The engine is there, but not for our key."""


class EngineProbe:
    """Asks an engine, in one thread at a time; ``options`` are those of its requests."""

    def __init__(
        self, base_url: str, options: dict[str, Any], *, within_s: float = WITHIN_S
    ) -> None:
        self.base_url = base_url
        self.options = {**options, "timeout": within_s}

    def list_models(self) -> list[Card] | None:
        """Return the models that it lists, [] if it has no list, None if it is not up.

        Raises:
            KeyRefused: no waiting helps.
        """
        try:
            answer = httpx.get(f"{self.base_url}/models", **self.options)
        except httpx.HTTPError:
            return None
        if answer.status_code in DENIALS:
            raise KeyRefused
        if answer.is_server_error:  # llama-server while it loads, or a list that is broken
            return [] if self._is_healthy() else None
        try:
            cards = answer.json().get("data") or []
        except (ValueError, AttributeError):
            return []
        return [card for card in cards if isinstance(card, dict) and card.get("id")]

    def _is_healthy(self) -> bool:
        url = f"{self.base_url.removesuffix('/v1')}/health"
        try:
            return httpx.get(url, **self.options).is_success
        except httpx.HTTPError:
            return False
