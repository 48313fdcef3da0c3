"""What can be done with knowledge bases and their files. Knows no routes and no answers."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from configs.settings import KnowledgeBaseSettings
from server.datatypes import Passage
from server.db.database import Database
from server.db.files import (
    file_with_text,
    find_file,
    list_files,
    passages_of_files,
    remove_file,
)
from server.db.knowledge_bases import add_kb, find_kb, list_kbs, next_revision, remove_kb
from server.db.models import FileRow, KnowledgeBaseRow
from server.errors import UnreadableDocument
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
        with self.database.write() as session:
            kb_id = remove_kb(session, name)
        self.indexes.drop(kb_id)
        self.blobs.drop(name)
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
        with (
            self.database.read() as session,
            self.indexes.use(session, find_kb(session, name), embedder),
        ):
            pass  # it is up to date, so the next search need not wait
        self.on_change(name)
        return row

    def delete_file(self, name: str, file_name: str, *, keep_content: bool = False) -> None:
        """Delete a file with its chunks and vectors; ``content/`` may keep its copy for people.

        Raises:
            UnknownKnowledgeBase, UnknownFile: nothing changed.
        """
        checked = check_file_name(file_name)
        with self.database.write() as session:
            kb = next_revision(session, find_kb(session, name))
            remove_file(session, kb, checked)
        if not keep_content:
            self.blobs.unpublish(name, checked)
        self.on_change(name)
        logger.info("Deleted %r from %r.", checked, name)

    def find_blob(self, name: str, file_name: str) -> tuple[FileRow, Path]:
        """Return a file and where its bytes are.

        Raises:
            UnknownKnowledgeBase, UnknownFile: there is none.
            UnreadableDocument: the bytes are gone from the disk.
        """
        with self.database.read() as session:
            row = find_file(session, find_kb(session, name), check_file_name(file_name))
        path = self.blobs.folder.blob(name, row.blob)
        if not path.is_file():
            raise UnreadableDocument(
                name=row.name,
                reason_en="its stored bytes are missing from the disk. Upload it again.",
                reason_zh="磁盘上的原始文件已丢失，请重新上传。",
            )
        return row, path

    def read_file(self, name: str, file_name: str) -> FileRow:
        """Return a file with its extracted text and blocks.

        Raises:
            UnknownKnowledgeBase, UnknownFile: there is none.
        """
        with self.database.read() as session:
            return file_with_text(session, find_kb(session, name), check_file_name(file_name))

    def list_chunks(self, name: str, file_name: str) -> list[Passage]:
        """Return the chunks of a file in order.

        Raises:
            UnknownKnowledgeBase, UnknownFile: there is none.
        """
        with self.database.read() as session:
            row = find_file(session, find_kb(session, name), check_file_name(file_name))
            return list(passages_of_files(session, [row.id]))

    def collect_blobs(self) -> int:
        """Delete stored bytes that no file uses any more; count them."""
        with self.database.read() as session:
            used = {kb.name: blobs_of(session, kb) for kb, _ in list_kbs(session)}
        return sum(self.blobs.collect(name, blobs) for name, blobs in used.items())


def blobs_of(session: Session, kb: KnowledgeBaseRow) -> set[str]:
    """Return the hashes of all files of a knowledge base."""
    return set(session.scalars(select(FileRow.blob).where(FileRow.kb_id == kb.id)))
