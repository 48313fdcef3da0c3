"""The sources of knowledge bases: add, list, delete, synchronise in the background.

Knows no routes, and not how a kind of source is fetched.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from configs.settings import KnowledgeBaseSettings, SourceSettings
from server.db.jobs import ENDED
from server.db.knowledge_bases import find_kb
from server.db.models import JobRow, SourceRow
from server.db.sources import (
    add_source,
    end_sync,
    files_of_source,
    find_source,
    interrupt_sources,
    list_sources,
    remove_source,
)
from server.errors import (
    Cancelled,
    InternalError,
    SourceBusy,
    SourceOff,
    UnknownFile,
    ZhiwenError,
)
from server.errors.records import write_error
from server.knowledge_base.names import check_kb_name
from server.knowledge_base.service import KnowledgeBases
from server.knowledge_base.sources import SOURCES, FetchLimits
from server.knowledge_base.sync import Outcome, Sync
from server.knowledge_base.tasks import ServiceStopping

logger = logging.getLogger(__name__)

AT_ONCE = 2  # synchronisations; others wait for their turn
CANCELLED_WITHIN_S = 20.0  # before a source is deleted


@dataclass(slots=True)
class Running:
    """A synchronisation under way, or waiting for its turn."""

    delete_many: bool
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: "Future[None] | None" = None


class Sources:
    """The sources of all knowledge bases; safe to use from several threads."""

    def __init__(
        self,
        knowledge_bases: KnowledgeBases,
        *,
        settings: SourceSettings,
        kb_settings: KnowledgeBaseSettings,
    ) -> None:
        self.knowledge_bases = knowledge_bases
        self.database = knowledge_bases.database
        self.settings = settings
        self.limits = FetchLimits(
            max_bytes=kb_settings.max_file_mb << 20,
            allow_private=settings.allow_private,
            web_ports=settings.web_ports,
            page_timeout_s=settings.page_timeout_s,
            sql_folders=settings.sql_folders,
            sql_timeout_s=settings.sql_timeout_s,
        )
        self._lock = threading.Lock()
        self._running: dict[int, Running] = {}
        self._unnoted: dict[int, dict[str, Any]] = {}  # columns that could not be written
        self._threads = ThreadPoolExecutor(AT_ONCE, "source")
        self._closing = threading.Event()

    def recover(self) -> None:
        """Note what the end of the process interrupted; for the start of the only one."""
        with self.database.write("interrupted_sources") as session:
            interrupt_sources(session)

    def close(self) -> None:
        """Stop; what was fetched and not submitted is fetched again another time."""
        self._closing.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def add(self, kb_name: str, kind: str, name: str, options: Mapping[str, Any]) -> SourceRow:
        """Add a source; nothing is fetched yet.

        Raises:
            SourceOff: the settings do not allow that kind.
            InvalidName, InvalidRequest, UnsafeAddress: it cannot work.
            UnknownKnowledgeBase, DuplicateSource: nothing was added.
        """
        self._check_kind(kind)
        checked = check_kb_name(name)
        SOURCES.get(kind)().check(options, self.limits)
        row = SourceRow(kind=kind, name=checked, options=dict(options), state="new")
        with self.database.write("new_source") as session:
            row.kb_id = find_kb(session, kb_name).id
            add_source(session, row)
        return row

    def list_all(self, kb_name: str) -> Sequence[SourceRow]:
        """Return the sources of a knowledge base by name."""
        with self.database.read() as session:
            return [self._current(row) for row in list_sources(session, find_kb(session, kb_name))]

    def get(self, kb_name: str, source_id: int) -> SourceRow:
        """Return a source.

        Raises:
            UnknownKnowledgeBase, UnknownSource: there is none.
        """
        with self.database.read() as session:
            return self._current(find_source(session, find_kb(session, kb_name), source_id))

    def _current(self, row: SourceRow) -> SourceRow:
        """Return a source as it is, though the database could not be told so."""
        for name, value in self._unnoted.get(row.id, {}).items():
            setattr(row, name, value)
        return row

    def shown(self, row: SourceRow) -> dict[str, Any]:
        """Return the options of a source without passwords."""
        return SOURCES.get(row.kind)().shown(row.options)

    def delete(self, kb_name: str, source_id: int, *, with_documents: bool) -> None:
        """Delete a source, with its files or without; its synchronisation is ended before.

        Raises:
            UnknownKnowledgeBase, UnknownSource: there is none.
            SourceBusy: its synchronisation does not end.
        """
        row = self.get(kb_name, source_id)
        self._end(row)
        row = self.get(kb_name, source_id)  # it may have begun a job meanwhile
        if with_documents:
            if row.job_id is not None and self._is_open(row.job_id):
                self.knowledge_bases.cancel_job(row.job_id)
            with self.database.read() as session:
                names = [each.name for each in files_of_source(session, row.id)]
            for name in names:
                with suppress(UnknownFile):  # by somebody else, in this very moment
                    self.knowledge_bases.delete_file(kb_name, name)
        with self.database.write("delete_source") as session:
            remove_source(session, row.id)
        logger.info("Deleted the source %r of %r.", row.name, kb_name)

    def sync(self, kb_name: str, source_id: int, *, delete_many: bool = False) -> SourceRow:
        """Begin to bring a knowledge base in step with a source, and return the source.

        Most of its files are deleted only with ``delete_many``.

        Raises:
            UnknownKnowledgeBase, UnknownSource: there is none.
            SourceOff: the settings do not allow that kind.
            SourceBusy: it is being synchronised.
        """
        row = self.get(kb_name, source_id)
        self._check_kind(row.kind)
        running = Running(delete_many)
        with self._lock:
            if self._closing.is_set():
                raise ServiceStopping
            if row.id in self._running or (row.job_id and self._is_open(row.job_id)):
                raise SourceBusy(param="source_id", name=row.name)
            self._running[row.id] = running
        try:
            with self.database.write("begin_sync") as session:
                kb = find_kb(session, kb_name)
                begun = find_source(session, kb, row.id)  # it may have been deleted meanwhile
                begun.state, begun.error = "syncing", None
            self._unnoted.pop(row.id, None)
            running.ended = self._threads.submit(self._run, begun, running)
        except BaseException:
            self._forget(row.id)
            raise
        return begun

    def wait(self, source_id: int) -> None:
        """Wait for the end of the synchronisation of a source, if there is one."""
        running = self._running.get(source_id)
        if running is not None and running.ended is not None:
            running.ended.result()

    def _check_kind(self, kind: str) -> None:
        is_on = {"web": self.settings.web, "sql": self.settings.sql}[kind]
        if not is_on:
            raise SourceOff(param="kind", kind=kind, setting=f"sources.{kind}")

    def _is_open(self, job_id: str) -> bool:
        with self.database.read() as session:
            job = session.get(JobRow, job_id)
            return job is not None and job.status not in ENDED

    def _end(self, row: SourceRow) -> None:
        running = self._running.get(row.id)
        if running is None or running.ended is None:
            return
        running.cancelled.set()
        try:
            if not running.ended.cancel():
                running.ended.result(CANCELLED_WITHIN_S)
        except NotYet as error:
            raise SourceBusy(param="source_id", name=row.name) from error
        self._forget(row.id)

    def _forget(self, source_id: int) -> None:
        with self._lock:
            self._running.pop(source_id, None)

    def _run(self, row: SourceRow, running: Running) -> None:
        """Synchronise, and note how that ended: the work of a thread."""
        limits = replace(
            self.limits,
            is_cancelled=lambda: self._closing.is_set() or running.cancelled.is_set(),
        )
        sync = Sync(
            self.knowledge_bases,
            row,
            limits,
            max_bytes=self.settings.max_sync_mb << 20,
            delete_many=running.delete_many,
        )
        try:
            self._note(row, sync.run(), sync.outcome.state())
        except (Cancelled, ServiceStopping) as error:
            sync.outcome.error = None if self._closing.is_set() else error
            self._note(row, sync.outcome, "interrupted")
        except ZhiwenError as error:
            sync.outcome.error = error
            self._note(row, sync.outcome, "failed")
        except Exception:  # the border of the thread: nobody else would see it
            logger.exception("The source %r was not synchronised.", row.name)
            sync.outcome.error = InternalError(request_id=f"source-{row.id}")
            self._note(row, sync.outcome, "failed")
        finally:
            self._forget(row.id)

    def _note(self, row: SourceRow, outcome: Outcome, state: str) -> None:
        """Write how a synchronisation ended; if that fails, keep it in mind."""
        error = write_error(outcome.error) if outcome.error else None
        values = {"error": error, "counts": outcome.values()}
        logger.info("Synchronised %r: %s, %s", row.name, state, outcome.counts)
        try:
            with self.database.write("end_sync") as session:
                end_sync(session, row.id, state, **values)
        except ZhiwenError as trouble:
            self._unnoted[row.id] = {"state": state, **values}
            logger.error("The end of a synchronisation was not noted: %s", trouble)
