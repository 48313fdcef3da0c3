"""An embedding model behind an OpenAI-style ``/v1/embeddings``. Knows no knowledge base."""

import hashlib
import json
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from configs.model_settings import EmbeddingModelSettings
from embeddings import Vectors
from embeddings.catalogue import choose_instruction, find_known
from embeddings.words import find_words
from server.datatypes import Language
from server.errors import EmbeddingFailed
from server.network import is_loopback

logger = logging.getLogger(__name__)

BATCH = 64  # texts in a request; some services refuse more than a hundred
CONNECT_S = 10.0
LOOK_EVERY_S = 0.25  # how soon who waits for an answer notices that this is closed
FIRST_PAUSE_S = 0.5  # doubled after each try: 7.5 s in all
LONGEST_PAUSE_S = 20.0  # that a service may ask for
BUSY = {408, 409, 425, 429}
STOPPING = "the service is stopping"
BOTH: frozenset[Language] = frozenset({"en", "zh"})


@dataclass(frozen=True)
class Patience:
    """How long a service may keep its caller waiting."""

    tries: int
    timeout_s: float  # without a byte


FOR_FILES = Patience(tries=5, timeout_s=60.0)
FOR_PEOPLE = Patience(tries=2, timeout_s=20.0)  # somebody sits before the screen


class ServiceUnavailable(EmbeddingFailed):
    """The service cannot be reached, is silent or busy; the texts are not at fault."""


