"""Rows of a real PostgreSQL server; that nothing can be written. Skipped where there is none."""

import os
import pwd
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine

from server.errors import Cancelled, SourceFailed
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


class Wire:
    """Stands between a client and the server; from ``cut`` on it is silent and hangs nobody up."""

    def __init__(self, port: int) -> None:
        self.server = port
        self.is_cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets = [self._listener]
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        self.is_cut.set()
        for each in self._sockets:
            with suppress(OSError):  # it may be closed on the other side
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        with suppress(OSError):  # until it is closed
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server))
            self._sockets += [client, server]
            for ends in ((client, server), (server, client)):
                self._threads.append(threading.Thread(target=self._pass_on, args=ends))
                self._threads[-1].start()

    def _pass_on(self, begin: socket.socket, end: socket.socket) -> None:
        with suppress(OSError):
            while data := begin.recv(65536):
                if not self.is_cut.is_set():
                    end.sendall(data)


@pytest.fixture
def wire(engine: Engine) -> Iterator[Wire]:
    opened = Wire(engine.url.port or 0)
    yield opened
    opened.close()


def through(wire: Wire, engine: Engine, query: str) -> dict[str, Any]:
    url = engine.url.set(drivername="postgresql", port=wire.port)
    return {**make(engine, query), "url": url.render_as_string(hide_password=False)}


MANY = "SELECT i AS id, 'x' AS title, 'y' AS body FROM generate_series(1, 50000) AS i"


def test_a_server_that_falls_silent_is_given_up(
    limits: MakeLimits, engine: Engine, wire: Wire
) -> None:
    rows = SqlQuery().fetch(through(wire, engine, MANY), limits(sql_timeout_s=1), {})
    next(rows)
    wire.is_cut.set()
    with pytest.raises(SourceFailed, match="sql_timeout_s"):
        list(rows)


def test_no_silent_server_keeps_a_connection_open(
    limits: MakeLimits, engine: Engine, wire: Wire
) -> None:
    rows = SqlQuery().fetch(through(wire, engine, MANY), limits(sql_timeout_s=600), {})
    next(rows)
    wire.is_cut.set()
    rows.close()  # type: ignore[attr-defined]  # an iterator that is a generator


def test_waiting_for_a_server_can_be_cancelled(
    limits: MakeLimits, engine: Engine, wire: Wire
) -> None:
    is_over = threading.Event()
    wanted = limits(sql_timeout_s=600, is_cancelled=is_over.is_set)
    rows = SqlQuery().fetch(through(wire, engine, MANY), wanted, {})
    next(rows)
    wire.is_cut.set()
    threading.Timer(0.5, is_over.set).start()
    with pytest.raises(Cancelled):
        list(rows)


def test_many_rows_that_come_slowly_end_in_time(limits: MakeLimits, engine: Engine) -> None:
    """The server counts the time of each portion anew."""
    query = "SELECT i AS id, 'x' AS title, pg_sleep(0.005)::text AS body"
    with pytest.raises(SourceFailed, match="sql_timeout_s"):
        run(limits, engine, f"{query} FROM generate_series(1, 5000) AS i", sql_timeout_s=1)
