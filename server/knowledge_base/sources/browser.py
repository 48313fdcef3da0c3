"""Gets pages over HTTP, within limits, following redirections by hand. Knows no links."""

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import httpcore
import httpx

from server.errors import SourceFailed, TooLarge
from server.knowledge_base.sources import FetchLimits
from server.knowledge_base.sources.connection import CheckedBackend
from server.knowledge_base.sources.guard import Guard
from server.version import VERSION

AGENT = f"Zhiwen/{VERSION}"
ACCEPTED = "text/html,application/xhtml+xml,application/pdf;q=0.9,text/*;q=0.8,*/*;q=0.5"
REDIRECTS = 5
PERMANENT = {301, 308}
MOVED = {302, 303, 307, *PERMANENT}
GONE = {404, 410}
PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 47}  # zlib's window bits
BLOCK = 1 << 16

Wanted = Callable[[httpx.URL], bool]
Readable = Callable[[str, httpx.URL], bool]  # by the header Content-Type


class NoDocument(Exception):
    """What is at an address is nothing to read, or lies elsewhere: the message is the address."""


class Gone(NoDocument):
    """Nothing is at an address any more, or it lies elsewhere for good."""


class Answered(SourceFailed):
    """A server answered with an error of its own; ``status`` is its number."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a server sent."""

    url: httpx.URL  # at last, after redirections
    content_type: str  # the header
    data: bytes
    is_permanent: bool  # whether all redirections on the way to it are for good


class Browser:
    """Asks servers, one request at a time; keeps no cookies and uses no proxy."""

    def __init__(self, guard: Guard, limits: FetchLimits) -> None:
        self.guard = guard
        self.limits = limits
        self._backend = CheckedBackend(guard)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=4,
            keepalive_expiry=15,
            network_backend=self._backend,
        )

    def close(self) -> None:
        """Hang up."""
        self._pool.close()

    def get(
        self,
        url: httpx.URL,
        *,
        max_bytes: int,
        goes_to: Wanted = lambda _: True,
        can_read: Readable = lambda _, __: True,
    ) -> Page:
        """Return what is at an address, or at the one that it leads to.

        Raises:
            NoDocument: it is nothing that ``can_read`` wants, or where ``goes_to`` does not.
            Gone: nothing is there, or it lies for good where ``goes_to`` does not want to go.
            SourceFailed: the server did not answer as it should; one that may do so later.
            UnsafeAddress: the address must not be asked.
            TooLarge: there is more than ``max_bytes``.
        """
        self._backend.deadline = time.monotonic() + self.limits.page_timeout_s
        try:
            return self._follow(url, max_bytes, goes_to, can_read)
        except (httpcore.TimeoutException, httpcore.PoolTimeout) as error:
            raise failed(url, "it did not answer in time.", "未在限定时间内响应。") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            text = str(error) or type(error).__name__
            raise failed(url, f"the connection failed: {text}.", f"连接失败：{text}。") from error
        except httpcore.UnsupportedProtocol as error:
            raise NoDocument(str(url)) from error

    def _follow(self, url: httpx.URL, max_bytes: int, goes_to: Wanted, can_read: Readable) -> Page:
        begun, is_permanent = url, True
        for _ in range(REDIRECTS + 1):
            self.limits.check_cancelled()
            self.guard.check_url(url)
            with closing(self._ask(url)) as answer:
                target = where_to(url, answer)
                if target is None:
                    if answer.status in GONE:
                        raise (Gone if is_permanent else NoDocument)(str(url))
                    content_type, data = self._read(url, answer, max_bytes, can_read)
                    return Page(url, content_type, data, is_permanent)
                is_permanent = is_permanent and answer.status in PERMANENT
            url = target
            if not goes_to(url):
                raise (Gone if is_permanent else NoDocument)(str(url))
        raise failed(begun, "it leads in circles.", "重定向次数过多。")

    def _ask(self, url: httpx.URL) -> httpcore.Response:
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        headers: list[tuple[bytes | str, bytes | str]] = [
            ("Host", url.netloc),
            ("User-Agent", AGENT),
            ("Accept", ACCEPTED),
            ("Accept-Encoding", "gzip, deflate"),
        ]
        return self._pool.handle_request(httpcore.Request("GET", target, headers=headers))

    def _read(
        self, url: httpx.URL, answer: httpcore.Response, max_bytes: int, can_read: Readable
    ) -> tuple[str, bytes]:
        """Return the header Content-Type and the body of an answer."""
        if answer.status != 200:
            raise Answered(
                address=shown(url),
                status=answer.status,
                reason_en=f"the server answered {answer.status}.",
                reason_zh=f"服务器返回状态码 {answer.status}。",
            )
        content_type = header(answer, b"content-type")
        if not can_read(content_type, url):
            raise NoDocument(str(url))
        data = bytearray()
        for part in unpack(answer, url, self.limits):
            data += part
            if len(data) > max_bytes:
                raise TooLarge(
                    what_en=f"The page {shown(url)}",
                    what_zh=f"网页 {shown(url)} ",
                    limit=f"{max_bytes >> 20} MiB",
                    setting="kb.max_file_mb",
                )
        return content_type, bytes(data)


def unpack(answer: httpcore.Response, url: httpx.URL, limits: FetchLimits) -> Iterator[bytes]:
    """Yield the body of an answer in small parts, unpacked.

    Raises:
        SourceFailed: it is packed in a way that was not asked for, or damaged.
    """
    packing = header(answer, b"content-encoding").strip().lower()
    if packing not in {"", "identity", *PACKED}:
        raise failed(url, f"it is encoded as {packing!r}.", f"内容编码为 {packing!r}。")
    unpacker = zlib.decompressobj(PACKED[packing]) if packing in PACKED else None
    for part in answer.iter_stream():
        limits.check_cancelled()
        if unpacker is None:
            yield part
            continue
        rest = part
        while rest and not unpacker.eof:  # small as it is, it may hold gigabytes
            try:
                yield unpacker.decompress(rest, BLOCK)
            except zlib.error as error:
                raise failed(url, "it is damaged.", "内容已损坏。") from error
            rest = unpacker.unconsumed_tail
    if unpacker is not None and not unpacker.eof:
        raise failed(url, "it is damaged.", "内容已损坏。")


def where_to(url: httpx.URL, answer: httpcore.Response) -> httpx.URL | None:
    """Return the address that an answer leads to, None if it is an end."""
    place = header(answer, b"location")
    if answer.status not in MOVED or not place:
        return None
    try:
        return url.join(place).copy_with(fragment=None)
    except httpx.InvalidURL as error:
        raise failed(url, "it leads to no address.", "重定向地址无效。") from error


def header(answer: httpcore.Response, name: bytes) -> str:
    """Return a header, "" if there is none."""
    values = {key.lower(): value for key, value in answer.headers}
    return values.get(name, b"").decode("latin-1")


def failed(url: httpx.URL, reason_en: str, reason_zh: str) -> SourceFailed:
    """Return the error for an address that cannot be read now."""
    return SourceFailed(address=shown(url), reason_en=reason_en, reason_zh=reason_zh)


def shown(url: httpx.URL) -> str:
    """Return an address for a message."""
    return str(url)[:300]
