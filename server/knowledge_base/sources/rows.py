"""Rows of a query as documents. Knows no database."""

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from server.errors import SourceFailed, TooLarge
from server.knowledge_base.sources import Fetched
from server.schemas.sources import SqlOptions

SAFE_ID = re.compile(r"[\w-]{1,80}")
TABLE = "table.csv"
ALL_ROWS = "sql:*"  # the origin of a table

Row = Sequence[Any]  # what the driver gives


class Shape:
    """Where the columns that are wanted stand in the rows."""

    def __init__(self, options: SqlOptions, columns: Sequence[str], address: str) -> None:
        """Find the columns.

        Raises:
            SourceFailed: the query does not give one of them.
        """
        self.address = address
        self.texts = options.text_columns
        wanted = [options.id_column, *options.text_columns]
        if options.title_column is not None:
            wanted.append(options.title_column)
        lacking = [name for name in wanted if name not in columns]
        if lacking:
            names, given = ", ".join(lacking), ", ".join(columns)
            raise SourceFailed(
                address=address,
                reason_en=f"the query gives no column {names}; it gives {given}.",
                reason_zh=f"查询结果中没有列 {names}，现有列：{given}。",
            )
        self._at = {name: columns.index(name) for name in wanted}
        self._id, self._title = options.id_column, options.title_column
        self._ids: set[bytes] = set()  # what stands for each: the ids themselves may be long

    def documents(self, rows: Iterable[Row]) -> Iterator[Fetched]:
        """Yield each row as a document of its own.

        Raises:
            SourceFailed: two rows have the same id, or one has none.
        """
        for row in rows:
            row_id = self._check_id(row)
            lines = [f"# {' '.join(self._title_of(row, row_id).split())}"]
            lines += [field(name, self._text(row, name)) for name in self.texts]
            data = "\n\n".join(line for line in lines if line) + "\n"
            yield Fetched(row_name(row_id), data.encode("utf-8", "replace"), f"sql:{row_id}"[:1000])

    def table(self, rows: Iterable[Row], *, max_bytes: int) -> Fetched:
        """Return all rows as one table, whose first line names the columns, in their order.

        Raises:
            SourceFailed: two rows have the same id, or one has none.
            TooLarge: there is more than ``max_bytes``; no further row is asked for.
        """
        names = sorted(self._at, key=self._at.__getitem__)
        data = io.BytesIO()
        text = io.TextIOWrapper(data, "utf-8", "replace", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow(names)
        for row in rows:
            self._check_id(row)
            writer.writerow([self._text(row, name) for name in names])
            if data.tell() > max_bytes:
                raise TooLarge(
                    what_en=f"The table of {self.address}",
                    what_zh=f"{self.address} 的表格",
                    limit=f"{max_bytes >> 20} MiB",
                    setting="kb.max_file_mb",
                )
        return Fetched(TABLE, data.getvalue(), ALL_ROWS)

    def _check_id(self, row: Row) -> str:
        row_id = self._text(row, self._id)
        mark = hashlib.sha256(row_id.encode("utf-8", "replace")).digest()
        if not row_id or mark in self._ids:
            what = "is empty in a row" if not row_id else f"has {row_id[:80]!r} twice"
            what_zh = "在某一行为空" if not row_id else f"中 {row_id[:80]!r} 重复"
            raise SourceFailed(
                address=self.address,
                reason_en=f"the id column {self._id} {what}.",
                reason_zh=f"标识列 {self._id} {what_zh}。",
            )
        self._ids.add(mark)
        return row_id

    def _title_of(self, row: Row, row_id: str) -> str:
        return (self._text(row, self._title) if self._title else "") or row_id

    def _text(self, row: Row, name: str) -> str:
        value = row[self._at[name]]
        return "" if value is None or isinstance(value, bytes | memoryview) else str(value).strip()


def field(name: str, value: str) -> str:
    """Return a field as a line, or as lines of its own if it has several; "" for an empty one."""
    if not value:
        return ""
    return f"{name}:\n\n{value}" if "\n" in value else f"{name}: {value}"


def row_name(row_id: str) -> str:
    """Return the name of the file of a row, as it is stored.

    Names are stored in NFC: an id that is not must not take the name of the one that is.
    """
    if SAFE_ID.fullmatch(row_id) and unicodedata.is_normalized("NFC", row_id):
        return f"row-{row_id}.md"
    return f"row-{hashlib.sha256(row_id.encode('utf-8', 'replace')).hexdigest()[:32]}.md"
