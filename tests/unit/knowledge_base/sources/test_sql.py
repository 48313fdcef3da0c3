"""Rows of SQLite as documents; that nothing can be written."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.errors import Cancelled, InvalidRequest, SourceFailed, TooLarge, ZhiwenError
from server.knowledge_base.names import check_file_name
from server.knowledge_base.sources import Fetched, FetchLimits
from server.knowledge_base.sources import sql as module
from server.knowledge_base.sources.sql import SqlQuery, check_query, masked
from tests.unit.knowledge_base.sources.conftest import MakeLimits

Run = Callable[..., list[Fetched]]
ROWS = [
    (1, "Pump", "The pump moves 12 litres.", None),
    (2, "锅炉", "锅炉每 14 周除垢。\n第二行。", b"\x00"),
    (3, "  Filter\n of air ", "Replace it.", 7),
]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop" / "items.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("CREATE TABLE item (id, title, text, extra)")
        sql.executemany("INSERT INTO item VALUES (?, ?, ?, ?)", ROWS)
        sql.commit()
    return path


@pytest.fixture
def allowed(limits: MakeLimits, database: Path) -> FetchLimits:
    return limits(sql_folders=(database.parent,))


@pytest.fixture
def run(allowed: FetchLimits, database: Path) -> Run:
    def fetch(query: str = "SELECT * FROM item", **options: Any) -> list[Fetched]:
        return list(SqlQuery().fetch(make(database, query, **options), allowed, {}))  # type: ignore[arg-type]

    return fetch


def make(database: Path, query: str = "SELECT * FROM item", **options: Any) -> dict[str, Any]:
    wanted = {"id_column": "id", "title_column": "title", "text_columns": ["text", "extra"]}
    return {"url": f"sqlite:///{database}", "query": query, **wanted, **options}


def test_each_row_is_a_document(run: Run) -> None:
    one, two, three = run()
    assert (one.name, one.origin) == ("row-1.md", "sql:1")
    assert one.data.decode() == "# Pump\n\ntext: The pump moves 12 litres.\n"
    assert two.data.decode() == "# 锅炉\n\ntext:\n\n锅炉每 14 周除垢。\n第二行。\n"
    assert three.data.decode() == "# Filter of air\n\ntext: Replace it.\n\nextra: 7\n"


def test_without_a_title_the_id_is_one(run: Run) -> None:
    assert run(title_column=None)[0].data.startswith(b"# 1\n")


def test_a_group_is_one_table(run: Run) -> None:
    (table,) = run(group=True)
    assert (table.name, table.origin) == ("table.csv", "sql:*")
    assert table.data.decode().splitlines()[:2] == [
        "id,title,text,extra",
        "1,Pump,The pump moves 12 litres.,",
    ]


def test_the_columns_of_a_table_stand_as_in_the_query(run: Run) -> None:
    (table,) = run("SELECT extra, text, title, id FROM item", group=True)
    assert table.data.decode().startswith("extra,text,title,id\r\n")


@pytest.mark.parametrize("row_id", ["a b", "../x", "x" * 200, "é/ü", "a.b", "a\x00b"])
def test_any_id_gives_a_name_that_a_file_can_have(run: Run, row_id: str) -> None:
    query = f"SELECT CAST(x'{row_id.encode().hex()}' AS TEXT) AS id, 't' AS title, 'x' AS text"
    (found,) = run(query, text_columns=["text"])
    assert check_file_name(f"s/{found.name}")
    assert found.name.startswith("row-")


@pytest.mark.parametrize(
    ("row_id", "other"),
    [("\u212b", "\u00c5"), ("\u1112\u1161\u11ab", "\ud55c"), ("\uf900", "\u8c48")],
)
def test_ids_that_normalise_to_the_same_have_names_of_their_own(
    run: Run, row_id: str, other: str
) -> None:
    query = f"SELECT '{row_id}' AS id, 'x' AS text UNION ALL SELECT '{other}', 'y'"
    found = run(query, title_column=None, text_columns=["text"])
    made = [each.name for each in found]
    assert [check_file_name(name) for name in made] == made
    assert len({*made}) == 2
    assert made[1] == f"row-{other}.md"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 1 AS id, 'x' AS text UNION ALL SELECT 1, 'y'", "twice"),
        ("SELECT NULL AS id, 'x' AS text", "empty"),
        ("SELECT 1 AS id", "no column text"),
        ("SELECT * FROM missing", "no such table"),
        ("SELECT FROM", "syntax"),
    ],
)
def test_what_cannot_be_documents_is_told(run: Run, query: str, reason: str) -> None:
    with pytest.raises(SourceFailed, match=reason):
        run(query, title_column=None, text_columns=["text"])


WRITES = [
    "INSERT INTO item VALUES (9, '', '', '')",
    "UPDATE item SET id = 9",
    "DELETE FROM item",
    "DROP TABLE item",
    "PRAGMA journal_mode=DELETE",
    "ATTACH '/tmp/x.db' AS x",
    "VACUUM INTO '/tmp/x.db'",
    "SELECT 1; DELETE FROM item",
    "SELECT 1;; DROP TABLE item;",
    "/* SELECT */ DELETE FROM item",
    " ",
    ";",
    "SELECTED",
]


@pytest.mark.parametrize("query", WRITES)
def test_what_is_no_single_query_is_refused_at_once(
    database: Path, allowed: FetchLimits, query: str
) -> None:
    with pytest.raises(InvalidRequest, match=r"options\.query"):
        SqlQuery().check(make(database, query), allowed)


@pytest.mark.parametrize(
    "query",
    [
        "WITH x AS (SELECT 1) INSERT INTO item SELECT 9, 'a', 'b', 'c'",
        "WITH x AS (SELECT 1) DELETE FROM item",
        "SELECT load_extension('/tmp/x.so') AS id",
        "SELECT * FROM pragma_database_list",
    ],
)
def test_the_database_refuses_what_the_text_hides(run: Run, database: Path, query: str) -> None:
    before = database.read_bytes()
    with pytest.raises(SourceFailed):
        run(query)
    assert database.read_bytes() == before
    assert sorted(path.name for path in database.parent.iterdir()) == ["items.db"]


@pytest.mark.parametrize(
    "query",
    [
        "select 1",
        "  -- a comment\n/* another\n one */ SELECT 1 ; ",
        "WITH x AS (SELECT 1) SELECT * FROM x;",
        "select(1)",
    ],
)
def test_a_query_may_be_written_in_several_ways(query: str) -> None:
    assert check_query(query)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///items.db",
        "sqlite:///:memory:",
        "sqlite:////etc/passwd",
        "sqlite:///{folder}/../secret.db",
        "sqlite:///{folder}/link.db",
        "sqlite:///{folder}/nothing.db",
        "sqlite:///{folder}",
        "sqlite:///file:{folder}/items.db?mode=rwc&uri=true",
        "sqlite+aiosqlite:///{folder}/items.db",
        "mysql://u:p@h/d",
        "postgresql:///d",
        "postgresql://h/",
        "postgresql://h/d?options=-c%20x",
        "postgresql://h/d?passfile=/etc/passwd",
        "postgresql://h/d?host=/tmp",
        "no address",
    ],
)
def test_other_databases_are_refused(database: Path, allowed: FetchLimits, url: str) -> None:
    folder = database.parent
    (folder.parent / "secret.db").write_bytes(database.read_bytes())
    (folder / "link.db").symlink_to(folder.parent / "secret.db")
    options = {**make(database), "url": url.format(folder=folder)}
    with pytest.raises(InvalidRequest, match=r"options\.url"):
        SqlQuery().check(options, allowed)


def test_no_folder_in_the_settings_means_no_file(database: Path, limits: MakeLimits) -> None:
    with pytest.raises(InvalidRequest, match="sql_folders"):
        SqlQuery().check(make(database), limits())


def test_a_file_that_is_no_database_is_told(run: Run, database: Path) -> None:
    database.write_bytes(b"Not a database, however long it may be." * 100)
    with pytest.raises(SourceFailed, match="not a database"):
        run()


def test_a_query_without_end_is_stopped(run: Run, limits: MakeLimits, database: Path) -> None:
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    wanted = make(database, f"{query} AS x")
    begun = time.monotonic()
    with pytest.raises(SourceFailed, match="interrupted"):
        list(SqlQuery().fetch(wanted, limits(sql_folders=(database.parent,), sql_timeout_s=1), {}))
    assert time.monotonic() - begun < 4
    cancelled = limits(sql_folders=(database.parent,), is_cancelled=lambda: True)
    with pytest.raises(Cancelled):
        list(SqlQuery().fetch(wanted, cancelled, {}))


def test_too_many_rows_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    with pytest.raises(SourceFailed, match="more than 2 rows"):
        run()


def test_a_table_is_cut_off_before_it_is_read_to_the_end(
    limits: MakeLimits, database: Path
) -> None:
    """The limit on rows would come much later: these are 50 times as many bytes."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    query = f"{numbers} SELECT i AS id, hex(zeroblob(500)) AS text FROM n"
    wanted = make(database, query, title_column=None, text_columns=["text"], group=True)
    chosen = limits(sql_folders=(database.parent,), sql_timeout_s=60)
    with pytest.raises(TooLarge, match="max_file_mb"):
        list(SqlQuery().fetch(wanted, chosen, {}))


def test_what_others_write_meanwhile_does_no_harm(run: Run, database: Path) -> None:
    with closing(sqlite3.connect(database)) as sql:
        sql.execute("PRAGMA journal_mode=WAL")
        sql.execute("INSERT INTO item VALUES (4, 'New', 'Text', '')")
        sql.commit()
        assert len(run()) == 4


def test_passwords_are_masked() -> None:
    url = "postgresql://user:s3cret@db.example/shop?sslmode=require"
    shown = SqlQuery().shown({"url": url, "query": "SELECT 1"})
    assert shown == {"url": "postgresql://user:***@db.example/shop", "query": "SELECT 1"}
    assert masked("no address") == "***"


def test_a_server_that_is_not_there_is_told_without_the_password(limits: MakeLimits) -> None:
    pytest.importorskip("psycopg2")
    options = make(Path("/"), "SELECT 1") | {"url": "postgresql://user:s3cret@127.0.0.1:9/shop"}
    with pytest.raises(ZhiwenError) as caught:
        list(SqlQuery().fetch(options, limits(), {}))
    assert "s3cret" not in str(caught.value)
    assert "postgresql" in str(caught.value)
