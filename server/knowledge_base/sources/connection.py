"""Connections that go to the address that was checked and end in time. Knows no HTTP."""

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from server.errors import SourceFailed
from server.knowledge_base.sources.guard import Guard

CONNECT_S = 10.0  # for one address of a host
SILENCE_S = 20.0  # between two pieces of an answer
TRIED = 4  # addresses of a host


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to what ``guard`` allows; a name is looked up once, and that very address used.

    What does all of its work before ``deadline``, of the monotonic clock, is as usual.
    """

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.deadline = 0.0
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            UnsafeAddress, SourceFailed, httpcore.ConnectError, httpcore.ConnectTimeout: none does.
        """
        trouble: Exception | None = None
        for address in self.guard.addresses(host, port)[:TRIED]:
            try:
                stream = self._inner.connect_tcp(address, port, self.left(CONNECT_S))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
            else:
                return TimedStream(stream, self)
        raise trouble or SourceFailed(
            address=host, reason_en="there is no such host.", reason_zh="找不到该主机。"
        )

    def left(self, wanted: float) -> float:
        """Return how long one step may take.

        Raises:
            httpcore.ReadTimeout: there is no time left.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return min(left, wanted)


class TimedStream(httpcore.NetworkStream):
    """A connection whose every step ends before the deadline of its backend."""

    def __init__(self, inner: httpcore.NetworkStream, backend: CheckedBackend) -> None:
        self._inner = inner
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what comes next."""
        return self._inner.read(max_bytes, self._backend.left(SILENCE_S))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send."""
        self._inner.write(buffer, self._backend.left(SILENCE_S))

    def close(self) -> None:
        """Hang up."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Go on encrypted, with a certificate for the name of the host."""
        left = self._backend.left(CONNECT_S)
        inner = self._inner.start_tls(ssl_context, server_hostname, left)
        return TimedStream(inner, self._backend)

    def get_extra_info(self, info: str) -> Any:  # httpcore's own
        """Return what the connection knows."""
        return self._inner.get_extra_info(info)
