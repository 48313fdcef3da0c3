"""A service in this process as its clients see it, for the regression tests."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient

from configs import Settings
from tests.conftest import open_client, wait_until_ready
from tests.e2e.processes import wait_until

HANGS_S = 120.0  # whoever waits so long waits for ever
KBS = "/api/v1/knowledge_bases"


@dataclass(frozen=True)
class Service:
    """The native interface with the words of these tests."""

    http: TestClient | httpx.Client

    def create(self, kb: str, **options: Any) -> None:
        answer = self.http.post(KBS, json={"name": kb, **options})
        assert answer.status_code == 201, answer.text

    def upload(self, kb: str, files: Mapping[str, bytes | str], **form: str) -> httpx.Response:
        parts = [
            ("files", (name, content.encode() if isinstance(content, str) else content))
            for name, content in files.items()
        ]
        answer: httpx.Response = self.http.post(f"{KBS}/{kb}/files", files=parts, data=form)
        return answer

    def add(self, kb: str, files: Mapping[str, bytes | str], **form: str) -> list[Any]:
        """Upload files of which each must be taken; return what became of them."""
        answer = self.upload(kb, files, **form)
        assert answer.status_code == 201, answer.text
        return list(answer.json()["files"])

    def delete(self, kb: str, name: str) -> httpx.Response:
        return self.http.delete(f"{KBS}/{kb}/files/{name}")

    def search(self, kb: str, query: str, **options: Any) -> httpx.Response:
        return self.http.post(f"{KBS}/{kb}/search", json={"query": query, **options})

    def find(self, kb: str, query: str) -> list[str]:
        """Return the names of the files found, best first."""
        answer = self.search(kb, query, top_k=10)
        assert answer.status_code == 200, answer.text
        return [hit["file_name"] for hit in answer.json()["hits"]]

    def get(self, path: str) -> Any:
        answer = self.http.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def files(self, kb: str) -> list[str]:
        """Return the names of all files; the count of the knowledge base must agree."""
        names = [file["name"] for file in self.get(f"/knowledge_bases/{kb}/files")]
        assert self.get(f"/knowledge_bases/{kb}")["files"] == len(names)
        return names

    def content(self, kb: str, name: str) -> bytes:
        answer = self.http.get(f"{KBS}/{kb}/files/{name}/content")
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    def wait_for(self, job_id: str) -> dict[str, Any]:
        """Wait for the end of a job and return it."""
        wait_until(lambda: self.get(f"/jobs/{job_id}")["finished_at"], HANGS_S, "end of the job")
        job: dict[str, Any] = self.get(f"/jobs/{job_id}")
        return job


@contextmanager
def serving(settings: Settings) -> Iterator[Service]:
    """Serve from a data folder, which may have been served from before."""
    with open_client(settings) as client:
        wait_until_ready(client)
        yield Service(client)


def at_once(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do everything in threads that begin together; return the results, or fail if one hangs."""
    barrier = threading.Barrier(len(tasks))

    def begin(task: Callable[[], Any]) -> Any:
        barrier.wait()
        return task()

    pool = ThreadPoolExecutor(len(tasks))
    try:
        return [future.result(HANGS_S) for future in [pool.submit(begin, t) for t in tasks]]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def index_files(data: Path) -> list[Path]:
    """Return the files of all indexes in a data folder."""
    return [path for path in (data / ".cache" / "api").rglob("*") if path.is_file()]


def empty(paths: Iterable[Path]) -> None:
    """Leave files as a write that never came to its end may leave them."""
    for path in paths:
        path.write_bytes(b"")
