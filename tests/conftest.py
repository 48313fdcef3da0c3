"""What tests share: settings in a folder of their own, a prepared service, a client."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from configs import Settings, load_settings

if TYPE_CHECKING:
    from server.container import Container

pytest_plugins = [
    "tests.checkpoints",
    "tests.embedding_checkpoints",
    "tests.trained_model",
    "tests.tiny_rerankers",
]


@pytest.fixture(autouse=True)
def _no_user_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep the settings of the machine out of the tests."""
    empty = tmp_path_factory.mktemp("config") / "zhiwen.yaml"
    empty.write_text("{}")
    monkeypatch.setenv("ZHIWEN_CONFIG", str(empty))
    for name in ("ZHIWEN_API_KEY", "ZHIWEN_INTERNAL_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def make_settings(folder: Path, **sections: dict[str, Any]) -> Settings:
    """Return settings for a data folder of its own: hashing vectors, no samples, English."""
    chosen: dict[str, dict[str, Any]] = {
        "paths": {"data": str(folder / "data"), "logs": str(folder / "logs")},
        "kb": {"create_samples": False},
        "embedding": {"model": "hashing"},
        "server": {"language": "en"},
        "workers": {"endpoint_port": 9},  # nobody listens there
    }
    for name, values in sections.items():
        chosen[name] = {**chosen.get(name, {}), **values}
    return load_settings(**chosen)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
def container(settings: Settings) -> "Iterator[Container]":
    from server.container import Container

    built = Container(settings)
    built.prepare()
    built.readiness.check()
    yield built
    asyncio.run(built.close())


def open_client(settings: Settings, **options: Any) -> TestClient:
    """Return a client of a prepared service; use it in a ``with`` block."""
    from server.app import create_app

    app = create_app(settings)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False, **options)


def wait_until_ready(client: TestClient) -> None:
    """Wait for the preparation, which runs in the background."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = client.get("/readyz").json()
        if state["ready"]:
            return
        assert not state["failed"], state
        time.sleep(0.02)
    raise AssertionError(state)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with open_client(settings) as opened:
        wait_until_ready(opened)
        yield opened
