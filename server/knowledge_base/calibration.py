"""Keeps every knowledge base's thresholds of off-topic detection up to date, in the background.

Knows when to calibrate and where the result is kept; ``relevance`` knows how.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from server.datatypes import Passage
from server.db.database import Database
from server.db.files import passages_by_id
from server.db.knowledge_bases import chunk_ids, count_chunks, find_kb, store_calibration
from server.db.models import KnowledgeBaseRow
from server.errors import UnknownKnowledgeBase, ZhiwenError
from server.knowledge_base.relevance import MAX_PROBES, VERSION, Calibration, Evidence, calibrate

logger = logging.getLogger(__name__)

GROWTH = 1.25  # calibrate again when the knowledge base is so much larger or smaller

Ask = Callable[[str, str], Sequence[tuple[Passage, Evidence]]]


class Calibrator:
    """Calibrates one knowledge base after the other, in a thread of its own."""

    def __init__(self, database: Database, ask: Ask) -> None:
        self.database = database
        self.ask = ask
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="calibrate")
        self._lock = threading.Lock()
        self._waiting: set[str] = set()

    def schedule(self, kb_name: str) -> None:
        """Calibrate soon, if the knowledge base has changed much since the last time."""
        with self._lock:
            if kb_name not in self._waiting:
                self._waiting.add(kb_name)
                self._worker.submit(self._refresh_quietly, kb_name)

    def refresh(self, kb_name: str) -> None:
        """Calibrate now, if the knowledge base has changed much since the last time.

        Raises:
            UnknownKnowledgeBase: it is gone.
        """
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            chunks = count_chunks(session, kb)
            if not is_outdated(kb.calibration, chunks):
                return
            ids = chunk_ids(session, kb)
            sample = [ids[n * len(ids) // MAX_PROBES] for n in range(MAX_PROBES)] if ids else []
            found = passages_by_id(session, list(dict.fromkeys(sample)))
        passages = [found[chunk_id] for chunk_id in sorted(found)]
        result = calibrate(passages, lambda question: self.ask(kb_name, question))
        with self.database.write() as session:
            store_calibration(session, kb.id, write_calibration(result, chunks))
        logger.info("Calibrated %r: %s.", kb_name, dict(result.thresholds))

    def _refresh_quietly(self, kb_name: str) -> None:
        with self._lock:
            self._waiting.discard(kb_name)
        try:
            self.refresh(kb_name)
        except UnknownKnowledgeBase:
            logger.info("%r was deleted before it was calibrated.", kb_name)
        except ZhiwenError as error:  # the next change tries again
            logger.warning("%r was not calibrated: %s", kb_name, error)

    def close(self) -> None:
        """Finish what is running, forget what is waiting."""
        self._worker.shutdown(cancel_futures=True)


def is_outdated(stored: dict[str, Any] | None, chunks: int) -> bool:
    """Return whether a stored calibration no longer fits a knowledge base of that many chunks."""
    if not stored or stored.get("version") != VERSION:
        return True
    before = max(int(stored["chunks"]), 1)
    return not before / GROWTH <= chunks <= before * GROWTH


def read_calibration(kb: KnowledgeBaseRow) -> Calibration:
    """Return the calibration of a knowledge base; the general one until it has its own."""
    stored = kb.calibration
    if not stored or stored.get("version") != VERSION:
        return Calibration()
    return Calibration(stored["thresholds"])


def write_calibration(calibration: Calibration, chunks: int) -> dict[str, Any]:
    """Return a calibration as JSON values, with the size of the knowledge base that it is for."""
    return {
        "version": VERSION,
        "chunks": chunks,
        "thresholds": dict(calibration.thresholds),
    }
