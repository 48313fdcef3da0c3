"""The real product for the browser tests: API and UI on free ports, in a folder of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from configs import ROOT
from tests.e2e.processes import READY_WITHIN_S, Place, wait_until


@dataclass(frozen=True)
class Product:
    """A product that runs: ``url`` is what a person opens."""

    place: Place
    key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.place.ui_port}"

    @property
    def tracebacks(self) -> list[str]:
        """Return what the services logged about errors that nobody expected."""
        logs = sorted((self.place.folder / "logs").glob("*.log"))
        parts = [
            log.read_text("utf-8").partition("Traceback (most recent call last)") for log in logs
        ]
        return ["".join(part[1:]) for part in parts if part[1]]

    def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask the API directly, to prepare what a test looks at."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        url = f"{self.place.url}/api/v1{path}"
        answer = httpx.request(method, url, trust_env=False, timeout=60, headers=headers, **options)
        answer.raise_for_status()
        return answer

    def make_kb(self, name: str, files: dict[str, str] | None = None) -> None:
        """Make a knowledge base with text files; one of that name goes first."""
        present = {kb["name"] for kb in self.api("GET", "/knowledge_bases").json()}
        if name in present:
            self.api("DELETE", f"/knowledge_bases/{name}")
        self.api("POST", "/knowledge_bases", json={"name": name})
        if files:
            parts = [("files", (file, text.encode())) for file, text in files.items()]
            self.api("POST", f"/knowledge_bases/{name}/files", files=parts)

    def forget_conversations(self) -> None:
        """Delete all conversations."""
        for conversation in self.api("GET", "/conversations").json():
            self.api("DELETE", f"/conversations/{conversation['id']}")

    def file_names(self, name: str) -> set[str]:
        """Return the names of the files in a knowledge base."""
        return {file["name"] for file in self.api("GET", f"/knowledge_bases/{name}/files").json()}


@contextmanager
def run_product(place: Place, key: str = "") -> Iterator[Product]:
    """Start everything as a person does, and stop it when the block ends."""
    product = Product(place, key)
    command = [sys.executable, str(ROOT / "startup.py"), "-a"]
    with (place.folder / "output.txt").open("wb") as stream:
        process = subprocess.Popen(
            command,
            env=place.environment,
            cwd=place.folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: is_ready(product, process), READY_WITHIN_S, "the product")
        yield product
    finally:
        process.terminate()
        process.wait(30)


def is_ready(product: Product, process: subprocess.Popen[bytes]) -> bool:
    """Return whether a person can work; the end of the process ends the waiting, too."""
    assert process.poll() is None, (product.place.folder / "output.txt").read_text("utf-8")
    try:
        answer = httpx.get(f"{product.url}/readyz", trust_env=False, timeout=5)
    except httpx.TransportError:
        return False
    return answer.status_code == 200
