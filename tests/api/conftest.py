"""A client with a knowledge base of four small files."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.api.documents import CANTEEN_ZH, GARDEN_EN, LEAVE_ZH, PUMP_EN
from tests.conftest import make_settings, open_client, wait_until_ready

FILES = {
    "pump.md": PUMP_EN,
    "员工手册.md": LEAVE_ZH,
    "食堂.txt": CANTEEN_ZH,
    "garden.txt": GARDEN_EN,
}


def upload(client: TestClient, name: str, content: bytes, kb: str = "kb", **form: str) -> object:
    """Upload one file through the native route."""
    return client.post(
        f"/api/v1/knowledge_bases/{kb}/files", files={"files": (name, content)}, data=form
    )


def fill(client: TestClient) -> str:
    """Create a knowledge base with the four files and return its name."""
    assert client.post("/api/v1/knowledge_bases", json={"name": "kb"}).status_code == 201
    files = [("files", (name, content.encode())) for name, content in FILES.items()]
    answer = client.post("/api/v1/knowledge_bases/kb/files", files=files)
    assert answer.status_code == 201, answer.text
    client.app.state.container.calibrator.refresh("kb")  # now, not some time soon
    return "kb"


@pytest.fixture
def kb(client: TestClient) -> str:
    """Return the name of a knowledge base with the four files."""
    return fill(client)


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Return a client with the four files, for tests that change nothing."""
    with open_client(make_settings(tmp_path_factory.mktemp("shared"))) as opened:
        wait_until_ready(opened)
        fill(opened)
        yield opened
