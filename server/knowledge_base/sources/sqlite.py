"""Reads a SQLite file that others write, without changing it. Knows no documents."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from server.knowledge_base.sources.rows import Row

STEPS = 20_000  # of SQLite's machine between two looks at the clock
ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}

Rows = tuple[Sequence[str], Iterator[Row]]


@contextmanager
def query_sqlite(
    path: Path, query: str, *, timeout_s: float, is_cancelled: Callable[[], bool]
) -> Iterator[Rows]:
    """Run one query; yield the names of its columns and its rows.

    Raises:
        sqlite3.Error: the file is none of SQLite, the query is wrong, writes or takes too long.
    """
    deadline = time.monotonic() + timeout_s
    address = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=timeout_s)) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.set_authorizer(authorize)
        connection.set_progress_handler(
            lambda: is_cancelled() or time.monotonic() > deadline, STEPS
        )
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        with closing(connection.execute(query)) as cursor:
            yield [column[0] for column in cursor.description or ()], iter(cursor)


def authorize(action: int, first: Any, _: Any, __: Any, ___: Any) -> int:  # SQLite's own values
    """Allow to read, and nothing else; a full-text index asks for its version."""
    is_version = action == sqlite3.SQLITE_PRAGMA and first == "data_version"
    return sqlite3.SQLITE_OK if action in ALLOWED or is_version else sqlite3.SQLITE_DENY
