"""What can be done with knowledge bases and their files. Knows no routes and no answers."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Unpack

from sqlalchemy import func, select

from configs.settings import KnowledgeBaseSettings
from server.datatypes import Passage
from server.db.database import Database
from server.db.files import (
    find_file,
    find_files,
    find_version,
    list_files,
    list_versions,
    passages_of_file,
    remove_file,
    text_of_file,
    used_blobs,
)
from server.db.jobs import cancel_job, cancel_uploads, find_job, list_job_files, open_jobs
from server.db.knowledge_bases import (
    add_kb,
    find_kb,
    hide_kb,
    list_kbs,
    next_revision,
)
from server.db.models import FileRow, FileVersionRow, JobFileRow, KnowledgeBaseRow
from server.errors import (
    Cancelled,
    InvalidName,
    LostFile,
    UnknownFile,
    UnknownKnowledgeBase,
    ZhiwenError,
)
from server.errors.records import read_error, write_error
from server.knowledge_base.blobs import BlobStore
from server.knowledge_base.chunking import CuttingWishes, choose_cutting
from server.knowledge_base.content_folder import ContentFolder
from server.knowledge_base.content_view import ContentView
from server.knowledge_base.content_watch import ContentWatch
from server.knowledge_base.derived import IndexPool
from server.knowledge_base.document_embedder import DocumentEmbedder
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.ingest import Ingest, IngestOptions
from server.knowledge_base.jobs import JobRunner
from server.knowledge_base.names import check_file_name, check_kb_name
from server.knowledge_base.pages import PagePictures
from server.knowledge_base.parsing import ParseLimits, ParserPool
from server.knowledge_base.submission import AllRefused, Submissions, Upload
from server.knowledge_base.upkeep import Upkeep

logger = logging.getLogger(__name__)

REFRESH_EVERY_S = 1.0  # how often a job with many files brings the indexes up to date


class KnowledgeBases:
    """The knowledge bases of one data folder; safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        indexes: IndexPool,
        embedders: EmbedderPool,
        *,
        settings: KnowledgeBaseSettings,
        on_change: Callable[[str], None],
    ) -> None:
        """Take what it works with; ``on_change`` gets the name of what has new or fewer files."""
        self.database = database
        self.blobs = blobs
        self.indexes = indexes
        self.embedders = embedders
        self.settings = settings
        self.on_change = on_change
        self.view = ContentView(database, blobs)
        self.pages = PagePictures(blobs.folder, limits_of(settings))
        self.upkeep = Upkeep(database, blobs, embedders, indexes, self.view, self.pages)
        self.parsers = ParserPool(limits_of(settings), count=settings.files_at_once)
        self.documents = DocumentEmbedder(embedders)
        ingest = Ingest(
            database,
            blobs.folder,
            self.parsers,
            self.documents,
            settings=settings,
            on_stored=self._after_storing,
            on_unneeded=self._discard,
        )
        self.jobs = JobRunner(
            database,
            ingest.work(),
            threads=settings.files_at_once,
            on_refused=self._discard,
        )
        self.submissions = Submissions(database, blobs, embedders, self.jobs, on_change=on_change)
        self.content = ContentFolder(database, self.view, self.submissions)
        self.watch = ContentWatch(
            database, self.content, every_s=settings.watch_s, delete=self.delete_file
        )
        self._refreshed: dict[int, float] = {}  # when, of the monotonic clock

    def create(
        self,
        name: str,
        *,
        info: str = "",
        embedding_model: str | None = None,
        **cutting: Unpack[CuttingWishes],
    ) -> KnowledgeBaseRow:
        """Create an empty knowledge base.

        Raises:
            InvalidName, DuplicateKnowledgeBase, InvalidRequest: nothing was created.
        """
        chosen = choose_cutting(self.settings, **cutting)
        row = KnowledgeBaseRow(
            name=check_kb_name(name),
            info=info,
            embedding_model=self.embedders.check_name(embedding_model),
            **asdict(chosen),
        )
        folder = self.blobs.folder.knowledge_base(row.name)
        if folder.exists() and not folder.is_dir():
            raise InvalidName(
                param="name",
                name=row.name,
                reason_en="the data folder has a file of that name.",
                reason_zh="数据目录中已有同名文件。",
            )
        with self.database.write("new_kb") as session:
            add_kb(session, row)
        self.blobs.make_folder(row.name)
        logger.info("Created the knowledge base %r.", row.name)
        return row

    def list_all(self) -> list[tuple[KnowledgeBaseRow, int]]:
        """Return all knowledge bases by name, each with its number of files."""
        with self.database.read() as session:
            return list_kbs(session)

    def get(self, name: str) -> tuple[KnowledgeBaseRow, int]:
        """Return a knowledge base with its number of files.

        Raises:
            UnknownKnowledgeBase: there is none.
        """
        with self.database.read() as session:
            kb = find_kb(session, name)
            count = session.scalar(select(func.count(FileRow.id)).where(FileRow.kb_id == kb.id))
            return kb, count or 0

    def delete(self, name: str) -> None:
        """Delete a knowledge base; its rows and bytes are removed in the background.

        Raises:
            UnknownKnowledgeBase: there is none.
        """
        kb, _ = self.get(name)
        gone = write_error(UnknownKnowledgeBase(param="knowledge_base", name=kb.name))
        try:
            with self.view.lock, self.database.write("hide_kb") as session:
                current = next_revision(session, kb)
                for job_id in open_jobs(session, kb.id):
                    cancel_job(session, job_id, gone)
                hide_kb(session, current)
                self.blobs.discard(kb.name, kb.id)  # while nobody can take the name
        except BaseException:
            self.blobs.restore(kb.name, kb.id)
            raise
        self.jobs.forget_kb(kb.id)
        self.indexes.drop(kb.id)
        self.upkeep.want()
        logger.info("Deleted the knowledge base %r.", name)

    def list_files(self, name: str) -> Sequence[FileRow]:
        """Return the files of a knowledge base by name."""
        with self.database.read() as session:
            return list_files(session, find_kb(session, name))

    def add_file(
        self, name: str, file_name: str, source: BinaryIO, *, options: IngestOptions
    ) -> FileRow:
        """Add or replace a file and wait for it: every search finds it then.

        Raises:
            ZhiwenError: nothing changed.
        """
        try:
            submitted = self.submissions.submit(name, [Upload(file_name, source)], options=options)
        except AllRefused as refused:
            raise refused.first from refused
        submitted.ended.result()
        (file,), rows = self.outcomes(name, submitted.job.id)
        if file.status in ("failed", "cancelled"):
            raise read_error(file.note or {})
        if file.name not in rows:  # deleted in this very moment
            raise UnknownFile(param="file_name", knowledge_base=name, name=file.name)
        return rows[file.name]

    def cancel_job(self, job_id: str) -> None:
        """End a job; files that are done stay done, the bytes of the others are removed.

        Raises:
            UnknownJob: there is none.
        """
        with self.database.read() as session:
            kb_id = find_job(session, job_id).kb_id
            files = list_job_files(session, job_id, status="queued")
        self.jobs.cancel(job_id)
        for file in files:
            if file.blob and kb_id is not None:
                self._discard(kb_id, file.blob)

    def outcomes(self, name: str, job_id: str) -> tuple[Sequence[JobFileRow], dict[str, FileRow]]:
        """Return the files of a job in the order in which they came, and by name what they are now.

        Raises:
            UnknownKnowledgeBase: it was deleted meanwhile.
        """
        with self.database.read() as session:
            files = list_job_files(session, job_id)
            kb = find_kb(session, name)
            return files, find_files(session, kb, [file.name for file in files])

    def list_versions(self, name: str, file_name: str) -> tuple[FileRow, Sequence[FileVersionRow]]:
        """Return a file with its earlier versions, newest first.

        Raises:
            UnknownKnowledgeBase, UnknownFile: there is none.
        """
        with self.database.read() as session:
            row = find_file(session, find_kb(session, name), check_file_name(file_name))
            return row, list_versions(session, row)

    def delete_file(self, name: str, file_name: str, seen: Collection[str] | None = None) -> None:
        """Delete a file with its chunks, vectors and earlier versions.

        With ``seen``, the hashes of what somebody took away from ``content/``, only if the file
        is that still and nothing comes in its place.

        Raises:
            UnknownKnowledgeBase, UnknownFile: nothing changed.
        """
        checked = check_file_name(file_name)
        with self.view.lock:  # until the view follows: a scan would take it for a new file
            with self.database.write("delete_file") as session:
                kb = next_revision(session, find_kb(session, name))
                row = find_file(session, kb, checked)
                if seen is not None and (
                    row.blob not in seen or self.view.expects(session, kb, checked)
                ):
                    raise UnknownFile(param="file_name", knowledge_base=name, name=checked)
                blobs = {row.blob, *(each.blob for each in list_versions(session, row))}
                remove_file(session, kb, checked)
                cancel_uploads(session, kb.id, checked, write_error(Cancelled()))
            self.view.hide(kb.name, checked)
        for blob in blobs:
            self._remove_unused(kb, blob)
        self.on_change(kb.name)
        logger.info("Deleted %r from %r.", checked, kb.name)

    def _after_storing(self, kb_id: int, file_name: str, has_more: bool) -> None:
        """Show a stored file, and spare the next search work; if that fails, the search does it."""
        at = time.monotonic()
        try:
            with self.database.read() as session:
                self.view.show(session, kb_id, file_name)
                if has_more and at - self._refreshed.get(kb_id, 0) < REFRESH_EVERY_S:
                    return
                self._refreshed[kb_id] = at
                kb = session.get(KnowledgeBaseRow, kb_id)
                if kb is None or kb.is_deleted:
                    return
                embedder = self.embedders.get(kb.embedding_model)
                with self.indexes.use(session, kb, embedder):
                    pass  # to use an index is to bring it up to date
            self.on_change(kb.name)
        except ZhiwenError as error:
            logger.warning("The index of a knowledge base is not up to date yet: %s", error)

    def _discard(self, kb_id: int, blob: str) -> None:
        """Remove bytes that a job has no need for any more, unless something else does."""
        with self.database.read() as session:
            kb = session.get(KnowledgeBaseRow, kb_id)
        if kb is not None and not kb.is_deleted:
            self._remove_unused(kb, blob)

    def _remove_unused(self, kb: KnowledgeBaseRow, blob: str) -> None:
        """Remove bytes unless something needs them; if that fails, the upkeep does it later."""

        def is_used() -> bool:
            with self.database.read() as session:
                row = session.get(KnowledgeBaseRow, kb.id)
                if row is None or row.is_deleted:  # the folder belongs to a new one
                    return True
                return blob in used_blobs(session, kb, blob)

        try:
            self.blobs.remove_unused(kb.name, blob, is_used)
            self.pages.forget(blob)
        except (OSError, ZhiwenError) as error:
            logger.warning("Bytes that nothing needs are still there: %s", error)

    def find_blob(
        self, name: str, file_name: str, version: int | None = None
    ) -> tuple[FileRow, Path]:
        """Return a file and where its bytes, or those of an earlier version, are.

        Raises:
            UnknownKnowledgeBase, UnknownFile, UnknownVersion: there is none.
            LostFile: its bytes are gone from the disk.
        """
        with self.database.read() as session:
            row = find_file(session, find_kb(session, name), check_file_name(file_name))
            is_present = version is None or version == row.version
            blob = row.blob if is_present else find_version(session, row, version or 0).blob
        path = self.blobs.folder.blob(name, blob)
        if not path.is_file():
            raise LostFile(param="file_name", name=row.name)
        return row, path

    def read_text(
        self, name: str, file_name: str, *, start: int = 0, end: int | None = None
    ) -> tuple[FileRow, str, int]:
        """Return a file with a part of its extracted text and the length of the whole.

        Raises:
            UnknownKnowledgeBase, UnknownFile: there is none.
        """
        with self.database.read() as session:
            row = find_file(session, find_kb(session, name), check_file_name(file_name))
            return row, *text_of_file(session, row.id, start=start, end=end)

    def list_chunks(
        self, name: str, file_name: str, *, offset: int = 0, limit: int | None = None
    ) -> list[Passage]:
        """Return the chunks of a file in order.

        Raises:
            UnknownKnowledgeBase, UnknownFile: there is none.
        """
        with self.database.read() as session:
            row = find_file(session, find_kb(session, name), check_file_name(file_name))
            return passages_of_file(session, row.id, offset=offset, limit=limit)

    def recover(self) -> None:
        """Finish what a crash interrupted, and begin to work on jobs."""
        with self.database.read() as session:
            names = {kb.id: kb.name for kb, _ in list_kbs(session)}
        self.blobs.recover(names)
        self.jobs.resume()
        self.upkeep.start()
        self.watch.start()

    def close(self) -> None:
        """Stop working; what was accepted goes on at the next start."""
        self.watch.close()
        self.jobs.stop()
        self.parsers.close()
        self.pages.close()
        self.documents.close()
        self.jobs.close()
        self.upkeep.close()


def limits_of(settings: KnowledgeBaseSettings) -> ParseLimits:
    """Return what one file may take."""
    return ParseLimits(
        memory_mb=settings.parse_memory_mb,
        timeout_s=settings.parse_timeout_s,
        max_chars=settings.max_extracted_mb << 20,
        max_pages=settings.max_pages,
        max_unpacked_mb=settings.max_unpacked_mb,
        ocr_s=settings.ocr_timeout_s,
    )
