"""What lies in a data folder: whether SQL, blobs, views and indexes fit together and no more."""

import hashlib
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from tests.crash.api import Folder

SETTLED_WITHIN_S = 60.0  # what is removed in portions may take a moment
HASHING = "hashing-256"
HOUR_S = 3600
QUERIES = {  # each must return no row; its name says what a row would mean
    "a job that never ended": "SELECT id, kind, status FROM job WHERE finished_at IS NULL",
    "a job that has a lease": "SELECT id, owner FROM job WHERE owner IS NOT NULL "
    "AND status NOT IN ('queued', 'running') AND lease_until > datetime('now', '+1 hour')",
    "a file of a job that never ended": "SELECT id, job_id, name FROM job_file "
    "WHERE status NOT IN ('done', 'skipped', 'failed', 'cancelled')",
    "an evaluation run that never ended": "SELECT id FROM evaluation_run WHERE finished_at IS NULL",
    "a deleted knowledge base": "SELECT id, name FROM knowledge_base WHERE is_deleted",
    "a file with a wrong count of chunks": "SELECT id, name FROM file WHERE chunk_count != "
    "(SELECT count(*) FROM chunk WHERE file_id = file.id)",
    "a gap between chunks": "SELECT file_id FROM chunk GROUP BY file_id "
    "HAVING min(ord) != 0 OR max(ord) != count(*) - 1",
    "a chunk longer than it may be": "SELECT chunk.id FROM chunk JOIN file ON file_id = file.id "
    "WHERE length(chunk.text) > chunk_size",
    "a file newer than its knowledge base": "SELECT file.id FROM file JOIN knowledge_base AS kb "
    "ON kb_id = kb.id WHERE file.revision > kb.revision",
    "a gap in the change log": "SELECT kb.id FROM change "
    "JOIN knowledge_base AS kb ON kb_id = kb.id GROUP BY kb.id "
    "HAVING max(change.revision) != kb.revision OR max(change.revision) "
    "- min(change.revision) != count(*) - 1",
    "a version as new as its file": "SELECT file_id FROM file_version JOIN file "
    "ON file_id = file.id WHERE file_version.version >= file.version",
    "a file without vectors": "SELECT file.id, file.name FROM file JOIN knowledge_base AS kb "
    "ON kb_id = kb.id WHERE embedding_model = 'hashing' AND NOT EXISTS "
    "(SELECT 1 FROM vector WHERE file_id = file.id AND generation = 'hashing-256')",
    "vectors of a model that is not used": "SELECT file.id, generation FROM vector "
    "JOIN file ON file_id = file.id JOIN knowledge_base AS kb ON kb_id = kb.id "
    "WHERE embedding_model = 'none' OR generation != 'hashing-256'",
}