class RemoteEmbedder:
    """Asks a service for vectors; the same text may get slightly different ones each time."""

    def __init__(self, name: str, wishes: EmbeddingModelSettings, base_url: str) -> None:
        """Ask nothing yet; ``base_url`` ends before ``/embeddings``."""
        known = find_known(name)
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.model = wishes.model or name
        self.languages: frozenset[Language] = frozenset(wishes.languages) or (
            known.languages if known else BOTH
        )
        self.query_instruction = choose_instruction(
            wishes.query_instruction, "", known.query_instruction if known else ""
        )
        self.document_instruction = choose_instruction(
            wishes.document_instruction, "", known.document_instruction if known else ""
        )
        self._key = wishes.api_key
        self._dimension = wishes.dimension or (known.dimension if known and known.base_url else 0)
        self._closed = threading.Event()
        self._opening = threading.Lock()
        self._client: httpx.Client | None = None

    @property
    def dimension(self) -> int:
        """The dimension of the vectors: as set or known, else the service is asked once.

        Raises:
            EmbeddingFailed: the service cannot be asked.
        """
        if not self._dimension:
            self._dimension = self._ask(["dimension"], FOR_PEOPLE).shape[1]
        return self._dimension

    @property
    def generation(self) -> str:
        """The name of the place and the model there: what it runs cannot be seen."""
        facts = [self.base_url, self.model, self.document_instruction]
        return f"remote-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}"

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Return float32 (n, dimension), unit rows; for few texts that somebody waits for.

        Raises:
            EmbeddingFailed: the service cannot be reached, refuses, or answers nonsense.
        """
        return self._embed([self.document_instruction + text for text in texts], FOR_PEOPLE)

    def embed_files(self, texts: list[str]) -> Vectors:
        """Return what ``embed_documents`` returns, with the patience that uploads have.

        Raises:
            EmbeddingFailed: as ``embed_documents``.
        """
        return self._embed([self.document_instruction + text for text in texts], FOR_FILES)

    def embed_query(self, text: str) -> Vectors:
        """Return float32 (dimension,), a unit vector, with the query instruction."""
        texts = [self.query_instruction + text]
        row: Vectors = self._embed(texts, FOR_PEOPLE)[0]
        return row

    def find_tokens(self, text: str) -> Sequence[int]:
        """Return where words, Chinese characters and signs begin: its tokens are not known."""
        return find_words(text)

    def close(self) -> None:
        """Close the connections; who waits for an answer gets an error, as do later callers."""
        self._closed.set()
        with self._opening:
            if self._client:
                self._client.close()

    def _embed(self, texts: list[str], patience: Patience) -> Vectors:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), BATCH):
            rows = self._ask(texts[start : start + BATCH], patience)
            if rows.shape[1] != self.dimension:
                raise self._failure(f"it gave {rows.shape[1]} dimensions, not {self.dimension}")
            vectors[start : start + BATCH] = rows
        return vectors

    def _ask(self, texts: list[str], patience: Patience) -> Vectors:
        """Return the unit rows of a few texts, trying again while the service is busy."""
        # Services refuse empty texts; all of them say nothing, so they are all the same.
        body = {"model": self.model, "input": [text if text.strip() else "." for text in texts]}
        body["encoding_format"] = "float"
        pause_s = FIRST_PAUSE_S
        for attempt in range(patience.tries):
            try:
                response = self._post(body, patience.timeout_s)
            except (httpx.InvalidURL, UnicodeError) as error:
                raise self._failure(f"the address is wrong: {error}") from error
            except (httpx.HTTPError, RuntimeError) as error:  # the latter: it was just closed
                reason, wait_s = describe_fault(error, patience.timeout_s), pause_s
            else:
                if response.is_success:
                    return self._read(response, len(texts))
                reason, wait_s = describe_error(response, self._key), find_pause(response, pause_s)
                if response.status_code < 500 and response.status_code not in BUSY:
                    raise self._failure(reason)
            is_last = attempt == patience.tries - 1
            if is_last or self._closed.wait(wait_s):
                break
            logger.info("The embedding model %r: %s; trying again.", self.name, reason)
            pause_s *= 2
        raise ServiceUnavailable(model=self.name, reason=f"{self.base_url}: {reason}")

    def _post(self, body: Mapping[str, Any], timeout_s: float) -> httpx.Response:
        """Return the answer to a request; ends as soon as this is closed.

        Nothing ends a read that blocks, so it is left to a thread that nobody has to wait for.
        """
        client = self._open()
        answer: Future[httpx.Response] = Future()

        def post() -> None:
            try:
                timeout = httpx.Timeout(timeout_s, connect=CONNECT_S)
                url = f"{self.base_url}/embeddings"
                answer.set_result(client.post(url, json=body, timeout=timeout))
            except Exception as error:  # noqa: BLE001  # it is raised where the answer is awaited
                answer.set_exception(error)

        threading.Thread(target=post, name="embedding-request", daemon=True).start()
        while not wait([answer], LOOK_EVERY_S).done:
            if self._closed.is_set():
                raise self._failure(STOPPING)
        return answer.result()

    def _open(self) -> httpx.Client:
        with self._opening:
            if self._closed.is_set():
                raise self._failure(STOPPING)
            if self._client is None:
                self._client = httpx.Client(
                    headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
                    # A proxy for the internet must not be asked for services on this machine.
                    trust_env=not is_loopback(urlsplit(self.base_url).hostname or ""),
                )
            return self._client

    def _read(self, response: httpx.Response, count: int) -> Vectors:
        """Return the rows of an answer, which may come in any order."""
        try:
            entries: list[Any] = response.json()["data"]
            rows = {int(entry["index"]): entry["embedding"] for entry in entries}
            vectors = np.array([rows[place] for place in range(count)], np.float32)
        except (ValueError, LookupError, TypeError, OverflowError) as error:  # index: Infinity
            raise self._failure(f"its answer holds no vectors for {count} texts") from error
        if len(entries) != count or vectors.ndim != 2 or not vectors.shape[1]:
            raise self._failure(f"its answer holds no vectors for {count} texts")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise self._failure("it gave a vector that has no direction")
        return np.asarray(vectors / lengths, np.float32)

    def _failure(self, reason: str) -> EmbeddingFailed:
        return EmbeddingFailed(model=self.name, reason=f"{self.base_url}: {reason}")


def find_pause(response: httpx.Response, pause_s: float) -> float:
    """Return how long to wait: what the service asks for, within bounds, else ``pause_s``."""
    try:
        asked_s = float(response.headers.get("retry-after", pause_s))
    except ValueError:  # a date
        return pause_s
    return min(max(asked_s, 0), LONGEST_PAUSE_S)


def describe_error(response: httpx.Response, key: str) -> str:
    """Return status and message of an error answer, without the key if it repeats that."""
    try:
        body = response.json()
    except ValueError:
        body = response.text
    message = body.get("error", body) if isinstance(body, dict) else body
    text = message.get("message", message) if isinstance(message, dict) else message
    said = str(text).replace(key, "…") if key else str(text)  # whole: a cut key would stay
    return f"HTTP {response.status_code}: {said.strip()[:300]}"


def describe_fault(error: Exception, timeout_s: float) -> str:
    """Return what went wrong with a connection."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return "it cannot be reached"
    if isinstance(error, httpx.TimeoutException):
        return f"it sent nothing for {timeout_s:g} s"
    return f"the connection broke ({type(error).__name__})"
