"""One synchronisation of a knowledge base with a source: fetch, compare, submit, delete.

Knows neither how a source is fetched nor how files are read. Nothing changes before all is
fetched; what is stored then is a job, which survives the process.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, cast

from server.db.files import find_files
from server.db.jobs import count_job_files, list_job_files
from server.db.knowledge_bases import load_kb
from server.db.models import FileRow, SourceRow
from server.db.sources import files_of_source, update_source
from server.errors import (
    Cancelled,
    ManyGone,
    OwnFile,
    SourceFailed,
    TooLarge,
    UnknownFile,
    ZhiwenError,
)
from server.errors.records import read_error, write_error
from server.knowledge_base.ingest import IngestOptions, is_own
from server.knowledge_base.service import KnowledgeBases
from server.knowledge_base.sources import SOURCES, Fetched, FetchLimits, Missed, Skipped
from server.knowledge_base.spool import Place, Spool
from server.knowledge_base.submission import AllRefused, Submitted, Upload

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.3  # whether the wait for a job is to end
FEW = 10  # files of a source that go without a question, though they may be all
MOST_PROBLEMS = 100  # that are told: more of them have one reason


@dataclass(slots=True)
class Counts:
    """What was found and done; ``schemas.sources.SyncCounts`` explains each."""

    found: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    kept: int = 0
    skipped: int = 0
    missed: int = 0


@dataclass(slots=True)
class Outcome:
    """How a synchronisation ended; ``error`` says why it was not complete."""

    counts: Counts = field(default_factory=Counts)
    error: ZhiwenError | None = None
    problems: list[tuple[str | None, ZhiwenError]] = field(default_factory=list)  # by file

    def tell(self, file: str | None, error: ZhiwenError) -> None:
        """Note why a document is not in step; ``file`` is the one that stays for it."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append((file, error))

    def state(self) -> str:
        """Return the state of the source."""
        return "done" if self.error is None else "incomplete"

    def values(self) -> dict[str, Any]:
        """Return the counts and the problems as JSON values."""
        problems = [{"file": file, "error": write_error(error)} for file, error in self.problems]
        return {**asdict(self.counts), "problems": problems}


@dataclass(frozen=True, slots=True)
class New:
    """A document that was fetched; ``name`` is that of its file."""

    name: str
    origin: str
    sha256: str
    place: Place


