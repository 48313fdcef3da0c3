"""One process that parses, as the service holds it. Does not know the others.

What it answers is believed no more than the files that it reads.
"""

import json
import logging
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from configs import ROOT
from server.datatypes import Document
from server.errors import Cancelled, UnreadableDocument
from server.knowledge_base.loaders.limits import MIB, takes_too_long, takes_too_much_memory
from server.knowledge_base.parse_wire import (
    BadMessage,
    DocumentReader,
    Message,
    PictureReader,
    Reader,
    pack,
    read_page,
    take,
)
from server.knowledge_base.rendering import Picture

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")

TICK_S = 0.1  # how often somebody is asked whether to go on
LOOK_S = 0.02  # how often the memory is looked at: a bomb fills it in less than a second
PORTION = 1 << 16  # what a pipe holds
LOG_BYTES = 8000  # of what a parser says about one file; the end is kept
MAX_FILES = 200  # after which a parser is replaced, so that leaks do not add up
KEPT_MB = 800  # a parser that has grown beyond is replaced, too; the models for OCR take 650
START_WITHIN_S = 120.0  # until it takes a file: much for a process that imports on a busy machine
END_WITHIN_S = 5.0  # between the end of its answers and its own, or after it is killed
LOG_READS = 16  # at most, so that a parser that never stops talking is not listened to for ever
# Of the memory: a library that cannot have more crashes, and does not say why. One that doubles a
# buffer asks for twice of what it has, beside that.
FULL_SHARE = 0.3
CRASHES = (signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGSEGV, signal.SIGTRAP)


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """What one file may take."""

    memory_mb: int
    timeout_s: int
    max_chars: int
    max_pages: int
    max_unpacked_mb: int
    ocr_s: int = 0  # how long pictures in it may be read, beside ``timeout_s``; 0: not at all


def tell_nobody(page: int, pages: int) -> None:
    """Let nobody know how far a file is."""


class ParserGone(Exception):
    """A parser died or hung before it took the file, so that the file is not to blame."""


