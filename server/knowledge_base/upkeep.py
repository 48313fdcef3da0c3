"""What is done in the background so that a data folder stays small: in small steps, resumable.

Knows no requests; what it removes, nobody can see any more.
"""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from server.db.database import Database
from server.db.files import prune_changes, used_blobs
from server.db.jobs import open_jobs, prune_jobs
from server.db.knowledge_bases import hidden_kbs, list_kbs, remove_other_vectors, remove_rows
from server.db.models import KnowledgeBaseRow, now
from server.errors import ZhiwenError
from server.knowledge_base.blobs import BlobStore
from server.knowledge_base.content_view import ContentView
from server.knowledge_base.derived import IndexPool
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.pages import PagePictures

logger = logging.getLogger(__name__)

EVERY_S = 3600.0
PAUSE_S = 0.02  # between two steps, for others who want to write
FILES = 20  # whose rows are removed in one transaction
KEPT_CHANGES = 10_000  # of the log of a knowledge base; an index that is further behind is rebuilt
KEPT_JOBS = timedelta(days=7)
PAGES = 2_000  # free pages of SQLite that are given back in one step, 32 MB


class Upkeep:
    """Removes what was deleted, in a thread of its own: now and then, and when it is told of it."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        embedders: EmbedderPool,
        indexes: IndexPool,
        view: ContentView,
        pages: PagePictures,
    ) -> None:
        self.database = database
        self.pages = pages
        self.view = view
        self.indexes = indexes
        self.blobs = blobs
        self.embedders = embedders
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, with a first round now."""
        self._wanted.set()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def want(self) -> None:
        """Ask for a round soon, because something large was deleted."""
        self._wanted.set()

    def close(self) -> None:
        """End after the present step; the next round goes on with the rest."""
        self._closed.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        self._quietly(self.view.repair)
        while not self._closed.is_set():
            self._wanted.wait(EVERY_S)
            self._wanted.clear()
            if self._closed.is_set():
                return
            self.clean()

    def _quietly(self, step: Callable[[], object]) -> None:
        """Do a step; if it fails, the next round tries again, and the others are done anyway."""
        try:
            step()
        except ZhiwenError as error:
            logger.warning("A step of the upkeep was not done: %s", error)
        except Exception:  # the border of the thread
            logger.exception("A step of the upkeep was not done.")

    def clean(self) -> None:
        """Do one round."""
        self._quietly(self._remove_hidden)
        self._quietly(self._clean_kbs)
        self._quietly(partial(self.indexes.compact, is_cancelled=self._closed.is_set))
        self._quietly(self.pages.tidy)
        self._quietly(self._prune_jobs)
        self._quietly(self._shrink)

    def _remove_hidden(self) -> None:
        with self.database.read() as session:
            hidden = hidden_kbs(session)
        for kb_id in hidden:
            self._quietly(partial(self._remove_kb, kb_id))

    def _remove_kb(self, kb_id: int) -> None:
        self.blobs.empty_trash(kb_id)
        while not self._is_closing() and not self._remove_some(kb_id):
            pass

    def _clean_kbs(self) -> None:
        with self.database.read() as session:
            kbs = [kb for kb, _ in list_kbs(session)]
        for kb in kbs:
            if not self._is_closing():
                self._quietly(partial(self._clean_kb, kb))

    def _prune_jobs(self) -> None:
        with self.database.write("prune_jobs") as session:
            prune_jobs(session, now() - KEPT_JOBS)

    def _shrink(self) -> None:
        while not self._is_closing() and self.database.shrink(PAGES):
            pass

    def _is_closing(self) -> bool:
        return self._closed.wait(PAUSE_S)

    def _remove_some(self, kb_id: int) -> bool:
        with self.database.write("remove_kb") as session:
            return remove_rows(session, kb_id, files=FILES)

    def _clean_kb(self, kb: KnowledgeBaseRow) -> None:
        with self.database.read() as session:
            used = used_blobs(session, kb)
        if count := self.blobs.collect(kb.name, used):
            logger.info("Removed blobs of %r that nothing needs any more: %d.", kb.name, count)
        with self.database.write("prune_changes") as session:
            prune_changes(session, kb, keep=KEPT_CHANGES)
        while not self._is_closing() and self._remove_vectors(kb.id):
            pass

    def _remove_vectors(self, kb_id: int) -> int:
        """Remove vectors of models that are not in use, unless a job is about to change to one."""
        with self.database.write("remove_vectors") as session:
            kb = session.get(KnowledgeBaseRow, kb_id)
            if kb is None or kb.is_deleted or open_jobs(session, kb_id):
                return 0
            embedder = self.embedders.get(kb.embedding_model)
            generation = embedder.generation if embedder else ""
            return remove_other_vectors(session, kb, generation, files=FILES)
