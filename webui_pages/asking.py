"""An answer on its way from the API, event by event. Knows no page."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Self

import httpx

from server.datatypes import Language
from server.schemas.native import ChatAnswer, Source
from webui_pages.api_errors import describe_refusal, describe_silence, read_body
from webui_pages.sse import Frame, read_frames

TICK_S = 0.2
TIMEOUT = httpx.Timeout(None, connect=5)  # a slow model is no fault; people can stop it


@dataclass(frozen=True, slots=True)
class Found:
    """The sources of the answer, known before its first word."""

    sources: list[Source]


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """The whole answer with all that belongs to it."""

    answer: ChatAnswer


Event = Found | Delta | Final


class Asking:
    """A question that was asked; iterate once over its events, in a ``with`` block.

    Reads in a thread of its own: a page can be stopped only while it draws, so it must not wait
    for a model that thinks. Leaving the block hangs up, which stops the work for the answer.
    """

    def __init__(
        self, http: httpx.Client, body: dict[str, Any], headers: dict[str, str], language: Language
    ) -> None:
        self._http = http
        self._body = body
        self._headers = headers
        self._language = language
        self._frames = SimpleQueue[Frame | Exception]()
        self._socket: socket.socket | None = None
        self._is_left = False

    def __enter__(self) -> Self:
        """Ask."""
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._is_left = True
        if self._socket:
            with suppress(OSError):  # the API has hung up already
                self._socket.shutdown(socket.SHUT_RDWR)

    def __iter__(self) -> Iterator[Event | None]:
        """Yield the events, and None now and then while there is none.

        Raises:
            ApiError: the question was refused, or the answer broke off.
        """
        sources: list[dict[str, Any]] = []
        while True:
            try:
                frame = self._frames.get(timeout=TICK_S)
            except Empty:
                yield None
                continue
            if isinstance(frame, Exception):
                raise frame
            if frame.event == "sources":
                sources = frame.data["sources"]
                yield Found([Source.model_validate(source) for source in sources])
            elif frame.event == "delta":
                yield Delta(frame.data["text"])
            elif frame.event == "final":
                yield Final(ChatAnswer.model_validate({"sources": sources, **frame.data}))
                return

    def _read(self) -> None:
        """Put the events into the queue, and at last why there are no more."""
        try:
            with self._http.stream(
                "POST", "/api/v1/chat", json=self._body, headers=self._headers, timeout=TIMEOUT
            ) as answer:
                self._socket = answer.extensions["network_stream"].get_extra_info("socket")
                if not self._is_left:
                    self._read_events(answer)
        except httpx.HTTPError:
            pass
        finally:
            self._frames.put(describe_silence(self._http.base_url, self._language))

    def _read_events(self, answer: httpx.Response) -> None:
        if answer.status_code >= 400:
            answer.read()
            body = read_body(answer)
            self._frames.put(describe_refusal(body, answer.status_code, self._language))
        else:
            for frame in read_frames(answer.iter_bytes()):
                is_error = frame.event == "error"
                self._frames.put(
                    describe_refusal(frame.data, answer.status_code, self._language)
                    if is_error
                    else frame
                )