class Parser:
    """A process that reads one file at a time; only ``kill`` may be called by other threads."""

    def __init__(self, limits: ParseLimits) -> None:
        """Start the process.

        Raises:
            OSError: the system has no room for it.
        """
        self.limits = limits
        clean = {name: value for name, value in os.environ.items() if name[:7] != "ZHIWEN_"}
        module = "server.knowledge_base.parse_process"
        its_end, our_end = os.pipe()
        self.lifeline = os.fdopen(our_end, "wb", 0)  # closed by the kernel if the service dies
        values = {**asdict(limits), "lifeline": its_end}
        try:
            self.process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-m", module, json.dumps(values)],
                cwd=ROOT,
                env={**clean, "PYTHONPATH": search_path(), "PYTHONUTF8": "1"},
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[its_end],
                process_group=0,  # no session of its own: niceness counts only within one, on Linux
            )
        except OSError:
            self.lifeline.close()
            raise
        finally:
            os.close(its_end)
        pipes = (self.process.stdin, self.process.stdout, self.process.stderr)
        self.requests, self.answers, self.words = (cast(BinaryIO, pipe) for pipe in pipes)
        self.lock = threading.Lock()  # what is gone must not be killed: its number may be another's
        self.poller = select.poll()
        self.poller.register(self.answers, select.POLLIN)
        self.poller.register(self.words, select.POLLIN)
        self.files = 0
        self.is_between_files = True
        self.idle_since = time.monotonic()

    def parse(
        self,
        path: Path,
        name: str,
        *,
        is_cancelled: Callable[[], bool],
        on_page: Callable[[int, int], None],
    ) -> Document:
        """Read one file; ``on_page`` hears of its pages where they take long, and of how many.

        Raises:
            FileNotFoundError: there is no file.
            ParserGone: the process died or hung before it took the file.
            ZhiwenError: see ``ParserPool.parse``; after all but a loader's own errors the process
                is dead.
        """
        reader = DocumentReader(max_chars=self.limits.max_chars)
        request = {"path": str(path.absolute()), "name": name}
        return self._work(request, reader, is_cancelled, on_page)

    def render(
        self, path: Path, name: str, page: int, *, is_cancelled: Callable[[], bool]
    ) -> Picture:
        """Draw a page of a file.

        Raises:
            FileNotFoundError, ParserGone: as of ``parse``.
            ZhiwenError: see ``ParserPool.render``.
        """
        request = {"path": str(path.absolute()), "name": name, "page": page}
        return self._work(request, PictureReader(), is_cancelled, tell_nobody)

    def _work(
        self,
        request: Message,
        reader: Reader[Answer],
        is_cancelled: Callable[[], bool],
        on_page: Callable[[int, int], None],
    ) -> Answer:
        """Send a request and return what it is answered; it costs the process if that is bad."""
        name = request["name"]
        Path(request["path"]).stat()  # what is gone is not damaged
        self.files += 1
        self.is_between_files = False
        self.has_begun = False
        self.answer = bytearray()  # what has come and was not taken yet
        self.received = 0
        self.max_bytes = reader.max_bytes
        self.said = b""
        self.memory = 0
        self.look_at = time.monotonic() + LOOK_S
        self.ask_at = time.monotonic() + TICK_S
        self.deadline = time.monotonic() + START_WITHIN_S
        try:
            return self._ask(request, reader, is_cancelled, on_page)
        except BadMessage as error:
            self.kill()
            logger.error("What the parser answered about %r is no answer: %s.", name, error)
            raise crashed(name, "bad answer", "应答无效") from error
        finally:
            if not self.is_between_files:
                self.kill()
            self._log(name)

    def is_fit(self) -> bool:
        """Tell whether the process can read another file."""
        return (
            self.is_between_files
            and self.files < MAX_FILES
            and self.process.poll() is None
            and self._memory() <= KEPT_MB * MIB
        )

    def kill(self) -> None:
        """End the process with all that it may have started, and wait until it is gone."""
        with self.lock:
            self._kill()

    def close(self) -> None:
        """End the process and close its pipes."""
        self.kill()
        for pipe in (self.requests, self.answers, self.words, self.lifeline):
            pipe.close()

    def _kill(self) -> None:
        """End the process; holds the lock of this parser."""
        if self.process.poll() is not None:
            return
        kill_group(self.process.pid)
        try:
            self.process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:  # the kernel keeps it, for instance for a dead disk
            logger.error("The parser %d does not end; it is left behind.", self.process.pid)

    def _ask(
        self,
        request: Message,
        reader: Reader[Answer],
        is_cancelled: Callable[[], bool],
        on_page: Callable[[int, int], None],
    ) -> Answer:
        name = request["name"]
        try:
            self.requests.write(pack(request))
        except BrokenPipeError:
            raise self._ended(name, is_cancelled) from None
        while True:
            while (message := take(self.answer, max_bytes=self.max_bytes)) is None:
                self._receive(name, is_cancelled)
            if not self.has_begun:
                self.has_begun = True  # that was all the message said
                self.deadline = time.monotonic() + self.limits.timeout_s
                last = self.deadline + self.limits.ocr_s
                continue
            if "page" in message:  # its picture was read
                self.deadline = last
                on_page(*read_page(message))
                continue
            self.is_between_files = "blocks" not in message
            answer = reader.read(message)
            if answer is not None:
                return answer

    def _receive(self, name: str, is_cancelled: Callable[[], bool]) -> None:
        """Take what comes next, or note that nothing does."""
        now = time.monotonic()
        if now >= self.deadline:
            if not self.has_begun:
                logger.error("The parser of %r did not start in time.", name)
                raise ParserGone()
            raise takes_too_long(name, self.limits.timeout_s)
        if now >= self.ask_at:
            if is_cancelled():
                raise Cancelled()
            self.ask_at = now + TICK_S
        if now >= self.look_at:
            self.memory = max(self.memory, self._memory())
            self.look_at = now + LOOK_S
        for pipe, _ in self.poller.poll(1000 * (min(self.look_at, self.deadline) - now)):
            data = os.read(pipe, PORTION)
            if pipe == self.words.fileno():
                self._hear(data)
            elif data:
                self.answer += data
                self.received += len(data)
            else:
                raise self._ended(name, is_cancelled)
        if self.received > self.max_bytes:
            raise BadMessage("more than an answer can take")

    def _hear(self, words: bytes) -> None:
        """Keep the last of what the process says beside its answers."""
        self.said = (self.said + words)[-LOG_BYTES:]
        if not words:
            self.poller.unregister(self.words)

    def _ended(self, name: str, is_cancelled: Callable[[], bool]) -> Exception:
        """Return why the process ended by itself, as an error about the file if it took it."""
        with self.lock:
            try:
                self.process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:  # it has only closed its end
                self._kill()
            code = self.process.returncode
        if is_cancelled():
            return Cancelled()
        if not self.has_begun:
            logger.error("The parser of %r ended with %s before it took the file.", name, code)
            return ParserGone()
        if code is None:
            return crashed(name, "does not end", "无法结束")
        if -code in CRASHES and self.memory > self.limits.memory_mb * MIB * FULL_SHARE:
            return takes_too_much_memory(name, self.limits.memory_mb)
        logger.error("The parser of %r ended with %d.", name, code)
        if code < 0:
            how = signal.strsignal(-code) or str(-code)
            return crashed(name, how, how)
        return crashed(name, f"exit code {code}", f"退出码 {code}")

    def _memory(self) -> int:
        """Return the bytes that count against the limit of the process, 0 where nobody says so."""
        try:
            sizes = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return int(sizes[5]) * resource.getpagesize()

    def _log(self, name: str) -> None:
        """Log what the process said about the file."""
        poller = select.poll()
        poller.register(self.words, select.POLLIN)
        for _ in range(LOG_READS):
            if not poller.poll(0) or not (words := os.read(self.words.fileno(), PORTION)):
                break
            self._hear(words)
        if self.said:
            logger.warning("The parser of %r says:\n%s", name, self.said.decode(errors="replace"))


def search_path() -> str:
    """Return where the process looks for modules; its settings may keep it from where it starts."""
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


def kill_group(leader: int) -> None:
    """Kill a process group that may be gone."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a dead group
        return


def crashed(name: str, how_en: str, how_zh: str) -> UnreadableDocument:
    """Return the error about a file whose parser did not survive it."""
    return UnreadableDocument(
        name=name,
        reason_en=f"the program that reads it crashed ({how_en}). The file may be damaged; "
        "save it again in the program that it is from.",
        reason_zh=f"解析程序崩溃（{how_zh}）。文件可能已损坏，请用原程序重新保存后再上传。",
    )
