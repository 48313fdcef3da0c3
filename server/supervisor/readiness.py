"""How a service says that it is usable, and how long we believe it. Does not know processes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from server.datatypes import Language


@dataclass(frozen=True, slots=True)
class Readiness:
    """An answer of ``/readyz``."""

    is_ready: bool
    progress: int = -1  # grows while the service gets on
    doing: str = ""  # or what went wrong
    has_failed: bool = False  # for good: waiting is of no use


def make_client(language: Language) -> httpx.Client:
    """Return a client that ignores proxies and waits at most a second.

    The second bounds how long a stop can be delayed by a service that does not answer.
    """
    return httpx.Client(trust_env=False, timeout=1.0, headers={"Accept-Language": language})


def probe(client: httpx.Client, url: str) -> Readiness:
    """Ask a service whether it is ready; no answer counts as not ready."""
    try:
        response = client.get(url)
    except httpx.TransportError:
        return Readiness(is_ready=False)
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {}
    return Readiness(
        is_ready=response.status_code == httpx.codes.OK,
        progress=int(body.get("progress", -1)),
        doing=str(body.get("doing", "")),
        has_failed=body.get("failed") is True,
    )


class Patience:
    """Counts the time without progress, not the time in all: a slow start is not a failure."""

    def __init__(self, limit_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit_s = limit_s
        self.clock = clock
        self.signs: tuple[object, ...] = ()
        self.changed_at = clock()

    def note(self, *signs: object) -> None:
        """Begin to wait anew if any sign of life differs from the last time."""
        if signs != self.signs:
            self.signs = signs
            self.changed_at = self.clock()

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing has changed for longer than the limit."""
        return self.clock() - self.changed_at > self.limit_s
