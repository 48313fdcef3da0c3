"""How much of a file was read: counted, stored, told."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from fastapi.testclient import TestClient
from sqlalchemy import text

from server.datatypes import Coverage, Gap
from server.db.database import MIGRATIONS, Database
from server.db.files import completeness
from server.db.models import FileRow
from tests.api.conftest import FILES, upload
from tests.conftest import make_settings, open_client, wait_until_ready
from tests.unit.knowledge_base.loaders.mails import make_mail
from tests.unit.knowledge_base.loaders.makers import make_docx
from tests.unit.knowledge_base.loaders.test_counting import NOTE, with_part, write

BASE = "/api/v1/knowledge_bases/kb"
MAIL = make_mail("See the plan.", subject="Plan", attached={"plan.dwg": b"AC1032"}).as_bytes()
NOTED = with_part(make_docx(write), "word/footnotes.xml", NOTE)


def coverage_of(client: TestClient, name: str) -> dict[str, object]:
    listed = client.get(f"{BASE}/files").json()
    return next(file["coverage"] for file in listed if file["name"] == name)


def incomplete_files(client: TestClient) -> tuple[int, int]:
    """Return how many the knowledge base tells of itself, and how many in the list of all."""
    (listed,) = client.get("/api/v1/knowledge_bases").json()
    return client.get(BASE).json()["incomplete_files"], listed["incomplete_files"]


def test_files_that_were_read_in_full_say_so(client: TestClient, kb: str) -> None:
    assert incomplete_files(client) == (0, 0)
    for name in FILES:
        coverage = coverage_of(client, name)
        assert coverage["is_complete"]
        assert coverage["share"] == 1
        assert coverage["words"] == coverage["words_read"]


def test_an_attachment_that_is_not_read_is_a_gap(client: TestClient, kb: str) -> None:
    added = upload(client, "mail.eml", MAIL).json()["files"][0]["file"]
    gap = {"kind": "attachment", "reason": "unsupported", "name": "plan.dwg"}
    assert added["coverage"]["gaps"] == [gap]
    assert not added["coverage"]["is_complete"]
    assert coverage_of(client, "mail.eml") == added["coverage"]
    assert incomplete_files(client) == (1, 1)


def test_a_note_that_is_not_found_lowers_the_share(client: TestClient, kb: str) -> None:
    upload(client, "noted.docx", NOTED)
    coverage = coverage_of(client, "noted.docx")
    assert (coverage["words"], coverage["words_read"]) == (13, 9)
    assert coverage["share"] == pytest.approx(9 / 13)
    assert not coverage["is_complete"]
    assert incomplete_files(client) == (1, 1)


def test_a_version_read_in_full_takes_the_mark_away(client: TestClient, kb: str) -> None:
    upload(client, "noted.docx", NOTED)
    upload(client, "noted.docx", make_docx(write), override="true")
    assert incomplete_files(client) == (0, 0)
    restored = client.post(f"{BASE}/files/noted.docx/versions/1/restore").json()
    assert not restored["coverage"]["is_complete"]
    assert incomplete_files(client) == (1, 1)


def test_the_limit_holds_at_once_but_not_for_gaps(tmp_path: Path) -> None:
    with open_client(make_settings(tmp_path)) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        upload(client, "noted.docx", NOTED)
        upload(client, "mail.eml", MAIL)
        assert incomplete_files(client) == (2, 2)
    with open_client(make_settings(tmp_path, kb={"coverage_limit": 0.5})) as client:
        wait_until_ready(client)
        assert incomplete_files(client) == (1, 1)
        assert coverage_of(client, "noted.docx")["is_complete"]
        assert not coverage_of(client, "mail.eml")["is_complete"]


def test_a_file_of_before_has_no_coverage_until_it_is_read_again(
    client: TestClient, kb: str
) -> None:
    database = client.app.state.container.database
    with database.write("test") as session:
        session.execute(text("UPDATE file SET coverage = NULL, completeness = NULL"))
    assert coverage_of(client, "pump.md") is None
    assert incomplete_files(client) == (0, 0)
    job = client.post(f"{BASE}/reindex", json={}).json()
    client.get(f"/api/v1/jobs/{job['id']}/events")  # which end with it
    assert coverage_of(client, "pump.md")["share"] == 1


def test_files_of_an_older_database_are_kept(tmp_path: Path) -> None:
    database = Database(tmp_path / "zhiwen.db")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
    with database.write("test") as session:
        session.execute(
            text(
                "INSERT INTO knowledge_base (id, name, name_key, info, embedding_model, chunk_size,"
                " chunk_overlap, revision, created_at) VALUES"
                " (1, 'kb', 'kb', '', 'none', 500, 100, 1, '2026-01-01 00:00:00')"
            )
        )
        session.execute(
            text(
                "INSERT INTO file (id, kb_id, name, blob, size, title, text, blocks, chunk_count,"
                " chunk_size, chunk_overlap, revision, created_at, updated_at) VALUES"
                " (1, 1, 'a.txt', 'x', 1, 'a', 'a', '[]', 1, 500, 100, 1,"
                " '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
            )
        )
    database.migrate()
    with database.read() as session:
        row = session.get_one(FileRow, 1)
        assert (row.name, row.coverage, row.completeness) == ("a.txt", None, None)


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        (Coverage(), None),
        (Coverage(words=0), None),
        (Coverage(words=4, words_read=3), 0.75),
        (Coverage(words=4, words_read=4, gaps=(Gap("page", "no_time", "3"),)), 0),
        (Coverage(gaps=(Gap("part", "damaged"),)), 0),
    ],
)
def test_a_gap_outweighs_the_words(coverage: Coverage, expected: float | None) -> None:
    assert completeness(coverage) == expected
