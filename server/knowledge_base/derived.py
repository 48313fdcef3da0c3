"""The indexes of every knowledge base in this process, kept in step with SQL.

Every search first compares the revision in SQL with that of the index and applies what is missing,
so each process reads what any process wrote. Knows no file formats and no scores.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fasteners import ReaderWriterLock
from sqlalchemy.orm import Session

from embeddings import Embedder, Vectors
from server.db.database import Database
from server.db.files import count_chunks
from server.db.knowledge_bases import load_kb
from server.db.models import KnowledgeBaseRow
from server.db.vectors import repair_vectors
from server.errors import Cancelled, IndexFailed, UnknownKnowledgeBase, ZhiwenError
from server.faults import fault_point
from server.knowledge_base.indexes import (
    DENSE_INDEXES,
    LEXICAL_INDEXES,
    DamagedIndex,
    DenseIndex,
    LexicalIndex,
)
from server.knowledge_base.paths import DataFolder
from server.knowledge_base.portions import (
    Embed,
    OutOfStep,
    Repair,
    read_portions,
    read_rows,
    read_terms,
)

logger = logging.getLogger(__name__)

WASTE = 0.25  # share of a lexical index that may be of chunks that went
PATIENCE_S = 60  # how long a request waits while another one brings the same indexes up to date


@dataclass(frozen=True, slots=True)
class KbIndexes:
    """The indexes of one knowledge base as one request sees them; dense only with a model."""

    lexical: LexicalIndex
    dense: DenseIndex | None


@dataclass(frozen=True, slots=True)
class Generation:
    """A dense index and the generation of the embedding model that made its vectors."""

    name: str
    index: DenseIndex


def embed_here(embedder: Embedder, texts: list[str]) -> Vectors:
    """Embed in this thread."""
    return embedder.embed_documents(texts)


class IndexKeeper:
    """Keeps the indexes of one knowledge base; safe to use from several threads.

    A failure is an error of the request that met it, and the next one tries again. Nothing here
    waits for another knowledge base.
    """

    def __init__(self, folder: DataFolder, kb_id: int, embed: Embed) -> None:
        self.folder = folder
        self.kb_id = kb_id
        self.embed = embed
        self.lexical: LexicalIndex = LEXICAL_INDEXES.get("tantivy")(folder.index(kb_id, "lexical"))
        self._dense: Generation | None = None
        self._writing = threading.Lock()
        self._use = ReaderWriterLock()
        self._is_gone = False
        self._applied = -1  # revision of the lexical index once it is known to be whole
        self._repairs: list[Repair] = []

    @contextmanager
    def use(
        self, session: Session, kb: KnowledgeBaseRow, embedder: Embedder | None
    ) -> Iterator[KbIndexes]:
        """Bring the indexes up to date and keep them from being dropped meanwhile.

        Raises:
            UnknownKnowledgeBase: the knowledge base was deleted, though the session still sees it.
            IndexFailed: an index cannot be read, or not be rebuilt.
        """
        with self._use.read_lock():
            if self._is_gone:
                raise UnknownKnowledgeBase(param="knowledge_base", name=kb.name)
            indexes = self._catch_up(session, kb, embedder)
            try:
                yield indexes
            except DamagedIndex as error:
                self._distrust()
                raise unreadable(kb, error) from error

    def take_repairs(self) -> list[Repair]:
        """Return the repairs that nobody has taken yet."""
        taken: list[Repair] = []
        while self._repairs:
            taken.append(self._repairs.pop())
        return taken

    def _catch_up(
        self, session: Session, kb: KnowledgeBaseRow, embedder: Embedder | None
    ) -> KbIndexes:
        """Apply what SQL has and the indexes lack; the session must see ``kb.revision``."""
        dense = self._dense
        # A session may be older than what another thread has applied since.
        if kb.revision <= self._applied and is_current(dense, kb, embedder):
            return KbIndexes(self.lexical, dense.index if dense and embedder else None)
        if not self._writing.acquire(timeout=PATIENCE_S):
            raise IndexFailed(name=kb.name, reason_en="it is being built.", reason_zh="正在构建，")
        try:
            if kb.revision > self._applied:
                self._catch_up_lexical(session, kb)
            newest = self._catch_up_dense(session, kb, embedder) if embedder else None
            return KbIndexes(self.lexical, newest)
        finally:
            self._writing.release()

    def _catch_up_lexical(self, session: Session, kb: KnowledgeBaseRow) -> None:
        """Apply to the lexical index what it lacks; a damaged one is rebuilt.

        Raises:
            IndexFailed: it cannot be written.
        """
        try:
            self._apply_terms(session, kb)
        except (DamagedIndex, OutOfStep) as error:
            logger.warning("The index of %r cannot go on: %s", kb.name, error)
            try:
                self._drop_if_damaged(kb, error)
                self._apply_terms(session, kb)
            except (DamagedIndex, OutOfStep) as second:
                raise unreadable(kb, second) from second
        self._applied = kb.revision

    def _drop_if_damaged(self, kb: KnowledgeBaseRow, error: Exception) -> None:
        """Drop the lexical index unless it is whole and could only not be written."""
        self.lexical.close()
        if isinstance(error, DamagedIndex):
            try:
                self.lexical.revision()  # opens it again and checks all of it
            except DamagedIndex:
                pass
            else:
                return
        logger.warning("The index of %r is damaged or out of step; rebuilding.", kb.name)
        self._applied = -1
        self.lexical.drop()

    def _apply_terms(self, session: Session, kb: KnowledgeBaseRow) -> None:
        known = self.lexical.revision()
        if self._applied < 0 and known > kb.revision:
            raise OutOfStep(f"it is at {known}, the database only at {kb.revision}")
        if known == 0 and self.lexical.count():
            self.lexical.drop()  # a build was interrupted, and chunks may have gone since
        fill(self.lexical, session, kb)
        if self._applied < 0:
            held, stored = self.lexical.count(), count_chunks(session, kb.id)
            if held != stored:
                raise OutOfStep(f"it has {held} chunks, the database {stored}")

    def _catch_up_dense(
        self, session: Session, kb: KnowledgeBaseRow, embedder: Embedder
    ) -> DenseIndex:
        """Return the dense index of the embedder's generation, up to date.

        One of a new generation is built beside the old one and takes its place. The old one lives
        until the last search that began with it ends.
        """
        dense = self._dense
        if dense is None or dense.name != embedder.generation or is_unfinished(dense.index):
            dense = self._make_dense(embedder)
        try:
            self._apply_rows(session, kb, dense.index, embedder)
        except OutOfStep as error:
            logger.warning("The vectors of %r cannot go on (%s); reading all.", kb.name, error)
            dense = self._make_dense(embedder)
            self._apply_rows(session, kb, dense.index, embedder)
        if kb.revision >= self._applied:  # else an old session, whose model is of the past
            self._dense = dense
        return dense.index

    def _make_dense(self, embedder: Embedder) -> Generation:
        folder = self.folder.index(self.kb_id, "dense")
        make = DENSE_INDEXES.get("faiss")
        return Generation(embedder.generation, make(folder, embedder.dimension))

    def _apply_rows(
        self, session: Session, kb: KnowledgeBaseRow, dense: DenseIndex, embedder: Embedder
    ) -> None:
        if dense.revision() >= kb.revision:
            return
        for portion in read_portions(session, kb, dense.revision()):
            ids, vectors, repairs = read_rows(session, portion.files, embedder, self.embed)
            dense.apply(portion.revision, add_ids=ids, vectors=vectors, remove=portion.removed)
            self._repairs += repairs

    def compact(self, database: Database, *, is_cancelled: Callable[[], bool]) -> None:
        """Build the lexical index anew beside the old one if much of that is of chunks that went.

        Searches go on meanwhile, and wait only for the change-over.

        Raises:
            UnknownKnowledgeBase: the knowledge base is gone.
            Cancelled: ``is_cancelled`` became true; the old one stays.
        """
        with self._use.read_lock():  # to look at what is gone would open it anew
            if self._is_gone or self._applied < 0 or self.lexical.waste() < WASTE:
                return
        folder = self.folder.index(self.kb_id, "lexical")
        beside = self.folder.index(self.kb_id, "lexical-new")
        fresh = LEXICAL_INDEXES.get("tantivy")(beside)
        fresh.drop()
        try:
            with database.read() as session:
                kb = load_kb(session, self.kb_id)
                fill(fresh, session, kb, is_cancelled=is_cancelled)
            with self._use.write_lock(), database.read() as session:
                fill(fresh, session, load_kb(session, self.kb_id))  # what came meanwhile
                fresh.close()
                self._applied = -1  # so that the next request looks what there is, come what may
                self.lexical.drop()
                fault_point("lexical.before_change_over")
                beside.rename(folder)
                fault_point("lexical.after_change_over")
        finally:
            fresh.drop()

    def _distrust(self) -> None:
        """Make the next request open and check the lexical index anew."""
        with self._writing:
            self._applied = -1
            self.lexical.close()

    def close(self) -> None:
        """Give back memory and files."""
        with self._writing:
            self._applied = -1
            self._dense = None
            self.lexical.close()

    def drop(self) -> None:
        """Delete both indexes for good, once nobody uses them any more."""
        with self._use.write_lock():
            self._is_gone = True
            self._dense = None
            self.lexical.drop()


def unreadable(kb: KnowledgeBaseRow, error: Exception) -> IndexFailed:
    """Return the error about an index that cannot be read or not be made."""
    logger.error("The index of %r: %s", kb.name, error)
    return IndexFailed(name=kb.name, reason_en=f"{error}.", reason_zh="无法建立或读取，")


def fill(
    index: LexicalIndex,
    session: Session,
    kb: KnowledgeBaseRow,
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Apply to an index what it lacks.

    Raises:
        Cancelled: ``is_cancelled`` became true between two portions.
    """
    for portion in read_portions(session, kb, index.revision()):
        if is_cancelled():
            raise Cancelled
        terms = read_terms(session, portion.files)
        index.apply(portion.revision, add=terms, remove=portion.removed)


