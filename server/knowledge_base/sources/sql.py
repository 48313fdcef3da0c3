"""Rows of a read-only query to SQLite or PostgreSQL."""

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from server.errors import InvalidRequest, SourceFailed
from server.knowledge_base.sources import FetchLimits, Found
from server.knowledge_base.sources.postgres import query_postgres
from server.knowledge_base.sources.rows import Row, Shape
from server.knowledge_base.sources.sqlite import Rows, query_sqlite
from server.schemas.sources import MAX_ROWS, SqlOptions

# What may stand before the first word: white space and comments.
BEGIN = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/)*(select|with)\b", re.IGNORECASE | re.DOTALL)
PARAMETERS = {"sslmode"}  # of a URL; others could name files, programs and passwords
DRIVERS = {"postgresql", "postgresql+psycopg2", "postgres"}


class SqlQuery:
    """Reads rows in the order in which the database gives them."""

    def check(self, options: Mapping[str, Any], limits: FetchLimits) -> None:
        """Refuse what is no query, and a database that must not be asked."""
        wanted = SqlOptions.model_validate(dict(options))
        check_query(wanted.query)
        find_database(wanted.url, limits)

    def shown(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with the password of the address masked."""
        return {**options, "url": masked(str(options["url"]))}

    def fetch(
        self, options: Mapping[str, Any], limits: FetchLimits, known: Mapping[str, str]
    ) -> Iterator[Found]:
        """Yield a document for each row, or one for all of them."""
        wanted = SqlOptions.model_validate(dict(options))
        query = check_query(wanted.query)
        url = find_database(wanted.url, limits)
        with told(url, limits), run(url, query, limits) as (columns, rows):
            shape = Shape(wanted, columns, masked(wanted.url))
            counted = count(rows, url, limits)
            if wanted.group:
                yield shape.table(counted, max_bytes=limits.max_bytes)
            else:
                yield from shape.documents(counted)


def check_query(query: str) -> str:
    """Return a query without its last semicolon.

    Raises:
        InvalidRequest: it is not one SELECT.
    """
    one = query.strip().rstrip(";").rstrip()
    if not BEGIN.match(one) or ";" in one or "\0" in one:
        raise invalid(
            "options.query",
            "it must be one statement that begins with SELECT or WITH, and hold no semicolon.",
            "必须是以 SELECT 或 WITH 开头的一条语句，且不含分号。",
        )
    return one


def find_database(text: str, limits: FetchLimits) -> URL:
    """Return the address of a database; that of a file is its real path.

    Raises:
        InvalidRequest: it is none that may be asked.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise invalid(
            "options.url", "it is no address of a database.", "不是数据库地址。"
        ) from error
    if unknown := url.query.keys() - PARAMETERS:
        names = ", ".join(sorted(unknown))
        raise invalid("options.url", f"{names} is not allowed in it.", f"其中不允许有 {names}。")
    if url.drivername == "sqlite":
        return url.set(database=str(find_file(url.database or "", limits)))
    if url.drivername not in DRIVERS:
        raise invalid(
            "options.url", "it must begin with sqlite:// or postgresql://.",
            "必须以 sqlite:// 或 postgresql:// 开头。",
        )  # fmt: skip
    if not url.host or not url.database:
        raise invalid(
            "options.url", "it must name a host and a database.", "须包含主机和数据库名。"
        )
    return url.set(drivername="postgresql+psycopg2")


def find_file(path: str, limits: FetchLimits) -> Path:
    """Return the real path of a SQLite file.

    Raises:
        InvalidRequest: it is not in one of the folders that the settings name, or not there.
    """
    real = Path(os.path.realpath(path)) if path.startswith("/") and "\0" not in path else None
    folders = [folder.resolve() for folder in limits.sql_folders]
    if real is None or not any(real.is_relative_to(folder) for folder in folders):
        raise invalid(
            "options.url",
            "the file must have an absolute path in one of the folders of sources.sql_folders.",
            "文件须为绝对路径，且位于 sources.sql_folders 所列目录中。",
        )
    if not real.is_file():
        raise invalid("options.url", "there is no such file.", "文件不存在。")
    return real


def masked(text: str) -> str:
    """Return the address of a database without its password."""
    try:
        return make_url(text).set(query={}).render_as_string(hide_password=True)
    except ArgumentError:
        return "***"


@contextmanager
def run(url: URL, query: str, limits: FetchLimits) -> Iterator[Rows]:
    """Run a query; yield the names of its columns and its rows."""
    if url.drivername == "sqlite":
        with query_sqlite(
            Path(url.database or ""),
            query,
            timeout_s=limits.sql_timeout_s,
            is_cancelled=limits.is_cancelled,
        ) as found:
            yield found
    else:
        with query_postgres(
            url, query, timeout_s=limits.sql_timeout_s, is_cancelled=limits.is_cancelled
        ) as found:
            yield found


@contextmanager
def told(url: URL, limits: FetchLimits) -> Iterator[None]:
    """Turn what a database complains of into an error of ours, without the password.

    Raises:
        SourceFailed, Cancelled: it complained.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        limits.check_cancelled()  # a query that was told to end complains too
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        if url.password:
            reason = reason.replace(url.password, "***")
        reason = reason.rstrip(".。;； ")
        raise failed(url, f"{reason}.", f"{reason}。") from error
    except ModuleNotFoundError as error:
        advice = "pip install psycopg2-binary"
        raise failed(url, f"its driver is missing: {advice}.", f"缺少驱动：{advice}。") from error


def count(rows: Iterator[Row], url: URL, limits: FetchLimits) -> Iterator[Row]:
    """Yield rows until there are too many.

    Raises:
        SourceFailed: there are.
        Cancelled: the work is to end.
    """
    for row in islice(rows, MAX_ROWS):
        limits.check_cancelled()
        yield row
    if next(rows, None) is not None:
        raise failed(
            url,
            f"the query gives more than {MAX_ROWS} rows. Narrow it down with WHERE or LIMIT.",
            f"查询结果超过 {MAX_ROWS} 行，请用 WHERE 或 LIMIT 缩小范围。",
        )


def failed(url: URL, reason_en: str, reason_zh: str) -> SourceFailed:
    """Return the error for a database that did not answer."""
    address = url.render_as_string(hide_password=True)
    return SourceFailed(address=address, reason_en=reason_en, reason_zh=reason_zh)


def invalid(field: str, problem_en: str, problem_zh: str) -> InvalidRequest:
    """Return the error for an option that cannot be."""
    return InvalidRequest(
        param=field, problem_en=f"{field}: {problem_en}", problem_zh=f"{field}：{problem_zh}"
    )
