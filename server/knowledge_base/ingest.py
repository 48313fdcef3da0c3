"""From the bytes of a file to its rows. Knows no routes and no indexes.

Each step leaves a state that is wholly old or wholly new: bytes are on disk before any row names
them, and all rows of a file change in one transaction.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from embeddings import Embedder, Vectors
from server.datatypes import Chunk, Document, Passage
from server.db.database import Database
from server.db.files import NewFile, look_up_file, put_file
from server.db.knowledge_bases import find_kb, next_revision
from server.db.models import FileRow, KnowledgeBaseRow
from server.db.vectors import StoredVectors
from server.errors import DuplicateFile, InvalidRequest, UnknownKnowledgeBase
from server.knowledge_base.analysis import index_text, language_of
from server.knowledge_base.blobs import BlobStore, StagedBlob
from server.knowledge_base.loaders import find_loader, load_document
from server.knowledge_base.names import check_file_name
from server.knowledge_base.splitters import SPLITTERS

logger = logging.getLogger(__name__)

PORTION = 256  # texts that are embedded before the progress is told
TELL_EVERY_S = 10


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How a file is added; what is None comes from the knowledge base."""

    override: bool = False
    chunk_size: int | None = None
    chunk_overlap: int | None = None


class Ingest:
    """Adds files to knowledge bases; safe to call from several threads at once."""

    def __init__(self, database: Database, blobs: BlobStore, *, max_extracted_chars: int) -> None:
        self.database = database
        self.blobs = blobs
        self.max_extracted_chars = max_extracted_chars

    def add(
        self,
        kb: KnowledgeBaseRow,
        file_name: str,
        source: BinaryIO,
        *,
        embedder: Embedder | None,
        options: IngestOptions,
    ) -> FileRow:
        """Add a file, or replace the one of the same name; return its row once it is durable.

        Raises:
            InvalidName, UnsupportedFormat, DuplicateFile, TooLarge, EmptyDocument,
            UnreadableDocument, EmbeddingFailed, UnknownKnowledgeBase: nothing changed.
        """
        name = check_file_name(file_name)
        find_loader(name)
        self._refuse_duplicate(kb, name, options)
        try:
            with self.blobs.stage(kb.name, name, source) as staged:
                document = load_document(staged.path, name, max_chars=self.max_extracted_chars)
                new = prepare(kb, name, staged, document, embedder=embedder, options=options)
                staged.keep()
                row = self._commit(kb, new, options)
        except FileNotFoundError as error:  # the knowledge base was deleted, with its folder
            raise UnknownKnowledgeBase(param="knowledge_base", name=kb.name) from error
        logger.info("Added %r to %r, chunks: %d.", name, kb.name, row.chunk_count)
        return row

    def _refuse_duplicate(self, kb: KnowledgeBaseRow, name: str, options: IngestOptions) -> None:
        if options.override:
            return
        with self.database.read() as session:
            if look_up_file(session, find_kb(session, kb.name), name):
                raise DuplicateFile(param="file_name", name=name)

    def _commit(self, kb: KnowledgeBaseRow, new: NewFile, options: IngestOptions) -> FileRow:
        with self.database.write() as session:
            current = next_revision(session, kb)
            if not options.override and look_up_file(session, current, new.name):
                raise DuplicateFile(param="file_name", name=new.name)  # another upload was faster
            return put_file(session, current, new)


def prepare(
    kb: KnowledgeBaseRow,
    name: str,
    staged: StagedBlob,
    document: Document,
    *,
    embedder: Embedder | None,
    options: IngestOptions,
) -> NewFile:
    """Return all that will be stored of a file: its chunks and their vectors."""
    chunk_size = options.chunk_size or kb.chunk_size
    overlap = choose_overlap(chunk_size, options.chunk_overlap, kb.chunk_overlap)
    split = SPLITTERS.get("recursive")
    chunks = tuple(
        replace(chunk, page_breaks=find_page_breaks(document, chunk))
        for chunk in split(document, chunk_chars=chunk_size, overlap_chars=overlap)
    )
    return NewFile(
        name=name,
        blob=staged.sha256,
        size=staged.size,
        document=document,
        chunks=chunks,
        chunk_size=chunk_size,
        chunk_overlap=overlap,
        vectors=embed(kb.name, name, document.title, chunks, embedder),
    )


def choose_overlap(chunk_size: int, asked: int | None, usual: int) -> int:
    """Return the overlap asked for, or the usual one as far as it fits the size of a chunk.

    Raises:
        InvalidRequest: more than half a chunk is asked for, which leaves no room for new text.
    """
    if asked is None:
        return min(usual, chunk_size // 2)
    if asked > chunk_size // 2:
        raise InvalidRequest(
            param="chunk_overlap",
            problem_en=f"chunk_overlap {asked} must be at most half of chunk_size {chunk_size}",
            problem_zh=f"chunk_overlap {asked} 不得超过 chunk_size {chunk_size} 的一半",
        )
    return asked


def find_page_breaks(document: Document, chunk: Chunk) -> tuple[tuple[int, int], ...]:
    """Return (start, page) of every page that begins inside a chunk."""
    breaks: list[tuple[int, int]] = []
    start, page = 0, chunk.page
    for block in document.blocks:
        if chunk.start < start < chunk.end and block.page is not None and block.page != page:
            page = block.page
            breaks.append((start, page))
        start += len(block.text) + len(Document.SEPARATOR)
    return tuple(breaks)


def embed(
    kb_name: str, name: str, title: str, chunks: tuple[Chunk, ...], embedder: Embedder | None
) -> StoredVectors | None:
    """Return vectors for the chunks in a language that the model knows, or None if there are none.

    Vectors of other languages would carry no meaning, and cost most of the time of an upload.
    """
    if embedder is None:
        return None
    known = [
        order for order, chunk in enumerate(chunks) if language_of(chunk.text) in embedder.languages
    ]
    if not known:
        return None
    texts = [
        index_text(
            Passage(
                chunk_id=0,
                knowledge_base=kb_name,
                file_name=name,
                title=title,
                order=order,
                chunk=chunks[order],
            )
        )
        for order in known
    ]
    values = np.concatenate(list(embed_in_portions(name, texts, embedder)))
    return StoredVectors(embedder.generation, np.array(known, np.int32), values)


def embed_in_portions(name: str, texts: list[str], embedder: Embedder) -> Iterator[Vectors]:
    """Yield the vectors of portions of the texts, and log how far it is if that takes long."""
    started = time.monotonic()
    for start in range(0, len(texts), PORTION):
        yield embedder.embed_documents(texts[start : start + PORTION])
        if time.monotonic() - started > TELL_EVERY_S:
            started = time.monotonic()
            logger.info("Embedding %r: %d of %d chunks.", name, start + PORTION, len(texts))
