"""A real API for the tests of the UI: with two documents, on a free port, in this process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from configs import Settings
from server.schemas.jobs import Job
from server.schemas.native import CreateKnowledgeBase
from tests.conftest import make_settings
from webui_pages.client import ApiClient
from webui_pages.job_words import is_active

KEY = "sesame-open-;% 123"
MANUAL = "# Manual\n\nThe rear air filter is replaced every six months.\n\nWipe the door weekly.\n"
TRAP = (
    "# Trap\n\nThe zebra password is <script>window.__pwn=1</script> "
    "![x](http://evil.example/x.png) and http://evil.example/y ends.\n"
)


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve the API on a free port; yield its address."""
    from server.app import create_app

    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def fill(client: ApiClient) -> None:
    """Wait until the API is ready, and give it a knowledge base."""
    deadline = time.monotonic() + 60
    while httpx.get(f"{client.url}/readyz", trust_env=False).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    client.create_knowledge_base(CreateKnowledgeBase(name="docs"))
    add(client, "docs", {"manual.md": MANUAL.encode(), "trap <b>.txt": TRAP.encode()})


def add(client: ApiClient, base: str, files: dict[str, bytes], *, override: bool = False) -> Job:
    """Add files and return the job when it has ended."""
    streams = [(name, BytesIO(content)) for name, content in files.items()]
    return wait_for(client, client.add_files(base, streams, override=override))


def wait_for(client: ApiClient, job: Job) -> Job:
    """Return a job when it has ended."""
    deadline = time.monotonic() + 120
    while is_active(job := client.job(job.id)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return job


@contextmanager
def filled_api(folder: Path, **sections: dict[str, Any]) -> Iterator[str]:
    """Serve an API with documents; yield its address."""
    with pytest.MonkeyPatch.context() as patch:
        empty = folder / "zhiwen.yaml"
        empty.write_text("{}")
        patch.setenv("ZHIWEN_CONFIG", str(empty))
        settings = make_settings(folder, **sections)
    with serving(settings) as url:
        fill(ApiClient(url, key=settings.auth.api_key))
        yield url


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of an API that needs no key."""
    with filled_api(tmp_path_factory.mktemp("api"), kb={"default": "docs"}) as url:
        yield url


@pytest.fixture(scope="session")
def locked_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of an API that needs ``KEY``."""
    folder = tmp_path_factory.mktemp("locked")
    with filled_api(folder, ui={"host": "0.0.0.0"}, auth={"api_key": KEY}) as url:
        yield url


@pytest.fixture
def client(api: str) -> ApiClient:
    return ApiClient(api)
