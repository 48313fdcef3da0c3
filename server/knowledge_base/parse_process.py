"""The process that parses files, one after the other: ``python -m`` with its limits as JSON.

Each is read, or one of its pages is drawn. Knows neither knowledge bases nor settings. The files
are hostile: whatever they do to this process must stay in it. Requests come by standard input,
answers go to standard output.
"""

import faulthandler
import fcntl
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from server.errors import UnreadableDocument, ZhiwenError
from server.knowledge_base.loaders import load_document
from server.knowledge_base.loaders.limits import (
    MIB,
    Limits,
    OcrTime,
    takes_too_much_memory,
)
from server.knowledge_base.parse_wire import (
    ERRORS,
    Message,
    document_messages,
    error_message,
    pack,
    page_message,
    picture_message,
    read,
)
from server.knowledge_base.rendering import render_page

NICENESS = 5  # questions come first
STATM = Path("/proc/self/statm")
OOM_SCORE = Path("/proc/self/oom_score_adj")
FIRST_TO_DIE = 500  # of 1000: where the host runs out of memory, the service shall live
LONGEST_FILE = MIB  # loaders write nothing, but an import may leave byte code
GRACE_S = 10  # the service ends a parser that is late; this is for when it cannot


def main() -> None:
    """Answer requests until the service closes the pipe or is gone."""
    values = json.loads(sys.argv[1])
    take_signals()
    die_with_service(values["lifeline"])
    requests, answers = take_pipes()
    restrain()
    limits = Limits(values["max_chars"], values["max_pages"], values["max_unpacked_mb"])
    while (request := read(requests)) is not None:
        signal.alarm(values["timeout_s"] + values["ocr_s"] + GRACE_S)
        allow_memory(values["memory_mb"])
        timed = replace(limits, ocr=ocr_time(answers, values["ocr_s"]))
        answer(answers, request, timed, values["memory_mb"])
        signal.alarm(0)
        answers.flush()


def take_signals() -> None:
    """Leave the end of this process to the service.

    Who stops the service may send a signal to all of its processes; a file that is being read
    would then look like one that crashes its parser. The signals that do end it must not be left
    ignored, as a process inherits that.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGIO, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)


def die_with_service(lifeline: int) -> None:
    """End this process, wherever it is, when the other end of a pipe is closed.

    By a signal whose default is death: a thread that watches would wait for a library that keeps
    the interpreter's lock, and the kernel's own signal comes with the end of a thread already.
    Nobody may write to the pipe: that sends the signal too, at times after what was written is
    read.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    poller = select.poll()
    poller.register(lifeline, 0)  # the other end was closed before, which sends nothing any more
    if poller.poll(0):
        sys.exit()


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the two pipes, and leave a loader none of them to read or to print to."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def restrain() -> None:
    """Take from this process what a parser does not need."""
    faulthandler.enable()  # a crash in a C library then says where
    os.nice(NICENESS)
    die_first()
    lower(resource.RLIMIT_CORE, 0)
    # A program that converts files for a loader is started with a higher one.
    set_soft(resource.RLIMIT_FSIZE, LONGEST_FILE)


def allow_memory(memory_mb: int) -> None:
    """Let the next file take so much memory beside what this process holds already.

    What it holds are libraries and models, of which those for OCR are as large as a file may be.
    Not RLIMIT_AS: libraries map far more than they touch.
    """
    sizes = STATM.read_text().split() if STATM.exists() else []
    held = int(sizes[5]) * resource.getpagesize() if sizes else 0
    set_soft(resource.RLIMIT_DATA, held + memory_mb * MIB)


def set_soft(which: int, value: int) -> None:
    """Set a limit that this process could raise again, as far as it may."""
    _, hard = resource.getrlimit(which)
    resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def die_first() -> None:
    """Offer this process where the host runs out of memory, unless it is offered already."""
    if OOM_SCORE.exists() and int(OOM_SCORE.read_text()) < FIRST_TO_DIE:
        try:
            OOM_SCORE.write_text(str(FIRST_TO_DIE))
        except PermissionError as error:  # some containers forbid it, and files are read without
            sys.stderr.write(f"{OOM_SCORE} cannot be written: {error}\n")


def lower(which: int, value: int) -> None:
    """Set a limit unless it is lower already."""
    _, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def ocr_time(answers: BinaryIO, ocr_s: int) -> OcrTime | None:
    """Return the time for the pictures of one file; the service hears of each page."""
    if not ocr_s:
        return None

    def tell(page: int, pages: int) -> None:
        answers.write(pack(page_message(page, pages)))
        answers.flush()

    return OcrTime(time.monotonic() + ocr_s, tell)


def answer(answers: BinaryIO, request: Message, limits: Limits, memory_mb: int) -> None:
    """Write the answer or the error; the last frame stays in the buffer of ``answers``."""
    answers.write(pack({"begun": True}))
    answers.flush()
    try:
        for message in work(request, limits):
            answers.write(pack(message))
    except Exception as error:  # noqa: BLE001  # one file is the border
        told = telling_error(error, request["name"], memory_mb)
        answers.write(pack(error_message(told)))


def work(request: Message, limits: Limits) -> Iterator[Message]:
    """Yield the messages of the document, or of the page if the request names one."""
    path, name = Path(request["path"]), request["name"]
    if "page" in request:
        yield picture_message(render_page(path, name, request["page"]))
    else:
        yield from document_messages(load_document(path, name, limits))


def telling_error(error: Exception, name: str, memory_mb: int) -> ZhiwenError:
    """Return the error that the user sees."""
    if is_out_of_memory(error):
        return takes_too_much_memory(name, memory_mb)
    if isinstance(error, ZhiwenError) and type(error).__name__ in ERRORS:
        return error
    if not isinstance(error, FileNotFoundError):  # its upload was cancelled in this very moment
        traceback.print_exception(error)
    return UnreadableDocument(
        name=name,
        reason_en="the program that reads it met something that it does not know. "
        "The log of the service says more.",
        reason_zh="解析程序遇到无法处理的内容，详情请查看服务日志。",
    )


def is_out_of_memory(error: BaseException | None) -> bool:
    """Tell whether the memory ran out, also where a library or a loader made it another error."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    main()
