"""The indexes of every knowledge base in this process, kept in step with SQL.

Every search first compares the revision in SQL with that of the index and applies what is missing,
so each process reads what any process wrote. Knows no file formats and no scores.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from fasteners import ReaderWriterLock
from sqlalchemy.orm import Session

from embeddings import Embedder
from server.db.files import files_since, passages_of_files, removed_since
from server.db.models import KnowledgeBaseRow
from server.db.vectors import DamagedVectors, FileVectors, read_vectors
from server.errors import IndexFailed, UnknownKnowledgeBase
from server.knowledge_base.analysis import analyze, index_text, language_of
from server.knowledge_base.indexes import (
    DENSE_INDEXES,
    LEXICAL_INDEXES,
    DamagedIndex,
    DenseIndex,
    LexicalIndex,
)
from server.knowledge_base.paths import DataFolder

logger = logging.getLogger(__name__)

FILES_AT_ONCE = 200  # whose chunks are applied in one step while an index catches up


class KbIndexes:
    """The lexical and the dense index of one knowledge base; the dense one only with a model."""

    def __init__(self, folder: DataFolder, kb_id: int, embedder: Embedder | None) -> None:
        self.kb_id = kb_id
        self.embedder = embedder
        self.lexical: LexicalIndex = LEXICAL_INDEXES.get("tantivy")(folder.index(kb_id, "lexical"))
        self.dense: DenseIndex | None = None
        if embedder:
            make = DENSE_INDEXES.get("faiss")
            self.dense = make(folder.index(kb_id, "dense"), embedder.dimension)
        self._writing = threading.Lock()
        self._use = ReaderWriterLock()
        self._is_gone = False
        self._applied = -1  # highest revision that both indexes have, as far as is known here

    @contextmanager
    def use(self, session: Session, kb: KnowledgeBaseRow) -> Iterator[None]:
        """Bring the indexes up to date and keep them from being dropped meanwhile.

        Raises:
            UnknownKnowledgeBase: the knowledge base was deleted, though the session still sees it.
        """
        with self._use.read_lock():
            if self._is_gone:
                raise UnknownKnowledgeBase(param="knowledge_base", name=kb.name)
            self.catch_up(session, kb)
            try:
                yield
            except DamagedIndex as error:
                self._applied = -1  # the next request looks closer, and rebuilds it
                raise IndexFailed(name=kb.name, reason=str(error)) from error

    def catch_up(self, session: Session, kb: KnowledgeBaseRow) -> None:
        """Apply what SQL has and the indexes lack; the session must see ``kb.revision``.

        A damaged index is rebuilt.

        Raises:
            IndexFailed: it cannot be rebuilt either.
        """
        if kb.revision <= self._applied:
            return  # a session may be older than what another thread has applied since
        with self._writing:
            if kb.revision <= self._applied:
                return
            try:
                self._catch_up_lexical(session, kb)
            except DamagedIndex as error:
                logger.warning("The index of %r is damaged (%s); rebuilding.", kb.name, error)
                self._rebuild_lexical(session, kb)
            if self.dense is not None:
                self._catch_up_dense(session, kb, self.dense)
            self._applied = kb.revision

    def _rebuild_lexical(self, session: Session, kb: KnowledgeBaseRow) -> None:
        try:
            self.lexical.drop()
            self._catch_up_lexical(session, kb)
        except DamagedIndex as error:
            raise IndexFailed(name=kb.name, reason=str(error)) from error

    def _catch_up_lexical(self, session: Session, kb: KnowledgeBaseRow) -> None:
        known = self.lexical.revision()
        if known > kb.revision:  # nothing was applied yet: the database is an older one
            self.lexical.drop()
            known = 0
        for revision, files, removed in steps(session, kb, known):
            terms = [
                (passage.chunk_id, analyze(index_text(passage)))
                for passage in passages_of_files(session, files)
            ]
            self.lexical.apply(revision, add=terms, remove=removed)

    def _catch_up_dense(self, session: Session, kb: KnowledgeBaseRow, dense: DenseIndex) -> None:
        for revision, files, removed in steps(session, kb, dense.revision()):
            parts = [part for file_id in files if (part := self._vectors(session, file_id))]
            ids = np.concatenate([np.empty(0, np.int64), *(part.chunk_ids for part in parts)])
            empty = np.empty((0, parts[0].values.shape[1] if parts else 0), np.float32)
            vectors = np.concatenate([empty, *(part.values for part in parts)])
            dense.apply(revision, add_ids=ids.tolist(), vectors=vectors, remove=removed)

    def _vectors(self, session: Session, file_id: int) -> FileVectors | None:
        """Return the vectors of a file; damaged ones are made again from its chunks."""
        assert self.embedder is not None  # noqa: S101  # there is a dense index only with a model
        try:
            return read_vectors(session, file_id, self.embedder.generation)
        except DamagedVectors as error:
            logger.warning("%s; embedding it again.", error)
            passages = [
                passage
                for passage in passages_of_files(session, [file_id])
                if language_of(passage.chunk.text) in self.embedder.languages
            ]
            values = self.embedder.embed_documents(list(map(index_text, passages)))
            return FileVectors(np.array([item.chunk_id for item in passages], np.int64), values)

    def close(self) -> None:
        """Give back memory and files."""
        self._applied = -1
        self.lexical.close()
        if self.dense is not None:
            self.dense.close()

    def drop(self) -> None:
        """Delete both indexes for good, once nobody uses them any more."""
        with self._use.write_lock():
            self._is_gone = True
            self.lexical.drop()
            if self.dense is not None:
                self.dense.drop()


def steps(
    session: Session, kb: KnowledgeBaseRow, known: int
) -> Iterator[tuple[int, Sequence[int], Sequence[int]]]:
    """Yield the revision to note, files to add and chunk ids to remove, in bounded portions.

    Only the last step notes the new revision: a process that dies in between starts over, and
    adding a chunk twice changes nothing.
    """
    if known == kb.revision:
        return
    files = files_since(session, kb.id, known)
    # What was removed is of no concern to an index that never had it.
    removed = removed_since(session, kb.id, known).tolist() if known else []
    for start in range(0, max(len(files), 1), FILES_AT_ONCE):
        is_last = start + FILES_AT_ONCE >= len(files)
        some = files[start : start + FILES_AT_ONCE]
        yield kb.revision if is_last else known, some, removed if start == 0 else []


class IndexPool:
    """The open indexes by knowledge base; made on first use, dropped with the knowledge base."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._open: dict[int, KbIndexes] = {}

    @contextmanager
    def use(
        self, session: Session, kb: KnowledgeBaseRow, embedder: Embedder | None
    ) -> Iterator[KbIndexes]:
        """Yield the indexes of a knowledge base, up to date with what the session sees.

        Raises:
            UnknownKnowledgeBase: the knowledge base was deleted, though the session still sees it.
        """
        with self._lock:
            indexes = self._open.get(kb.id)
            if indexes is None:
                indexes = self._open[kb.id] = KbIndexes(self.folder, kb.id, embedder)
        with indexes.use(session, kb):
            yield indexes

    def drop(self, kb_id: int) -> None:
        """Delete the indexes of a knowledge base that is gone.

        Their place stays taken: a search that began before must not build them again.
        """
        with self._lock:
            indexes = self._open.get(kb_id)
            if indexes is None:
                indexes = self._open[kb_id] = KbIndexes(self.folder, kb_id, None)
        indexes.drop()

    def close(self) -> None:
        """Close all indexes."""
        with self._lock:
            for indexes in self._open.values():
                indexes.close()
            self._open.clear()