class Sync:
    """One synchronisation; used once, by one thread."""

    def __init__(
        self,
        knowledge_bases: KnowledgeBases,
        source: SourceRow,
        limits: FetchLimits,
        *,
        max_bytes: int,
        delete_many: bool = False,
        on_job: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what it works with; ``max_bytes`` is the most to fetch in all.

        Most of the files of the source are deleted only with ``delete_many``.
        """
        self.bases = knowledge_bases
        self.database = knowledge_bases.database
        self.source = source
        self.limits = limits
        self.max_bytes = max_bytes
        self.delete_many = delete_many
        self.on_job = on_job
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Bring the files in step with the source.

        Raises:
            ZhiwenError: nothing changed, or not all; another synchronisation does the rest.
        """
        with self.database.read() as session:
            kb_name = load_kb(session, self.source.kb_id).name
            mine = {row.name: row for row in files_of_source(session, self.source.id)}
        with Spool() as spool:
            fetched = list(self._fetch(spool, mine))
            if not fetched:
                raise SourceFailed(
                    address=self.source.name,
                    reason_en="it has no documents now. Nothing is deleted for that.",
                    reason_zh="目前没有任何文档，因此不会删除已有文件。",
                )
            self.limits.check_cancelled()
            submitted = self._submit(kb_name, spool, self._changed(kb_name, fetched))
        if submitted is not None:
            self._wait(submitted)
        if not self.outcome.counts.missed:
            self._delete(kb_name, {new.name for new in fetched}, len(mine))
        return self.outcome

    def _fetch(self, spool: Spool, mine: dict[str, FileRow]) -> Iterator[New]:
        """Yield what there is, and put its bytes aside."""
        counts, folder = self.outcome.counts, f"{self.source.name}/"
        known = {
            row.origin: name.removeprefix(folder)
            for name, row in mine.items()
            if row.origin and name.startswith(folder)
        }
        kind = SOURCES.get(self.source.kind)()
        for found in kind.fetch(self.source.options, self.limits, known):
            self.limits.check_cancelled()
            if isinstance(found, Missed):
                counts.missed += 1
                self.outcome.error = self.outcome.error or found.error
                self.outcome.tell(f"{folder}{found.name}" if found.name else None, found.error)
            elif isinstance(found, Skipped):
                counts.skipped += 1
            else:
                counts.found += 1
                yield self._put_aside(spool, folder, found)

    def _put_aside(self, spool: Spool, folder: str, found: Fetched) -> New:
        if spool.size + len(found.data) > self.max_bytes:
            raise TooLarge(
                what_en="What the source holds",
                what_zh="数据源的内容",
                limit=f"{self.max_bytes >> 20} MiB",
                setting="sources.max_sync_mb",
            )
        sha256 = hashlib.sha256(found.data).hexdigest()
        return New(f"{folder}{found.name}", found.origin, sha256, spool.put(found.data))

    def _changed(self, kb_name: str, fetched: list[New]) -> list[New]:
        """Return what is new or different; leaves alone what somebody put there by hand."""
        with self.database.read() as session:
            kb = load_kb(session, self.source.kb_id)
            present = find_files(session, kb, [new.name for new in fetched])
        counts, changed = self.outcome.counts, []
        for new in fetched:
            row = present.get(new.name)
            if row is None:
                changed.append(new)
            elif is_own(row):
                counts.kept += 1
                self.outcome.tell(new.name, OwnFile(param="file_name", name=new.name))
            elif (row.blob, row.source_id, row.origin) == (
                new.sha256,
                self.source.id,
                new.origin,
            ):
                counts.unchanged += 1
            else:
                changed.append(new)
        counts.changed = len(changed)
        return changed

    def _submit(self, kb_name: str, spool: Spool, changed: list[New]) -> Submitted | None:
        """Return the job that adds what changed, if anything can be."""
        if not changed:
            return None
        uploads = [
            Upload(new.name, cast(BinaryIO, spool.open(new.place)), new.origin) for new in changed
        ]
        options = IngestOptions(override=True, source=self.source.id)
        try:
            submitted = self.bases.submissions.submit(kb_name, uploads, options=options)
        except AllRefused as refused:
            self.outcome.counts.failed = len(refused.files)
            self.outcome.error = self.outcome.error or refused.first
            return None
        with self.database.write("source_job") as session:
            update_source(session, self.source.id, job_id=submitted.job.id)
        self.on_job()
        return submitted

    def _wait(self, submitted: Submitted) -> None:
        """Wait until the job has read all files; it goes on if this ends before."""
        while True:
            self.limits.check_cancelled()
            with suppress(NotYet):
                submitted.ended.result(LOOK_EVERY_S)
                break
        with self.database.read() as session:
            counted = count_job_files(session, submitted.job.id)
            first = list_job_files(session, submitted.job.id, status="failed", limit=1)
        files, _ = counted.get("failed", (0, 0))
        self.outcome.counts.failed = files
        if "cancelled" in counted:
            raise Cancelled
        if first and self.outcome.error is None:
            self.outcome.error = read_error(first[0].note or {})

    def _delete(self, kb_name: str, there: set[str], before: int) -> None:
        """Delete the files of the source but those that are there; ``before`` it had so many."""
        with self.database.read() as session:  # again: some may be somebody's own by now
            mine = [row.name for row in files_of_source(session, self.source.id)]
        gone = [name for name in mine if name not in there]
        if len(gone) > max(FEW, before // 2) and not self.delete_many:
            many = ManyGone(name=self.source.name, gone=len(gone), files=before)
            self.outcome.error = many  # whatever else there was: this one asks for a decision
            self.outcome.tell(None, many)
            return
        for name in gone:
            self.limits.check_cancelled()
            with suppress(UnknownFile):  # by somebody else, in this very moment
                self.bases.delete_file(kb_name, name)
                self.outcome.counts.deleted += 1
                logger.info("%r is no longer in the source %r.", name, self.source.name)
