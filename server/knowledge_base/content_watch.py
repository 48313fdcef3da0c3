"""Follows what people do in the folders ``content/``. Does not know how files are read."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from server.db.database import Database
from server.db.knowledge_bases import list_kbs
from server.errors import UnknownFile, UnknownKnowledgeBase, ZhiwenError
from server.knowledge_base.content_folder import ContentFolder, files_in

logger = logging.getLogger(__name__)

Marks = dict[str, tuple[int, int]]  # by name: size and time of the last change in nanoseconds


@dataclass(slots=True)
class Folder:
    """What was seen in a folder; a file counts once two looks in a row found it the same."""

    last: Marks = field(default_factory=dict)  # of the look before
    settled: Marks = field(default_factory=dict)
    # By name: the hashes of what lay there, and of what SQL had instead of a new edit.
    seen: dict[str, set[str]] = field(default_factory=dict)


class ContentWatch:
    """Looks into the folders every so often, in a thread of its own.

    What is new or edited is added, what is taken away is deleted. What was taken away while no
    service ran stays: it cannot be told from a folder that was lost.
    """

    def __init__(
        self,
        database: Database,
        content: ContentFolder,
        *,
        every_s: float,
        delete: Callable[[str, str, Collection[str]], None],
    ) -> None:
        """Take what it works with; 0 s: never look.

        ``delete`` gets a knowledge base, a file and the hashes of what was taken away: it deletes
        nothing else, such as an upload of that name that comes at the same time.
        """
        self.database = database
        self.content = content
        self.every_s = every_s
        self.delete = delete
        self._folders: dict[int, Folder] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, unless it is off."""
        if self.every_s > 0:
            self._thread = threading.Thread(target=self._run, name="content-watch", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(self.every_s):
            try:
                self.look()
            except (OSError, ZhiwenError) as error:
                logger.warning("The folders content/ could not be looked through: %s", error)

    def look(self) -> None:
        """Look into all folders once, and do what follows from it."""
        with self.database.read() as session:
            kbs = {kb.id: kb.name for kb, _ in list_kbs(session)}
        self._folders = {kb_id: self._folders.get(kb_id, Folder()) for kb_id in kbs}
        for kb_id, name in kbs.items():
            try:
                self._look_into(name, self._folders[kb_id])
            except UnknownKnowledgeBase:  # deleted in this very moment
                continue
            except (OSError, ZhiwenError) as error:  # it stops none of the others
                logger.warning("content/ of %r could not be looked through: %s", name, error)

    def _look_into(self, kb_name: str, folder: Folder) -> None:
        top = self.content.folder.content_folder(kb_name)
        now = marks_of(top)
        steady = {name: mark for name, mark in now.items() if folder.last.get(name) == mark}
        gone = folder.settled.keys() - now.keys() - folder.last.keys()
        folder.last = now
        if gone and not now:  # a disk that went away looks like that
            logger.warning("content/ of %r is empty; nothing is deleted for that.", kb_name)
            folder.settled, folder.seen = {}, {}  # nor later, when something is there again
        elif gone:
            self._delete(kb_name, {name: folder.seen[name] for name in gone & folder.seen.keys()})
            for name in gone:
                del folder.settled[name]
                folder.seen.pop(name, None)
        changed = [name for name, mark in steady.items() if folder.settled.get(name) != mark]
        if changed:
            intake = self.content.take_in(kb_name, changed)
            for refused in intake.refused:
                logger.warning("%r was not taken in: %s", refused.name, refused.error)
            folder.settled |= {name: steady[name] for name in changed}
            folder.seen |= intake.seen

    def _delete(self, kb_name: str, gone: Mapping[str, Collection[str]]) -> None:
        for name in sorted(gone):
            try:
                self.delete(kb_name, name, gone[name])
            except UnknownFile:  # not that file any more, or about to be another
                continue
            logger.info("%r was taken away from content/ of %r.", name, kb_name)


def marks_of(top: Path) -> Marks:
    """Return what files there are below a folder."""
    marks: Marks = {}
    for name in files_in(top):
        try:
            state = (top / name).stat()
        except FileNotFoundError:  # taken away in this very moment
            continue
        marks[name] = (state.st_size, state.st_mtime_ns)
    return marks
