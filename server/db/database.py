"""Connections to the database: set-up, migrations, transactions. Knows no table by name."""

import errno
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from server.errors import DatabaseBusy, StorageFull
from server.faults import fault_point

BUSY_TIMEOUT_S = 5  # how long a writer waits for another process before it fails with 503
QUEUE_TIMEOUT_S = 60  # and for other writers of this process, of which one may be a large upload
CONNECTIONS = 64  # more than there are threads, so that nobody waits for one
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """One database; opened lazily, safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.engine = open_sqlite(path)
        self._writing = threading.Lock()  # writers of this process queue here, not in SQLite
        self.writer = self.engine.execution_options(writes=True)

    def migrate(self) -> None:
        """Create or upgrade the tables.

        Raises:
            DatabaseBusy, StorageFull: they are as they were.
        """
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with translate_errors(), self.engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that sees one state of the database; what it changes is dropped."""
        with translate_errors(), Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self, change: str) -> Iterator[Session]:
        """Open a transaction that is committed at the end, or rolled back on any error.

        ``change`` names it for the crash tests, which end the process before and after the commit.

        Raises:
            DatabaseBusy: another writer did not finish in time.
            StorageFull: the disk is full or cannot be written.
        """
        with (
            self._take_turn(),
            translate_errors(),
            Session(self.writer, expire_on_commit=False) as session,
        ):
            with session.begin():
                yield session
                session.flush()
                fault_point(f"{change}.before_commit")
            fault_point(f"{change}.after_commit")

    @contextmanager
    def _take_turn(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=QUEUE_TIMEOUT_S):
            raise DatabaseBusy
        try:
            yield
        finally:
            self._writing.release()

    def shrink(self, pages: int) -> bool:
        """Give some room of deleted rows back to the disk; return whether there is more of it.

        Raises:
            DatabaseBusy, StorageFull: nothing was given back.
        """
        with self._take_turn(), translate_errors(), self.writer.begin() as connection:
            free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            if free <= pages:  # so few are soon used again
                return False
            fault_point("shrink.before")
            cursor = connection.connection.cursor()  # SQLAlchemy does not step through it
            cursor.execute(f"PRAGMA incremental_vacuum({int(pages)})").fetchall()
            left = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            return bool(pages < left < free)  # a database made before 0.3.0 gives nothing back

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_sqlite(path: Path) -> Engine:
    """Return an engine whose transactions begin explicitly and commits survive a power cut."""
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=CONNECTIONS,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)
    return engine


def set_up(connection: SqliteConnection, _record: Any) -> None:  # SQLAlchemy's pool record
    """Prepare a new SQLite connection."""
    connection.isolation_level = None  # the driver must not begin transactions on its own
    is_new = connection.execute("PRAGMA page_count").fetchone()[0] == 0
    layout = (  # must come before WAL; on a database that exists it would wait for its writers
        "page_size=16384",  # vectors of a file then lie together
        "auto_vacuum=INCREMENTAL",  # so that room can be given back in small steps
    )
    for pragma in (
        *(layout if is_new else ()),
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is deleted does not stay in free pages
    ):
        connection.execute(f"PRAGMA {pragma}")


def begin(connection: Connection) -> None:
    """Begin a transaction; a writer takes its lock at once instead of failing half-way."""
    writes = connection.get_execution_options().get("writes")
    # Past SQLAlchemy, whose way to run a statement costs as much as the statement.
    connection.connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn a locked database and a full disk into errors of ours."""
    try:
        yield
    except (OperationalError, sqlite3.OperationalError) as error:
        reason = str(getattr(error, "orig", error))
        if "locked" in reason:
            raise DatabaseBusy from error
        if any(word in reason for word in ("full", "readonly", "disk I/O")):
            raise StorageFull(reason=reason) from error
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EROFS):
            raise StorageFull(reason=error.strerror) from error
        raise
