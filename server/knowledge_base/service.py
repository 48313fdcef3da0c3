"""What can be done with knowledge bases and their files. Knows no routes and no answers."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from configs.settings import KnowledgeBaseSettings
from server.datatypes import Passage
from server.db.database import Database
from server.db.files import (
    find_file,
    list_files,
    look_up_file,
    passages_of_file,
    remove_file,
    text_of_file,
)
from server.db.knowledge_bases import add_kb, find_kb, list_kbs, next_revision, remove_kb
from server.db.models import FileRow, KnowledgeBaseRow
from server.errors import InvalidName, LostFile, ZhiwenError
from server.knowledge_base.blobs import BlobStore
from server.knowledge_base.derived import IndexPool
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.ingest import Ingest, IngestOptions, choose_overlap
from server.knowledge_base.names import check_file_name, check_kb_name

logger = logging.getLogger(__name__)


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
        self._showing = threading.Lock()  # so that content/ ends with what was committed last
        self.ingest = Ingest(database, blobs, max_extracted_chars=settings.max_extracted_mb << 20)

    def create(
        self,
        name: str,
        *,
        info: str = "",
        embedding_model: str | None = None,
        chunk_size: int | None = None,
        chunk_overlap: int | None = None,
    ) -> KnowledgeBaseRow:
        """Create an empty knowledge base.

        Raises:
            InvalidName, DuplicateKnowledgeBase, InvalidRequest: nothing was created.
        """
        size = chunk_size or self.settings.chunk_size
        overlap = choose_overlap(size, chunk_overlap, self.settings.chunk_overlap)
        row = KnowledgeBaseRow(
            name=check_kb_name(name),
            info=info,
            embedding_model=self.embedders.check_name(embedding_model),
            chunk_size=size,
            chunk_overlap=overlap,
        )
        folder = self.blobs.folder.knowledge_base(row.name)
        if folder.exists() and not folder.is_dir():
            raise InvalidName(
                param="name",
                name=row.name,
                reason_en="the data folder has a file of that name.",
                reason_zh="数据目录中已有同名文件。",
            )
        with self.database.write() as session:
            add_kb(session, row)
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
        """Delete a knowledge base with its files, rows and indexes.

        Raises:
            UnknownKnowledgeBase: there is none.
        """
        kb, _ = self.get(name)
        try:
            with self._showing, self.database.write() as session:
                remove_kb(session, next_revision(session, kb))
                self.blobs.discard(kb.name, kb.id)  # while nobody can take the name
        except ZhiwenError:
            self.blobs.restore(kb.name, kb.id)
            raise
        self.indexes.drop(kb.id)
        self.blobs.empty_trash(kb.id)
        logger.info("Deleted the knowledge base %r.", name)

    def list_files(self, name: str) -> Sequence[FileRow]:
        """Return the files of a knowledge base by name."""
        with self.database.read() as session:
            return list_files(session, find_kb(session, name))

    def add_file(
        self, name: str, file_name: str, source: BinaryIO, *, options: IngestOptions
    ) -> FileRow:
        """Add or replace a file; when this returns, it is durable and every search finds it.

        Raises:
            ZhiwenError: what ``Ingest.add`` lists; nothing changed.
        """
        kb, _ = self.get(name)
        embedder = self.embedders.get(kb.embedding_model)
        row = self.ingest.add(kb, file_name, source, embedder=embedder, options=options)
        self._show(kb, row.name)
        self._refresh_indexes(kb)
        self.on_change(kb.name)
        return row

    def delete_file(self, name: str, file_name: str) -> None:
        """Delete a file with its chunks and vectors.

        Raises:
            UnknownKnowledgeBase, UnknownFile: nothing changed.
        """
        checked = check_file_name(file_name)
        with self.database.write() as session:
            kb = next_revision(session, find_kb(session, name))
            remove_file(session, kb, checked)
        self._show(kb, checked)
        self.on_change(kb.name)
        logger.info("Deleted %r from %r.", checked, kb.name)

    def _show(self, kb: KnowledgeBaseRow, file_name: str) -> None:
        """Make ``content/`` show what SQL has; a failure costs the view, never the file."""
        try:
            with self._showing, self.database.read() as session:
                current = session.get(KnowledgeBaseRow, kb.id)
                row = look_up_file(session, current, file_name) if current else None
                if row:
                    self.blobs.publish(kb.name, file_name, row.blob)
                elif current:
                    self.blobs.unpublish(kb.name, file_name)
        except (OSError, ZhiwenError) as error:
            logger.warning("%r of %r cannot be shown in content/: %s", file_name, kb.name, error)

    def _refresh_indexes(self, kb: KnowledgeBaseRow) -> None:
        """Spare the next search the work; if it fails here, that search does it."""
        try:
            with self.database.read() as session:
                current = find_kb(session, kb.name)
                embedder = self.embedders.get(current.embedding_model)
                with self.indexes.use(session, current, embedder):
                    pass  # to use an index is to bring it up to date
        except ZhiwenError as error:
            logger.warning("The index of %r is not up to date yet: %s", kb.name, error)

    def find_blob(self, name: str, file_name: str) -> tuple[FileRow, Path]:
        """Return a file and where its bytes are.

        Raises:
            UnknownKnowledgeBase, UnknownFile: there is none.
            LostFile: its bytes are gone from the disk.
        """
        with self.database.read() as session:
            row = find_file(session, find_kb(session, name), check_file_name(file_name))
        path = self.blobs.folder.blob(name, row.blob)
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
        """Finish what a crash interrupted: deletions, and uploads that were never acknowledged."""
        with self.database.read() as session:
            kbs = [kb for kb, _ in list_kbs(session)]
            used = {kb.name: blobs_of(session, kb) for kb in kbs}
        self.blobs.recover({kb.id: kb.name for kb in kbs})
        for name, blobs in used.items():
            self.blobs.collect(name, blobs)


def blobs_of(session: Session, kb: KnowledgeBaseRow) -> set[str]:
    """Return the hashes of all files of a knowledge base."""
    return set(session.scalars(select(FileRow.blob).where(FileRow.kb_id == kb.id)))
