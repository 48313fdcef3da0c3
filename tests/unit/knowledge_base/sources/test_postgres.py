"""Rows of a real PostgreSQL server; that nothing can be written. Skipped where there is none."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine

from server.errors import SourceFailed
from server.knowledge_base.sources import Fetched
from server.knowledge_base.sources.sql import SqlQuery
from tests.e2e.processes import free_port
from tests.unit.knowledge_base.sources.conftest import MakeLimits

pytest.importorskip("psycopg2", reason="the driver of PostgreSQL is not installed")
PASSWORD = "pa%ss"
ACCOUNT = "nobody"  # the server refuses to run as root


def as_account(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command, as another account if this is root."""
    user = ACCOUNT if os.geteuid() == 0 else None
    group = pwd.getpwnam(ACCOUNT).pw_gid if user else None
    return subprocess.run(
        command, capture_output=True, text=True, user=user, group=group, cwd="/", check=True
    )


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    tools = [shutil.which(name) for name in ("initdb", "pg_ctl")]
    if None in tools:
        pytest.skip("no PostgreSQL server is installed")
    initdb, pg_ctl = map(str, tools)
    root = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    if os.geteuid() == 0:
        shutil.chown(root, ACCOUNT)
    secret = root / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    data, port = str(root / "data"), free_port()
    options = f"-p {port} -k {root} -c listen_addresses=127.0.0.1 -c fsync=off"
    try:
        as_account(
            *(initdb, "-D", data, "-U", "owner", "-A", "scram-sha-256", "--pwfile", str(secret)),
            *("-E", "UTF8", "--locale", "C"),
        )
        as_account(pg_ctl, "-D", data, "-l", str(root / "log"), "-o", options, "-w", "start")
        quoted = PASSWORD.replace("%", "%25")
        made = create_engine(f"postgresql+psycopg2://owner:{quoted}@127.0.0.1:{port}/postgres")
        with made.begin() as sql:
            sql.execute(text("CREATE TABLE item (id int PRIMARY KEY, title text, body text)"))
            sql.execute(text("INSERT INTO item VALUES (1, 'Pump', '100 % 锅炉'), (2, 'B', 'C')"))
        yield made
        made.dispose()
        as_account(pg_ctl, "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def make(engine: Engine, query: str, **options: Any) -> dict[str, Any]:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    wanted = {"id_column": "id", "title_column": "title", "text_columns": ["body"]}
    return {"url": url, "query": query, **wanted, **options}


def run(limits: MakeLimits, engine: Engine, query: str, **wishes: Any) -> list[Fetched]:
    return list(SqlQuery().fetch(make(engine, query), limits(**wishes), {}))  # type: ignore[arg-type]


def test_rows_are_documents(limits: MakeLimits, engine: Engine) -> None:
    query = "WITH x AS (SELECT * FROM item WHERE body LIKE '%锅炉' AND id::text = '1') TABLE x;"
    SqlQuery().check(make(engine, query), limits())
    (one,) = run(limits, engine, query)
    assert (one.name, one.data.decode()) == ("row-1.md", "# Pump\n\nbody: 100 % 锅炉\n")


@pytest.mark.parametrize(
    "query",
    [
        "WITH gone AS (DELETE FROM item RETURNING *) SELECT * FROM gone",
        "SELECT 1 AS id, set_config('transaction_read_only', 'off', false) AS title, 'x' AS body",
        "SELECT 1 AS id, 'x' AS title, 'y' AS body INTO other",
        "SELECT * FROM item FOR UPDATE",
    ],
)
def test_nothing_can_be_written(limits: MakeLimits, engine: Engine, query: str) -> None:
    with pytest.raises(SourceFailed):
        run(limits, engine, query)
    with engine.connect() as sql:
        assert sql.execute(text("SELECT count(*) FROM item")).scalar() == 2
        assert sql.execute(text("SELECT to_regclass('other')")).scalar() is None


def test_what_a_function_does_all_the_same_is_taken_back(
    limits: MakeLimits, engine: Engine
) -> None:
    assert run(limits, engine, "SELECT 9 AS id, 'x' AS title, lo_creat(1)::text AS body")
    with engine.connect() as sql:
        assert sql.execute(text("SELECT count(*) FROM pg_largeobject_metadata")).scalar() == 0


def test_a_slow_query_is_stopped(limits: MakeLimits, engine: Engine) -> None:
    query = "SELECT 1 AS id, 'x' AS title, pg_sleep(30)::text AS body"
    with pytest.raises(SourceFailed, match="timeout"):
        run(limits, engine, query, sql_timeout_s=1)


def test_a_wrong_password_is_told_and_not_shown(limits: MakeLimits, engine: Engine) -> None:
    url = engine.url.set(password="wr0ng", drivername="postgresql")
    options = {
        **make(engine, "SELECT 1"),
        "url": url.render_as_string(hide_password=False),
    }
    with pytest.raises(SourceFailed, match="authentication") as caught:
        list(SqlQuery().fetch(options, limits(), {}))
    assert "wr0ng" not in str(caught.value)
