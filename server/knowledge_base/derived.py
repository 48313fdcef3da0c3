"""The indexes of every knowledge base in this process, kept in step with SQL.

Every search first compares the revision in SQL with that of the index and applies what is missing,
so each process reads what any process wrote. Knows no file formats and no scores.
"""

import logging
import threading
from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy.orm import Session

from embeddings import Embedder
from server.db.files import files_since, passages_of_files, removed_since
from server.db.models import KnowledgeBaseRow
from server.db.vectors import vectors_of_files
from server.knowledge_base.analysis import analyze, index_text
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
        self.generation = embedder.generation if embedder else ""
        self.lexical: LexicalIndex = LEXICAL_INDEXES.get("tantivy")(folder.index(kb_id, "lexical"))
        self.dense: DenseIndex | None = None
        if embedder:
            make = DENSE_INDEXES.get("faiss")
            self.dense = make(folder.index(kb_id, "dense"), embedder.dimension)
        self._lock = threading.Lock()

    def catch_up(self, session: Session, kb: KnowledgeBaseRow) -> None:
        """Apply what SQL has and the indexes lack; the session must see ``kb.revision``.

        A damaged index is rebuilt. Other knowledge bases are not held up.
        """
        if self._is_current(kb.revision):
            return
        with self._lock:
            try:
                self._catch_up_lexical(session, kb)
            except DamagedIndex as error:
                logger.warning("The index of %r is damaged (%s); rebuilding.", kb.name, error)
                self.lexical.drop()
                self._catch_up_lexical(session, kb)
            if self.dense is not None:
                self._catch_up_dense(session, kb, self.dense)

    def _is_current(self, revision: int) -> bool:
        try:
            known = self.lexical.revision()
        except DamagedIndex:
            return False
        return known == revision and (self.dense is None or self.dense.revision() == revision)

    def _catch_up_lexical(self, session: Session, kb: KnowledgeBaseRow) -> None:
        known = self.lexical.revision()
        if known > kb.revision:  # the database was replaced by an older one
            self.lexical.drop()
            known = 0
        for revision, files, removed in steps(session, kb, known):
            terms = [
                (passage.chunk_id, analyze(index_text(passage)))
                for passage in passages_of_files(session, files)
            ]
            self.lexical.apply(revision, add=terms, remove=removed)

    def _catch_up_dense(self, session: Session, kb: KnowledgeBaseRow, dense: DenseIndex) -> None:
        known = dense.revision()
        if known > kb.revision:
            dense.drop()
            known = 0
        for revision, files, removed in steps(session, kb, known):
            parts = list(vectors_of_files(session, files, self.generation))
            ids = np.concatenate([np.empty(0, np.int64), *(part[0] for part in parts)])
            if parts:
                vectors = np.concatenate([part[1] for part in parts])
                dense.apply(revision, add_ids=ids.tolist(), vectors=vectors, remove=removed)
            else:
                empty = np.empty((0, 0), np.float32)
                dense.apply(revision, add_ids=[], vectors=empty, remove=removed)

    def close(self) -> None:
        """Give back memory and files."""
        self.lexical.close()
        if self.dense is not None:
            self.dense.close()

    def drop(self) -> None:
        """Delete both indexes."""
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

    def get(self, session: Session, kb: KnowledgeBaseRow, embedder: Embedder | None) -> KbIndexes:
        """Return the indexes of a knowledge base, up to date with what the session sees."""
        with self._lock:
            indexes = self._open.get(kb.id)
            if indexes is None:
                indexes = self._open[kb.id] = KbIndexes(self.folder, kb.id, embedder)
        indexes.catch_up(session, kb)
        return indexes

    def drop(self, kb_id: int) -> None:
        """Delete the indexes of a knowledge base that is gone."""
        with self._lock:
            indexes = self._open.pop(kb_id, None) or KbIndexes(self.folder, kb_id, None)
        indexes.drop()

    def close(self) -> None:
        """Close all indexes."""
        with self._lock:
            for indexes in self._open.values():
                indexes.close()
            self._open.clear()
