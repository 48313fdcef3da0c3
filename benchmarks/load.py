"""A mixed load on a running API, as many users at once make it. Knows no figures of merit.

What it stores stays within bounds: names come from a small pool, and what is made for a while is
deleted again, so that a service without leaks comes to rest at some size.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any

import httpx

from benchmarks.texts import Prose

KEPT = ("soak-lexical", "soak-vectors")  # knowledge bases that stay, with their models:
MODELS: Mapping[str, str] = MappingProxyType({"soak-lexical": "none", "soak-vectors": "hashing"})
NAMES = 40  # of files in each
PATIENCE_S = 180.0  # a longer wait is a hang
BAD_FILES: Mapping[str, bytes] = MappingProxyType(
    {
        "broken.pdf": b"%PDF-1.7\nnot a PDF at all",
        "broken.docx": b"PK\x03\x04 and nothing that follows",
        "empty.txt": b"",
        "program.exe": b"MZ\x90\x00",
        "..\\escape.txt": b"out of the folder",
    }
)
REFUSED = (403, 400, 413, 415, 422)  # what a bad file is answered with


class Unexpected(Exception):
    """An answer that the operation does not allow for."""


@dataclass(slots=True)
class Tally:
    """What happened so far; visitors share it."""

    seconds: dict[str, list[float]] = field(default_factory=dict)  # of each operation, by name
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, operation: str, seconds: float, error: str | None = None) -> None:
        """Count an operation, how long it took and what went wrong in it."""
        with self.lock:
            self.seconds.setdefault(operation, []).append(seconds)
            if error is not None:
                self.errors.append(f"{operation}: {error}")


class Visitor:
    """One user, who does one thing after the other."""

    def __init__(self, url: str, number: int, tally: Tally) -> None:
        """Take the address of the API, ``http://host:port``."""
        self.number = number
        self.tally = tally
        self.random = Random(number)
        self.prose = Prose(100 + number)
        self.client = httpx.Client(base_url=f"{url}/api/v1", trust_env=False, timeout=PATIENCE_S)

    def run(self, stop: threading.Event) -> None:
        """Do things at random until the event is set."""
        operations = list(OPERATIONS)
        weights = [weight for _, weight in OPERATIONS.values()]
        with self.client:
            while not stop.is_set():
                (name,) = self.random.choices(operations, weights)
                self.perform(name)

    def perform(self, name: str) -> None:
        """Do one thing and note how it went."""
        operation, _ = OPERATIONS[name]
        started, problem = time.monotonic(), None
        try:
            operation(self)
        except (Unexpected, httpx.HTTPError, LookupError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
        self.tally.note(name, time.monotonic() - started, problem)

    def call(self, method: str, path: str, *expected: int, **options: Any) -> httpx.Response:
        """Send a request and return the answer.

        Raises:
            Unexpected: its status is none of those expected (none given: 200).
        """
        answer = self.client.request(method, path, **options)
        if answer.status_code not in (expected or (200,)):
            raise Unexpected(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def choose_kb(self) -> str:
        """Return a knowledge base that stays."""
        return self.random.choice(KEPT)

    def choose_name(self) -> str:
        """Return the name of a file, which may be there or not."""
        return f"file-{self.random.randrange(NAMES)}.{self.random.choice(('md', 'txt'))}"

    def write_files(self, count: int) -> dict[str, bytes]:
        """Return texts of up to 20 KB by name."""
        sizes = (self.random.randint(500, 20_000) for _ in range(count))
        return {self.choose_name(): self.prose.write(size).encode() for size in sizes}

    def upload(
        self, kb: str, files: Mapping[str, bytes], *expected: int, **form: str
    ) -> httpx.Response:
        """Upload files in one request."""
        parts = [("files", (name, content)) for name, content in files.items()]
        return self.call("POST", f"/knowledge_bases/{kb}/files", *expected, files=parts, data=form)

    def wait_for(self, job_id: str) -> dict[str, Any]:
        """Poll a job until it has ended, and return it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.call("GET", f"/jobs/{job_id}").json()
            if job["status"] not in ("queued", "running"):
                return job
            time.sleep(0.1)
        raise Unexpected(f"the job {job_id} has not ended after {PATIENCE_S:.0f} s")


def prepare(url: str) -> None:
    """Create the knowledge bases that stay, each with some files."""
    tally = Tally()
    visitor = Visitor(url, 0, tally)
    with visitor.client:
        for name in KEPT:
            body = {"name": name, "embedding_model": MODELS[name]}
            visitor.call("POST", "/knowledge_bases", 201, json=body)
            visitor.upload(name, visitor.write_files(10), 201)


def replace_files(visitor: Visitor) -> None:
    """Upload one to four files over what there is."""
    files = visitor.write_files(visitor.random.randint(1, 4))
    answer = visitor.upload(visitor.choose_kb(), files, 201, 207, 409, override="true")
    codes = {file["error"]["code"] for file in answer.json()["files"] if file["error"]}
    if codes - {"cancelled"}:  # by another visitor, who deleted the file meanwhile
        raise Unexpected(f"an upload ended with {codes}: {answer.text[:500]}")


def add_files(visitor: Visitor) -> None:
    """Upload two files without replacing: some or all may be there already."""
    visitor.upload(visitor.choose_kb(), visitor.write_files(2), 201, 207, 409)


def add_bad_file(visitor: Visitor) -> None:
    """Upload a file that cannot be read, alone or beside a good one."""
    bad = visitor.random.choice(list(BAD_FILES))
    files = {bad: BAD_FILES[bad]}
    if visitor.random.random() < 0.5:
        visitor.upload(visitor.choose_kb(), files, *REFUSED, override="true")
    else:
        good = visitor.write_files(1)
        visitor.upload(visitor.choose_kb(), good | files, 207, 409, override="true")


def run_job(visitor: Visitor) -> None:
    """Upload in the background and wait, or cancel on the way."""
    files = visitor.write_files(6)
    job = visitor.upload(visitor.choose_kb(), files, 202, override="true", background="true").json()
    if visitor.random.random() < 0.4:
        time.sleep(visitor.random.random() / 5)
        visitor.call("POST", f"/jobs/{job['id']}/cancel")
        allowed = {"cancelled", "done"}  # it may have been faster
    else:
        allowed = {"done"}
    ended = visitor.wait_for(job["id"])
    if ended["status"] not in allowed:
        raise Unexpected(f"the job ended as {ended['status']}: {ended['failures']}")


def delete_file(visitor: Visitor) -> None:
    """Delete a file that may be there."""
    path = f"/knowledge_bases/{visitor.choose_kb()}/files/{visitor.choose_name()}"
    visitor.call("DELETE", path, 204, 404)


def restore_version(visitor: Visitor) -> None:
    """Go back to an earlier version of a file, if it has one."""
    path = f"/knowledge_bases/{visitor.choose_kb()}/files/{visitor.choose_name()}/versions"
    answer = visitor.call("GET", path, 200, 404)
    if answer.status_code == 200:
        number = visitor.random.choice(answer.json())["version"]
        visitor.call("GET", f"{path}/{number}/content", 200, 404)
        visitor.call("POST", f"{path}/{number}/restore", 200, 404, 409)


def reindex(visitor: Visitor) -> None:
    """Split and index a knowledge base anew."""
    path = f"/knowledge_bases/{visitor.choose_kb()}/reindex"
    size = visitor.random.choice((300, 500))
    job = visitor.call("POST", path, 202, json={"chunk_size": size, "chunk_overlap": 50}).json()
    ended = visitor.wait_for(job["id"])
    if ended["status"] not in ("done", "cancelled"):
        raise Unexpected(f"re-indexing ended as {ended['status']}: {ended['failures']}")


def search(visitor: Visitor) -> None:
    """Search, for one word or several."""
    query = " ".join(visitor.prose.word() for _ in range(visitor.random.randint(1, 6)))
    visitor.call("POST", f"/knowledge_bases/{visitor.choose_kb()}/search", json={"query": query})


def chat(visitor: Visitor) -> None:
    """Ask a question, streamed or at once."""
    is_streamed = visitor.random.random() < 0.5
    body = {
        "question": f"What is {visitor.prose.word()} {visitor.prose.word()}?",
        "knowledge_base": visitor.choose_kb(),
        "stream": is_streamed,
    }
    answer = visitor.call("POST", "/chat", json=body)
    if is_streamed and "event: final" not in answer.text:
        raise Unexpected(f"the stream has no end: {answer.text[-300:]!r}")


def converse(visitor: Visitor) -> None:
    """Have a conversation of two questions and delete it."""
    kb = visitor.choose_kb()
    path = "/conversations"
    conversation = visitor.call("POST", path, 201, json={"knowledge_base": kb}).json()
    for _ in range(2):
        question = f"Tell me about {visitor.prose.word()}."
        body = {"question": question, "conversation_id": conversation["id"], "stream": False}
        visitor.call("POST", "/chat", json=body | {"knowledge_base": kb})
    visitor.call("DELETE", f"{path}/{conversation['id']}", 204)


def visit_for_a_while(visitor: Visitor) -> None:
    """Create a knowledge base, use it and delete it."""
    name = f"soak-{visitor.number}"
    body = {"name": name, "embedding_model": "hashing"}
    visitor.call("POST", "/knowledge_bases", 201, json=body)
    visitor.upload(name, visitor.write_files(3), 201)
    question = {"question": "What is this about?", "knowledge_base": name, "stream": False}
    visitor.call("POST", "/chat", json=question)
    if visitor.random.random() < 0.3:  # delete it while it works
        visitor.upload(name, visitor.write_files(6), 202, override="true", background="true")
    visitor.call("DELETE", f"/knowledge_bases/{name}", 204)
    visitor.call("GET", f"/knowledge_bases/{name}", 404)


def read_all(visitor: Visitor) -> None:
    """Look at the lists and at one file."""
    kb = visitor.choose_kb()
    visitor.call("GET", "/knowledge_bases")
    visitor.call("GET", "/jobs")
    files = visitor.call("GET", f"/knowledge_bases/{kb}/files").json()
    if files:
        path = f"/knowledge_bases/{kb}/files/{visitor.random.choice(files)['name']}"
        for part in ("text", "chunks", "content"):
            visitor.call("GET", f"{path}/{part}", 200, 404)  # deleted in the meantime


Operation = Callable[[Visitor], None]
OPERATIONS: Mapping[str, tuple[Operation, int]] = MappingProxyType(
    {  # with how often each comes
        "replace_files": (replace_files, 10),
        "add_files": (add_files, 4),
        "add_bad_file": (add_bad_file, 3),
        "run_job": (run_job, 3),
        "delete_file": (delete_file, 6),
        "restore_version": (restore_version, 3),
        "reindex": (reindex, 1),
        "search": (search, 30),
        "chat": (chat, 15),
        "converse": (converse, 3),
        "visit_for_a_while": (visit_for_a_while, 3),
        "read_all": (read_all, 6),
    }
)


@contextlib.contextmanager
def visited(url: str, tally: Tally, numbers: Sequence[int]) -> Iterator[None]:
    """Let visitors with these numbers come and go on; at the end they finish what they do."""
    stop = threading.Event()
    visitors = [Visitor(url, number, tally) for number in numbers]
    threads = [threading.Thread(target=visitor.run, args=[stop]) for visitor in visitors]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
