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
from server.db.files import list_files, passages_by_id
from server.db.knowledge_bases import chunk_ids, find_kb, list_kbs, store_calibration
from server.db.models import KnowledgeBaseRow
from server.errors import UnknownKnowledgeBase
from server.knowledge_base.relevance import MAX_PROBES, VERSION, Calibration, Evidence, calibrate

logger = logging.getLogger(__name__)

CHANGED = 0.25  # of the files: calibrate again when more of them have changed

DELAY_S = 2.0

Ask = Callable[[str, str], Sequence[tuple[Passage, Evidence]]]


class Calibrator:
    """Calibrates one knowledge base after the other, in a thread of its own."""

    def __init__(self, database: Database, ask: Ask) -> None:
        self.database = database
        self.ask = ask
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="calibrate")
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._closed = threading.Event()

    def schedule(self, kb_name: str) -> None:
        """Calibrate soon, if the knowledge base has changed much since the last time.

        Changes that follow each other closely are taken together: in a small knowledge base the
        calibration costs more than the upload.
        """
        with self._lock:
            if kb_name not in self._waiting and not self._closed.is_set():
                self._waiting.add(kb_name)
                self._worker.submit(self._refresh_quietly, kb_name)

    def schedule_outdated(self) -> None:
        """Calibrate soon every knowledge base that needs it, as all do after an upgrade.

        One without files needs nothing: its first files have it calibrated.
        """
        with self.database.read() as session:
            names = [kb.name for kb, files in list_kbs(session) if files and is_outdated(kb)]
        for name in names:
            self.schedule(name)

    def refresh(self, kb_name: str) -> None:
        """Calibrate now, if the knowledge base has changed much since the last time.

        Raises:
            UnknownKnowledgeBase: it is gone.
        """
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            if not is_outdated(kb):
                return
            files = len(list_files(session, kb))
            ids = chunk_ids(session, kb)
            sample = [ids[n * len(ids) // MAX_PROBES] for n in range(MAX_PROBES)] if ids else []
            found = passages_by_id(session, list(dict.fromkeys(sample)))
        passages = [found[chunk_id] for chunk_id in sorted(found)]
        result = calibrate(passages, lambda question: self.ask(kb_name, question))
        with self.database.write("calibration") as session:
            store_calibration(session, kb, write_calibration(result, kb.revision, files))
        logger.debug("Calibrated %r: %s.", kb_name, dict(result.thresholds))

    def _refresh_quietly(self, kb_name: str) -> None:
        if self._closed.wait(DELAY_S):
            return
        with self._lock:
            self._waiting.discard(kb_name)
        try:
            self.refresh(kb_name)
        except UnknownKnowledgeBase:
            logger.info("%r was deleted before it was calibrated.", kb_name)
        except Exception:  # the border of the thread; the next change tries again
            logger.exception("%r was not calibrated.", kb_name)

    def close(self) -> None:
        """Finish what is running, forget what is waiting and what comes."""
        with self._lock:
            self._closed.set()
        self._worker.shutdown(cancel_futures=True)


def is_outdated(kb: KnowledgeBaseRow) -> bool:
    """Return whether so many files have changed that the thresholds may not fit any more."""
    stored = kb.calibration
    if not stored or stored.get("version") != VERSION:
        return True
    return bool(kb.revision - stored["revision"] > CHANGED * stored["files"])


def read_calibration(kb: KnowledgeBaseRow) -> Calibration:
    """Return the calibration of a knowledge base; the general one until it has its own."""
    stored = kb.calibration
    if not stored or stored.get("version") != VERSION:
        return Calibration()
    return Calibration(stored["thresholds"])


def write_calibration(calibration: Calibration, revision: int, files: int) -> dict[str, Any]:
    """Return a calibration as JSON values, with the state of the knowledge base that it is for."""
    return {
        "version": VERSION,
        "revision": revision,
        "files": files,
        "thresholds": dict(calibration.thresholds),
    }