def is_current(dense: Generation | None, kb: KnowledgeBaseRow, embedder: Embedder | None) -> bool:
    """Return whether a request with this embedder can use a dense index as it is."""
    if embedder is None:
        return True
    return (
        dense is not None
        and dense.name == embedder.generation
        and dense.index.revision() >= kb.revision
    )


def is_unfinished(dense: DenseIndex) -> bool:
    """Return whether the first build of an index was interrupted; chunks may have gone since."""
    return dense.revision() == 0 and dense.count() > 0


class IndexPool:
    """The open indexes by knowledge base; made on first use, dropped with the knowledge base."""

    def __init__(
        self, folder: DataFolder, database: Database | None = None, *, embed: Embed = embed_here
    ) -> None:
        """Take the data folder; with a database, repaired vectors are written back to it.

        ``embed`` makes vectors again that are damaged in the database.
        """
        self.folder = folder
        self.database = database
        self.embed = embed
        self._lock = threading.Lock()
        self._open: dict[int, IndexKeeper] = {}

    @contextmanager
    def use(
        self, session: Session, kb: KnowledgeBaseRow, embedder: Embedder | None
    ) -> Iterator[KbIndexes]:
        """Yield the indexes of a knowledge base, up to date with what the session sees.

        The dense one is of the generation of the embedder, None without one.

        Raises:
            UnknownKnowledgeBase: the knowledge base was deleted, though the session still sees it.
            IndexFailed: an index cannot be read, or not be rebuilt; the next request tries again.
        """
        keeper = self._keeper(kb.id)
        with keeper.use(session, kb, embedder) as indexes:
            self._write_back(keeper)
            yield indexes

    def _keeper(self, kb_id: int) -> IndexKeeper:
        with self._lock:
            keeper = self._open.get(kb_id)
            if keeper is None:
                keeper = self._open[kb_id] = IndexKeeper(self.folder, kb_id, self.embed)
            return keeper

    def _write_back(self, keeper: IndexKeeper) -> None:
        """Store repaired vectors; if that fails, they are made again after the next start."""
        if self.database is None:
            return
        for repair in keeper.take_repairs():
            try:
                with self.database.write("vectors.repair") as session:
                    repair_vectors(session, repair.damaged, repair.vectors)
            except ZhiwenError as error:
                file_id = repair.damaged.file_id
                logger.warning("Repaired vectors of file %d were not stored: %s", file_id, error)

    def compact(self, *, is_cancelled: Callable[[], bool] = lambda: False) -> None:
        """Rid the open indexes of what chunks left behind that went, one after the other."""
        if self.database is None:
            return
        with self._lock:
            keepers = list(self._open.values())
        for keeper in keepers:
            try:
                keeper.compact(self.database, is_cancelled=is_cancelled)
            except Cancelled:
                return
            except (DamagedIndex, OutOfStep, OSError, ZhiwenError) as error:
                logger.warning("An index was not compacted: %s", error)

    def drop(self, kb_id: int) -> None:
        """Delete the indexes of a knowledge base that is gone.

        Their place stays taken: a search that began before must not build them again.
        """
        self._keeper(kb_id).drop()

    def close(self) -> None:
        """Close all indexes."""
        with self._lock:
            keepers = list(self._open.values())
            self._open.clear()
        for keeper in keepers:
            keeper.close()
