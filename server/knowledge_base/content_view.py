"""The folder ``content/`` of every knowledge base: its files under their names, for people.

A view of what SQL has, which people may edit: bytes that were never shown there are theirs, and go
only when the file itself is deleted. Knows no work of jobs and no indexes.
"""

import hashlib
import logging
import os
import threading
from pathlib import Path

from sqlalchemy.orm import Session

from server.db.database import Database
from server.db.files import look_up_file, recently_changed
from server.db.held import is_coming, was_shown
from server.db.knowledge_bases import list_kbs
from server.db.models import KnowledgeBaseRow
from server.errors import ZhiwenError
from server.knowledge_base.blobs import BlobStore

logger = logging.getLogger(__name__)

REPAIRED = 256  # changes before a crash that may not have been shown; more than can be under way


class ContentView:
    """Keeps ``content/`` in step with SQL; a failure costs the view, never a file."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self.database = database
        self.blobs = blobs
        self.lock = threading.Lock()  # so that the folder ends with what was committed last
        self.is_repaired = False  # until then it may show what a crash left

    def show(self, session: Session, kb_id: int, file_name: str) -> None:
        """Make the folder show what SQL has under a name now; what a person put there stays.

        The session is a new one: what it sees must not be older than the lock.
        """
        try:
            with self.lock:
                kb = session.get(KnowledgeBaseRow, kb_id)
                if kb is None or kb.is_deleted:
                    return
                row = look_up_file(session, kb, file_name)
                there = hash_of(self.blobs.folder.content(kb.name, file_name))
                if row is None:
                    if there and self.blobs.has(kb.name, there):  # else it was put there since
                        self.blobs.unpublish(kb.name, file_name)
                elif there is None or was_shown(session, row, there):
                    self.blobs.publish(kb.name, file_name, row.blob)
                else:
                    logger.info("%r was edited in content/; it is left as it is.", file_name)
        except (OSError, ZhiwenError) as error:
            logger.warning("%r cannot be shown in content/: %s", file_name, error)

    def hide(self, kb_name: str, file_name: str) -> None:
        """Remove a file that was deleted from the folder.

        Its caller holds ``lock`` since before the deletion: nobody takes the file for a new one.
        """
        try:
            self.blobs.unpublish(kb_name, file_name)
        except (OSError, ZhiwenError) as error:
            logger.warning("%r cannot be removed from content/: %s", file_name, error)

    def expects(self, session: Session, kb: KnowledgeBaseRow, file_name: str) -> bool:
        """Return whether the folder has a file, or gets it from an upload that waits.

        Its caller holds ``lock``.
        """
        path = self.blobs.folder.content_folder(kb.name) / file_name
        return os.path.lexists(path) or is_coming(session, kb.id, file_name)

    def repair(self) -> None:
        """Show what changed last in each knowledge base: a crash may have come in between."""
        with self.database.read() as session:
            kbs = [kb for kb, _ in list_kbs(session)]
            changed = {kb.id: recently_changed(session, kb, REPAIRED) for kb in kbs}
        kb_names = {kb.id: kb.name for kb in kbs}
        for kb_id, names in changed.items():
            with self.lock:
                self.blobs.remove_leftovers(kb_names[kb_id])
            for name in sorted(names):
                with self.database.read() as session:
                    self.show(session, kb_id, name)
        self.is_repaired = True


def hash_of(path: Path) -> str | None:
    """Return the sha256 of a file, None if there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
