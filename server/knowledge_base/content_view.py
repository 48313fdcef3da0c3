"""The folder ``content/`` of every knowledge base: its files under their names, for people.

A view of what SQL has; knows no uploads and no indexes.
"""

import logging
import threading

from server.db.database import Database
from server.db.files import look_up_file, recently_changed
from server.db.knowledge_bases import list_kbs
from server.db.models import FileRow, KnowledgeBaseRow
from server.errors import ZhiwenError
from server.knowledge_base.blobs import BlobStore, has_hash

logger = logging.getLogger(__name__)

REPAIRED = 256  # changes before a crash that may not have been shown; more than can be under way


class ContentView:
    """Keeps ``content/`` in step with SQL; a failure costs the view, never a file."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self.database = database
        self.blobs = blobs
        self.lock = threading.Lock()  # so that the folder ends with what was committed last

    def show(self, kb_id: int, file_name: str) -> None:
        """Make the folder show what SQL has under a name now."""
        try:
            with self.lock, self.database.read() as session:
                kb = session.get(KnowledgeBaseRow, kb_id)
                if kb is None or kb.is_deleted:
                    return
                row = look_up_file(session, kb, file_name)
                if row and self._is_edited(kb.name, row):
                    logger.info("%r was edited in content/; it is left as it is.", file_name)
                elif row:
                    self.blobs.publish(kb.name, file_name, row.blob)
                else:
                    self.blobs.unpublish(kb.name, file_name)
        except (OSError, ZhiwenError) as error:
            logger.warning("%r cannot be shown in content/: %s", file_name, error)

    def _is_edited(self, kb_name: str, row: FileRow) -> bool:
        """Tell whether somebody wrote to the file after its bytes were last committed.

        What is shown of earlier bytes is older than that.
        """
        path = self.blobs.folder.content(kb_name, row.name)
        if not path.is_file() or path.stat().st_mtime <= row.updated_at.timestamp():
            return False
        return not has_hash(path, row.blob)

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
                self.show(kb_id, name)
