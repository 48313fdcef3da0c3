"""Runs a query in PostgreSQL that can only read, and ends in time. Knows no documents.

The limit of the server is not enough: it times each portion of rows anew, and a server that went
away silently keeps none. So the connection is watched, and hung up from this side.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from server.errors import SourceFailed
from server.knowledge_base.sources.sqlite import Rows

CONNECT_S = 10
GRACE_S = 2.0  # in which the server can tell by itself that the time is over
LOOK_EVERY_S = 0.2
AT_ONCE = 100  # rows that are held in memory
# The system gives up a peer that went away after 10 + 3 * 5 seconds, or 25 without an answer.
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}


class Watch:
    """Hangs up a connection when its time is over or its work cancelled, whoever waits for it."""

    def __init__(self, timeout_s: float, is_cancelled: Callable[[], bool]) -> None:
        self._timeout_s = timeout_s
        self._is_cancelled = is_cancelled
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_late = False

    def begin(self, file: int) -> None:
        """Watch a connection from now on, by the number of its open file."""
        # A number of its own, which stays that of this connection after libpq has closed its own.
        line = socket.socket(fileno=os.dup(file))
        deadline = time.monotonic() + self._timeout_s
        self._thread = threading.Thread(target=self._look, args=(line, deadline), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self, line: socket.socket, deadline: float) -> None:
        with line:
            while not self._ended.wait(LOOK_EVERY_S):
                self.is_late = time.monotonic() > deadline
                if self.is_late or self._is_cancelled():
                    with suppress(OSError):  # it has hung up by itself
                        line.shutdown(socket.SHUT_RDWR)
                    return


@contextmanager
def query_postgres(
    url: URL, query: str, *, timeout_s: float, is_cancelled: Callable[[], bool]
) -> Iterator[Rows]:
    """Run one query; yield the names of its columns and its rows.

    Its transaction can only read, and a cursor takes nothing but queries.

    Raises:
        SQLAlchemyError: the server refused, failed or was hung up.
        SourceFailed: it did not give all rows in time.
        ModuleNotFoundError: there is no driver.
    """
    watch = Watch(timeout_s + GRACE_S, is_cancelled)
    engine = make_engine(url, timeout_s, watch)
    try:
        with engine.connect() as connection:
            try:
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                reading = connection.execution_options(
                    stream_results=True, yield_per=AT_ONCE, no_parameters=True
                )
                result = reading.exec_driver_sql(query)
                yield list(result.keys()), (tuple(row) for row in result)
            finally:
                connection.invalidate()  # hangs up: a rollback would wait for an answer
    except SQLAlchemyError as error:
        if not watch.is_late:
            raise
        raise SourceFailed(
            address=url.render_as_string(hide_password=True),
            reason_en=f"it did not give all rows within sources.sql_timeout_s, {timeout_s:g} s.",
            reason_zh=f"未能在 sources.sql_timeout_s（{timeout_s:g} 秒）内返回所有行。",
        ) from error
    finally:
        watch.end()
        engine.dispose()


def make_engine(url: URL, timeout_s: float, watch: Watch) -> Engine:
    """Return what connects to a server; its first connection is watched as soon as it stands."""
    engine = create_engine(
        url,
        poolclass=NullPool,
        connect_args={
            "connect_timeout": CONNECT_S,
            "application_name": "zhiwen",
            "options": "-c default_transaction_read_only=on "
            f"-c statement_timeout={timeout_s * 1000:.0f}",
            **KEEPALIVE,
        },
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _: Any, given: Any, named: Any) -> Any:  # of SQLAlchemy's drivers
        connection = dialect.connect(*given, **named)
        watch.begin(connection.fileno())
        return connection

    return engine
