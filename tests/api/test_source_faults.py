"""What trouble with a source, or a file of the same name, must not do to the files."""

import sqlite3
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from server.container import Container
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.submission import Upload
from tests.api.conftest import upload
from tests.api.sources import BASE, add, counts, files, sql, sync, text_of, web
from tests.unit.knowledge_base.sources.site import Reply, Site, moved, page, plain


@pytest.fixture
def client(sourced: TestClient) -> TestClient:
    return sourced


@pytest.mark.parametrize(
    "reply",
    [moved("/login", 302), Reply(b"", 403), plain(b"", "text/html")],
)
def test_trouble_with_a_page_keeps_its_file_and_names_it(
    client: TestClient, site: Site, reply: Reply
) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    before = files(client)
    site.pages["/docs/pump"] = reply
    done = sync(client, source)
    assert (done["state"], done["counts"]["missed"]) == ("incomplete", 1)
    (problem,) = done["problems"]
    assert problem["file"] == "docs/pump.html"
    assert problem["error"] == done["error"]
    assert "/docs/pump" in problem["error"]["message"]
    assert files(client) == before


@pytest.mark.parametrize("status", [301, 308])
def test_a_page_that_moved_for_good_goes(client: TestClient, site: Site, status: int) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    site.pages["/docs/pump"] = moved("/elsewhere", status)
    assert counts(sync(client, source))["deleted"] == 1
    assert "docs/pump.html" not in files(client)


def test_a_page_that_moved_within_the_section_is_read_there(client: TestClient, site: Site) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    site.pages["/docs/pump"] = moved("/docs/machines/pump", 301)
    site.pages["/docs/machines/pump"] = page("Pump", text="The pump moves 12 litres.")
    done = sync(client, source)
    assert (done["state"], done["counts"]["deleted"]) == ("done", 1)
    assert set(files(client)) == {
        *("docs/index.html", "docs/boiler.html", "docs/machines/pump.html"),
    }


def test_a_first_page_without_its_links_deletes_nothing(client: TestClient, site: Site) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    site.pages["/docs/"] = page("Under repair", text="Come back later.")
    done = sync(client, source)
    assert (done["state"], done["counts"]["deleted"]) == ("done", 0)
    assert len(files(client)) == 3


def fill(shop: Path, rows: int) -> None:
    with closing(sqlite3.connect(shop)) as database:
        database.execute("DELETE FROM item")
        values = [(row, f"Title {row}", f"Text {row}") for row in range(rows)]
        database.executemany("INSERT INTO item VALUES (?, ?, ?)", values)
        database.commit()


def test_a_source_that_lost_most_of_its_rows_deletes_none_unasked(
    client: TestClient, shop: Path
) -> None:
    fill(shop, 21)
    source = add(client, sql(shop))
    sync(client, source)
    fill(shop, 10)
    done = sync(client, source)
    assert (done["state"], done["counts"]["deleted"]) == ("incomplete", 0)
    assert (done["error"]["code"], len(files(client))) == ("many_gone", 21)
    assert "11 of the 21" in done["error"]["message"]
    path = f"{BASE}/{source['id']}"
    chinese = client.get(path, headers={"Accept-Language": "zh"}).json()["error"]["message"]
    assert "delete_many=true" in done["error"]["message"]
    assert "delete_many=true" in chinese
    assert "21 个文件中的 11 个" in chinese
    assert client.post(f"{path}/sync", params={"delete_many": True}).status_code == 202
    container: Container = client.app.state.container
    container.sources.wait(source["id"])
    done = client.get(path).json()
    assert (done["state"], done["counts"]["deleted"]) == ("done", 11)
    assert len(files(client)) == 10


def test_new_names_for_all_rows_count_as_many_gone(client: TestClient, shop: Path) -> None:
    fill(shop, 12)
    source = add(client, sql(shop))
    sync(client, source)
    with closing(sqlite3.connect(shop)) as database:
        database.execute("UPDATE item SET id = 'new-' || id")
        database.commit()
    assert sync(client, source)["error"]["code"] == "many_gone"
    assert len(files(client)) == 24


@pytest.mark.parametrize(("before", "after"), [(11, 1), (24, 12)])
def test_a_handful_or_half_of_the_files_is_deleted(
    client: TestClient, shop: Path, before: int, after: int
) -> None:
    fill(shop, before)
    source = add(client, sql(shop))
    sync(client, source)
    fill(shop, after)
    assert sync(client, source)["state"] == "done"
    assert len(files(client)) == after


def test_a_file_uploaded_with_the_same_bytes_is_ones_own(client: TestClient, site: Site) -> None:
    source = add(client, web(site, depth=1))
    sync(client, source)
    pump = site.pages["/docs/pump"]
    assert isinstance(pump, Reply)
    answer = upload(client, "docs/pump.html", pump.body, override="true")
    assert answer.status_code == 201, answer.text
    file = files(client)["docs/pump.html"]
    assert (file["source_id"], file["origin"], file["version"]) == (None, None, 1)
    site.pages["/docs/pump"] = page("Pump", text="Another text.")
    assert counts(sync(client, source)) == {"found": 3, "unchanged": 2, "kept": 1}
    assert "12 litres" in text_of(client, "docs/pump.html")
    del site.pages["/docs/pump"]
    assert sync(client, source)["counts"]["deleted"] == 0
    assert "docs/pump.html" in files(client)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_of_ones_own_that_a_source_wants_is_named(
    client: TestClient, site: Site, is_first: bool
) -> None:
    source = add(client, web(site, depth=1))
    if not is_first:
        sync(client, source)
    upload(client, "docs/pump.html", b"<p>My own page about pumps.</p>", override="true")
    done = sync(client, source)
    assert (done["state"], done["counts"]["kept"]) == ("done", 1)
    (problem,) = done["problems"]
    assert (problem["file"], problem["error"]["code"]) == ("docs/pump.html", "own_file")
    assert "My own" in text_of(client, "docs/pump.html")
    path = f"{BASE}/{source['id']}"
    chinese = client.get(path, headers={"Accept-Language": "zh"}).json()["problems"]
    assert "手动" in chinese[0]["error"]["message"]


@pytest.mark.parametrize("data", [b"<p>My own page.</p>", b"<p>That of the source.</p>"])
def test_a_file_that_became_ones_own_meanwhile_is_not_taken(
    client: TestClient, site: Site, data: bytes
) -> None:
    """It came after the synchronisation had looked, before what it brought was submitted."""
    source = add(client, web(site, depth=1))
    upload(client, "docs/pump.html", b"<p>My own page.</p>")
    container: Container = client.app.state.container
    submitted = container.knowledge_bases.submissions.submit(
        "kb",
        [Upload("docs/pump.html", BytesIO(data), site.url("/docs/pump"))],
        options=IngestOptions(override=True, source=source["id"]),
    )
    submitted.ended.result(60)
    assert "My own page" in text_of(client, "docs/pump.html")
    file = files(client)["docs/pump.html"]
    assert (file["source_id"], file["origin"]) == (None, None)


def test_ids_that_are_not_normalised_stay(client: TestClient, shop: Path) -> None:
    with closing(sqlite3.connect(shop)) as database:
        database.execute("DELETE FROM item")
        rows = [("\u1112\u1161\u11ab", "A", "One."), ("\ud55c", "B", "Two.")]
        database.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
        database.commit()
    source = add(client, sql(shop))
    assert counts(sync(client, source)) == {"found": 2, "changed": 2}
    before = files(client)
    assert len(before) == 2
    assert counts(sync(client, source)) == {"found": 2, "unchanged": 2}
    assert files(client) == before
