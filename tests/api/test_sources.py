"""Sources of a knowledge base: added, synchronised again and again, deleted."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import upload
from tests.api.sources import (
    BASE,
    KB,
    add,
    counts,
    files,
    sql,
    sync,
    text_of,
    web,
)
from tests.unit.knowledge_base.sources.site import Reply, Site, page


@pytest.fixture
def client(sourced: TestClient) -> TestClient:
    return sourced


def test_a_section_of_a_site_becomes_files_with_their_address(
    client: TestClient, site: Site
) -> None:
    source = add(client, web(site, depth=1))
    assert (source["state"], source["counts"], source["synced_at"]) == ("new", None, None)
    assert files(client) == {}
    done = sync(client, source)
    assert (done["state"], done["error"]) == ("done", None), done
    assert counts(done) == {"found": 3, "changed": 3}
    assert done["synced_at"]
    assert client.get(f"/api/v1/jobs/{done['job']}").json()["status"] == "done"
    found = files(client)
    assert {name: file["origin"] for name, file in found.items()} == {
        "docs/index.html": site.url("/docs/"),
        "docs/pump.html": site.url("/docs/pump"),
        "docs/boiler.html": site.url("/docs/boiler.html"),
    }
    assert {file["source_id"] for file in found.values()} == {source["id"]}
    assert found["docs/pump.html"]["title"] == "Pump"
    hits = client.post(f"{KB}/search", json={"query": "how many litres does the pump move"})
    assert hits.json()["hits"][0]["origin"] == site.url("/docs/pump")


def test_the_second_time_only_what_changed_is_done(client: TestClient, site: Site) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    before = files(client)
    again = sync(client, source)
    assert (again["state"], counts(again)) == ("done", {"found": 3, "unchanged": 3})
    assert files(client) == before
    site.pages["/docs/pump"] = page("Pump", text="The pump moves 15 litres per minute.")
    site.pages["/docs/"] = page("Start", "pump", "valve.html")
    del site.pages["/docs/boiler.html"]
    site.pages["/docs/valve.html"] = page("Valve", text="The valve is red.")
    third = sync(client, source)
    assert counts(third) == {"found": 3, "changed": 3, "deleted": 1, "skipped": 1}
    assert set(files(client)) == {"docs/index.html", "docs/pump.html", "docs/valve.html"}
    assert "15 litres" in text_of(client, "docs/pump.html")
    assert files(client)["docs/pump.html"]["version"] == 2


def test_a_page_that_is_gone_is_deleted(client: TestClient, site: Site) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    del site.pages["/docs/pump"]
    done = sync(client, source)
    assert (done["state"], done["counts"]["deleted"]) == ("done", 1)
    assert "docs/pump.html" not in files(client)


def test_a_page_that_fails_deletes_nothing(client: TestClient, site: Site) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    site.pages["/docs/pump"] = Reply(b"", 500)
    del site.pages["/docs/boiler.html"]
    done = sync(client, source)
    assert (done["state"], done["counts"]["missed"], done["counts"]["deleted"]) == (
        *("incomplete", 1, 0),
    )
    assert "500" in done["error"]["message"]
    assert len(files(client)) == 3
    assert done["synced_at"]  # of the time before


def test_a_site_that_is_down_changes_nothing(client: TestClient, site: Site) -> None:
    source = add(client, web(site, depth=1))
    done = sync(client, source)
    site.pages["/docs/"] = Reply(b"", 503)
    failed = sync(client, source)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "source_failed")
    assert failed["synced_at"] == done["synced_at"]
    assert len(files(client)) == 3
    assert sync(client, source)["state"] == "failed"
    site.pages["/docs/"] = page("Start", "pump", "boiler.html", text="Machines of the house.")
    assert counts(sync(client, source)) == {"found": 3, "unchanged": 3}


def test_a_page_that_cannot_be_read_is_told(client: TestClient, site: Site) -> None:
    site.pages["/docs/pump"] = Reply(b"%PDF-1.7 x", headers={"Content-Type": "application/pdf"})
    done = sync(client, add(client, web(site, depth=1)))
    assert (done["state"], counts(done)) == ("incomplete", {"found": 3, "changed": 3, "failed": 1})
    assert done["error"]["code"] == "unreadable_document"
    assert len(files(client)) == 2


def test_what_a_person_put_there_stays(client: TestClient, site: Site) -> None:
    assert upload(client, "docs/pump.html", b"<p>My own page about pumps.</p>").status_code == 201
    source = add(client, web(site, depth=1))
    assert counts(sync(client, source)) == {"found": 3, "changed": 2, "kept": 1}
    upload(client, "docs/boiler.html", b"<p>Edited by hand.</p>", override="true")
    del site.pages["/docs/boiler.html"]
    assert counts(sync(client, source)) == {"found": 2, "unchanged": 1, "kept": 1, "skipped": 1}
    assert "Edited by hand" in text_of(client, "docs/boiler.html")
    assert "My own" in text_of(client, "docs/pump.html")


def test_reading_again_and_restoring_keep_the_source(client: TestClient, site: Site) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    site.pages["/docs/pump"] = page("Pump", text="Another text.")
    sync(client, source)
    name = "docs/pump.html"
    assert client.post(f"{KB}/files/{name}/versions/1/restore").status_code == 200
    assert files(client)[name]["origin"] == site.url("/docs/pump")
    job = client.post(f"{KB}/reindex", json={"chunk_size": 200}).json()["id"]
    client.get(f"/api/v1/jobs/{job}/events")
    assert {file["source_id"] for file in files(client).values()} == {source["id"]}
    assert counts(sync(client, source)) == {"found": 3, "unchanged": 2, "changed": 1}
    assert "Another text." in text_of(client, name)


@pytest.mark.parametrize(("documents", "left"), [("keep", 3), ("delete", 0)])
def test_a_source_goes_with_its_files_or_without(
    client: TestClient, site: Site, documents: str, left: int
) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    path = f"{BASE}/{source['id']}"
    assert client.delete(path, params={"documents": documents}).status_code == 204
    assert client.get(path).json()["error"]["code"] == "unknown_source"
    assert client.get(BASE).json() == []
    assert len(files(client)) == left
    assert {file["source_id"] for file in files(client).values()} <= {None}


def test_kept_files_become_those_of_a_new_source_of_that_name(
    client: TestClient, site: Site
) -> None:
    first = add(client, web(site, depth=1))
    sync(client, first)
    client.delete(f"{BASE}/{first['id']}")
    second = add(client, web(site, depth=1))
    assert second["id"] != first["id"]
    assert counts(sync(client, second)) == {"found": 3, "changed": 3}
    assert {file["source_id"] for file in files(client).values()} == {second["id"]}
    assert {file["version"] for file in files(client).values()} == {1}
    assert counts(sync(client, second)) == {"found": 3, "unchanged": 3}


def test_rows_become_documents_and_follow_the_table(client: TestClient, shop: Path) -> None:
    source = add(client, sql(shop))
    done = sync(client, source)
    assert (done["state"], counts(done)) == ("done", {"found": 2, "changed": 2})
    assert files(client)["items/row-2.md"]["title"] == "锅炉"
    assert files(client)["items/row-1.md"]["origin"] == "sql:1"
    with closing(sqlite3.connect(shop)) as database:
        database.execute("DELETE FROM item WHERE id = 2")
        database.execute("UPDATE item SET body = 'It moves 15 litres.'")
        database.execute("INSERT INTO item VALUES (3, 'Valve', 'It is red.')")
        database.commit()
    assert counts(sync(client, source)) == {"found": 2, "changed": 2, "deleted": 1}
    assert set(files(client)) == {"items/row-1.md", "items/row-3.md"}
    assert "15 litres" in text_of(client, "items/row-1.md")


def test_an_empty_table_deletes_nothing(client: TestClient, shop: Path) -> None:
    source = add(client, sql(shop))
    sync(client, source)
    with closing(sqlite3.connect(shop)) as database:
        database.execute("DELETE FROM item")
        database.commit()
    assert sync(client, source)["state"] == "failed"
    assert len(files(client)) == 2


def test_a_table_can_be_one_document(client: TestClient, shop: Path) -> None:
    assert sync(client, add(client, sql(shop, group=True)))["state"] == "done"
    assert set(files(client)) == {"items/table.csv"}


def test_no_password_is_ever_shown(
    client: TestClient, shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = "postgresql://reader:s3cret@127.0.0.1:9/shop"
    source = add(client, sql(shop, url=url))
    assert source["options"]["url"] == "postgresql://reader:***@127.0.0.1:9/shop"
    failed = sync(client, source)
    assert failed["state"] == "failed"
    assert "s3cret" not in client.get(BASE).text + client.get("/api/v1/status").text
    assert "s3cret" not in caplog.text


def test_a_name_is_taken_once(client: TestClient, site: Site, shop: Path) -> None:
    add(client, web(site))
    answer = client.post(BASE, json=sql(shop, name="docs"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "duplicate_source")