def check_folder(folder: Folder) -> None:
    """Wait until nothing is wrong in a data folder; fail with what still is."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while problems := list(audit(folder)):
        assert time.monotonic() < deadline, "\n".join(problems)
        time.sleep(0.1)


def audit(folder: Folder) -> Iterator[str]:
    """Yield all that is wrong in a data folder on which no work is under way."""
    with closing(connect(folder)) as sql:
        sql.execute("BEGIN")
        yield from audit_rows(sql)
        kbs = dict(sql.execute("SELECT id, name FROM knowledge_base"))
        yield from audit_top(folder, kbs)
        for kb_id, name in kbs.items():
            yield from audit_kb(folder.data / name, sql, kb_id)


def connect(folder: Folder) -> sqlite3.Connection:
    """Open the database to read it."""
    sql = sqlite3.connect(folder.data / "zhiwen.db", timeout=30, isolation_level=None)
    sql.execute("PRAGMA query_only=ON")
    return sql


def audit_rows(sql: sqlite3.Connection) -> Iterator[str]:
    """Yield what is wrong in the database."""
    if (result := sql.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
        yield f"integrity_check: {result}"
    if parentless := sql.execute("PRAGMA foreign_key_check").fetchall():
        yield f"rows without a parent: {parentless}"
    for meaning, query in QUERIES.items():
        if rows := sql.execute(query).fetchall():
            yield f"{meaning}: {rows}"
    query = (
        "SELECT file_id, dimension, orders, data, crc32, chunk_count FROM vector "
        "JOIN file ON file_id = file.id"
    )
    for file_id, dimension, orders, data, crc32, chunks in sql.execute(query):
        numbers = np.frombuffer(orders, np.int32).tolist()
        is_whole = zlib.crc32(data) == crc32 and len(data) == 4 * dimension * len(numbers)
        if not is_whole or numbers != list(range(chunks)):
            yield f"the vectors of file {file_id} are damaged or of other chunks"


def audit_top(folder: Folder, kbs: dict[int, str]) -> Iterator[str]:
    """Yield what lies in a data folder and belongs to no knowledge base."""
    known = {*kbs.values(), "zhiwen.db", "zhiwen.db-wal", "zhiwen.db-shm", ".run", ".cache"}
    extra = {path.name for path in folder.data.iterdir()} - known
    if extra:
        yield f"left over in the data folder: {extra}"
    indexes = folder.data / ".cache" / "api"
    if indexes.is_dir():
        ids = {path.name for path in indexes.iterdir()} - {str(kb_id) for kb_id in kbs}
        if any(any((indexes / name).rglob("*.*")) for name in ids):
            yield f"indexes of knowledge bases that are gone: {ids}"


def audit_kb(place: Path, sql: sqlite3.Connection, kb_id: int) -> Iterator[str]:
    """Yield what does not fit in the folder of one knowledge base."""
    shown = dict(sql.execute("SELECT name, blob FROM file WHERE kb_id = ?", (kb_id,)))
    query = "SELECT v.blob FROM file_version AS v JOIN file ON file_id = file.id WHERE kb_id = ?"
    used = {*shown.values(), *(blob for (blob,) in sql.execute(query, (kb_id,)))}
    blobs = files_in(place / "blobs")
    unused = set(blobs) - used
    if old := {name for name in unused if blobs[name].stat().st_mtime < time.time() - HOUR_S}:
        yield f"blobs of {place.name!r} that nothing uses: {old}"
    if temporary := {name for name in unused if name.startswith(".")}:
        yield f"temporary files in {place.name!r}: {temporary}"
    if lost := used - set(blobs):
        yield f"blobs of {place.name!r} that are missing: {lost}"
    for name in used & set(blobs):
        if digest(blobs[name]) != name:
            yield f"a damaged blob of {place.name!r}: {name}"
    views = {name: digest(path) for name, path in files_in(place / "content").items()}
    if views != shown:
        yield f"content/ of {place.name!r} is {views}, not {shown}"


def files_in(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by their names below it."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def age(folder: Folder) -> None:
    """Let hours pass for all blobs and temporary files, so that recovery may collect them."""
    before = time.time() - 2 * HOUR_S
    for path in folder.data.glob("*/*"):
        if path.is_dir():
            for file in path.rglob("*"):
                os.utime(file, (before, before))


def rows_of(folder: Folder, kb_name: str) -> list[tuple[object, ...]]:
    """Return all rows of a knowledge base, to compare them bit by bit."""
    of_files = "FROM {} WHERE file_id IN (SELECT id FROM file WHERE kb_id = ?) ORDER BY 1, 2"
    queries = [
        "SELECT * FROM knowledge_base WHERE id = ?",
        "SELECT * FROM file WHERE kb_id = ? ORDER BY id",
        "SELECT * FROM change WHERE kb_id = ? ORDER BY revision",
        *(f"SELECT * {of_files.format(table)}" for table in ("chunk", "vector", "file_version")),
    ]
    with closing(connect(folder)) as sql:
        found = sql.execute("SELECT id FROM knowledge_base WHERE name = ?", (kb_name,)).fetchone()
        return [row for query in queries for row in sql.execute(query, found)]
