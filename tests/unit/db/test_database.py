"""The database: set-up, migrations, transactions, errors."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from server.db import database as module
from server.db.database import Database
from server.db.facts import read_fact, write_fact
from server.db.models import Table
from server.errors import DatabaseBusy


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = Database(tmp_path / "zhiwen.db")
    opened.migrate()
    return opened


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Table.metadata) == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    database.migrate()
    with database.read() as session:
        assert read_fact(session, "x") is None


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("page_size", 16384),
        ("auto_vacuum", 2),
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
    ],
)
def test_connections_are_set_up_for_safety(database: Database, pragma: str, value: object) -> None:
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_an_error_in_a_transaction_takes_all_of_it_back(database: Database) -> None:
    def fail() -> None:
        with database.write("test") as session:
            write_fact(session, "x", "1")
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as session:
        assert read_fact(session, "x") is None


def test_what_a_reader_changes_is_dropped(database: Database) -> None:
    with database.read() as session:
        write_fact(session, "x", "1")
        session.flush()
    with database.read() as session:
        assert read_fact(session, "x") is None


def test_a_database_locked_by_another_process_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.1)
    database = Database(tmp_path / "zhiwen.db")
    database.migrate()
    other = sqlite3.connect(tmp_path / "zhiwen.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseBusy), database.write("test") as session:
        write_fact(session, "x", "1")
    other.rollback()
    other.close()


def test_a_connection_opens_while_a_writer_is_active(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.1)
    with database.write("test") as session:
        write_fact(session, "x", "1")
        session.flush()
        with Database(tmp_path / "zhiwen.db").read() as reader:
            assert read_fact(reader, "x") is None
