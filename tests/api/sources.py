"""What the tests of sources ask for, in few words."""

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from server.container import Container
from tests.unit.knowledge_base.sources.site import Site

KB = "/api/v1/knowledge_bases/kb"
BASE = f"{KB}/sources"


def add(client: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(BASE, json=body)
    assert answer.status_code == 201, answer.text
    assert client.get(f"{BASE}/{answer.json()['id']}").json() == answer.json()
    return answer.json()


def web(site: Site, name: str = "docs", **options: Any) -> dict[str, Any]:
    return {"kind": "web", "name": name, "options": {"url": site.url("/docs/"), **options}}


def sql(shop: Path, name: str = "items", **options: Any) -> dict[str, Any]:
    wanted = {
        "url": f"sqlite:///{shop}",
        "query": "SELECT * FROM item",
        "id_column": "id",
        "title_column": "title",
        "text_columns": ["body"],
    }
    return {"kind": "sql", "name": name, "options": {**wanted, **options}}


def sync(client: TestClient, source: dict[str, Any]) -> dict[str, Any]:
    """Synchronise and return the source when that has ended."""
    answer = client.post(f"{BASE}/{source['id']}/sync")
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "syncing"
    container: Container = client.app.state.container
    container.sources.wait(source["id"])
    return client.get(f"{BASE}/{source['id']}").json()


def counts(source: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in source["counts"].items() if count}


def files(client: TestClient) -> dict[str, dict[str, Any]]:
    return {file["name"]: file for file in client.get(f"{KB}/files").json()}


def text_of(client: TestClient, name: str) -> str:
    return client.get(f"{KB}/files/{name}/text").json()["text"]
