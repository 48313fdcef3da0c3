"""A client with a knowledge base of four small files; one that may use sources."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.api.documents import CANTEEN_ZH, GARDEN_EN, LEAVE_ZH, PUMP_EN
from tests.conftest import make_settings, open_client, wait_until_ready
from tests.unit.knowledge_base.sources.site import Site, page, serving

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


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a web site with a section of three pages."""
    with serving() as opened:
        opened.pages |= {
            "/docs/": page("Start", "pump", "boiler.html", text="Machines of the house."),
            "/docs/pump": page("Pump", text="The pump P-200 moves 12 litres per minute."),
            "/docs/boiler.html": page("Boiler", text="The boiler is descaled every 14 weeks."),
        }
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a database with two rows."""
    path = tmp_path / "shop" / "items.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("CREATE TABLE item (id, title, body)")
        sql.executemany(
            "INSERT INTO item VALUES (?, ?, ?)",
            [(1, "Pump", "It moves 12 litres."), (2, "锅炉", "每十四周除垢一次。")],
        )
        sql.commit()
    return path


@pytest.fixture
def sourced(tmp_path: Path, site: Site, shop: Path) -> Iterator[TestClient]:
    """Return a client of a service that may ask the site and the database."""
    settings = make_settings(
        tmp_path,
        sources={
            "web": True,
            "allow_private": True,
            "web_ports": [site.port],
            "page_timeout_s": 5,
            "sql": True,
            "sql_folders": [str(shop.parent)],
        },
    )
    with open_client(settings) as opened:
        wait_until_ready(opened)
        assert opened.post("/api/v1/knowledge_bases", json={"name": "kb"}).status_code == 201
        yield opened
