"""What people put into ``content/`` by themselves: finds it and submits it. Knows no routes."""

import hashlib
import logging
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from server.db.database import Database
from server.db.files import look_up_file
from server.db.held import held_blobs, is_coming, was_shown
from server.db.jobs import failed_uploads, list_job_files, open_jobs
from server.db.knowledge_bases import find_kb
from server.db.models import JobFileRow, KnowledgeBaseRow
from server.errors import InvalidName, UnreadableDocument, ZhiwenError
from server.errors.records import read_error
from server.knowledge_base.content_view import ContentView, hash_of
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.submission import AllRefused, Submissions, Upload

logger = logging.getLogger(__name__)

AT_ONCE = 200  # files of one job: its work begins while others are still being stored
# Hidden files, and what Office, Windows and macOS put beside documents for themselves.
NO_DOCUMENT = re.compile(r"\.|~\$|.*\.tmp$|(thumbs\.db|desktop\.ini)$", re.IGNORECASE)
MAX_UNREAD = 100  # files that are told of


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that no job takes, and why."""

    name: str
    error: ZhiwenError


@dataclass(slots=True)
class Intake:
    """What became of the files in a folder."""

    jobs: list[str] = field(default_factory=list)  # ids, of those that are open already too
    refused: list[Refused] = field(default_factory=list)
    files: int = 0  # new or changed, submitted now
    unchanged: int = 0
    # By name: the hashes that SQL has of what lies there, or gets with its job.
    seen: dict[str, set[str]] = field(default_factory=dict)


class ContentFolder:
    """Takes in what was dropped or edited in ``content/``; deletes nothing."""

    def __init__(self, database: Database, view: ContentView, submissions: Submissions) -> None:
        self.database = database
        self.view = view
        self.folder = view.blobs.folder
        self.submissions = submissions

    def take_in(self, kb_name: str, names: Sequence[str] | None = None) -> Intake:
        """Submit the files in the folder, or those of them with these names, that SQL lacks.

        What waits in a job already is not submitted again. A file with the bytes of an earlier
        version is an old view and no edit: it stays as it is.

        Raises:
            UnknownKnowledgeBase: there is none of that name.
            ZhiwenError, OSError: not all files were submitted; those that were stay so.
        """
        if not self.view.is_repaired:  # what a deletion left at a crash is no new file
            self.view.repair()
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            held = held_blobs(session, kb)
            intake = Intake(jobs=list(open_jobs(session, kb.id, "add")))
        top = self.folder.content_folder(kb.name)
        changed = []

        def refuse(error: OSError) -> None:
            folder = Path(error.filename or top).relative_to(top.parent).as_posix()
            intake.refused.append(refuse_closed(folder, error))

        for name in files_in(top, on_error=refuse) if names is None else names:
            if not is_utf8(name):
                intake.refused.append(refuse_name(name))
            elif blob := find_hash(top / name, held.get(normalize(name), set())):
                intake.unchanged += 1
                intake.seen[name] = {blob}
            else:
                changed.append(name)
        for start in range(0, len(changed), AT_ONCE):
            self._submit(kb, changed[start : start + AT_ONCE], intake)
        return intake

    def list_unread(self, kb_name: str) -> list[Refused]:
        """Return the files that lie in the folder and whose newest upload failed.

        What the knowledge base has under such a name is what was there before. It reads no folder
        through, but looks only at files whose jobs are known still.

        Raises:
            UnknownKnowledgeBase: there is none of that name.
        """
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            found = [
                (row, look_up_file(session, kb, row.name) is not None)
                for row in failed_uploads(session, kb.id, limit=MAX_UNREAD)
            ]
        return [
            Refused(row.name, read_error(row.note or {}))
            for row, has_former in found
            if self._lies_there(kb.name, row, has_former=has_former)
        ]

    def _lies_there(self, kb_name: str, row: JobFileRow, *, has_former: bool) -> bool:
        """Tell whether the bytes that failed are in the folder: the former may be there again."""
        try:
            path = self.folder.content(kb_name, row.name)
            state = path.lstat()
            if not S_ISREG(state.st_mode) or NO_DOCUMENT.match(path.name):
                return False
            if row.blob is None:  # refused by its name, as long as it has that
                return True
            return state.st_size == row.size and (not has_former or hash_of(path) == row.blob)
        except (OSError, InvalidName):
            return False

    def _submit(self, kb: KnowledgeBaseRow, names: Sequence[str], intake: Intake) -> None:
        with ExitStack() as stack:
            uploads = []
            for name in names:
                try:
                    source = self._open(kb, name, intake)
                except FileNotFoundError:  # taken away in this very moment
                    continue
                except OSError as error:
                    intake.refused.append(refuse_closed(name, error))
                else:
                    if source is not None:
                        uploads.append(Upload(name, stack.enter_context(source)))
            intake.files += len(uploads)
            if not uploads:
                return
            try:
                submitted = self.submissions.submit(
                    kb.name, uploads, options=IngestOptions(override=True)
                )
            except AllRefused as refused:
                for file in refused.files:
                    intake.refused.append(Refused(file.name, read_error(file.error or {})))
            else:
                intake.jobs.append(submitted.job.id)
                self._note_seen(submitted.job.id, uploads, intake)

    def _open(self, kb: KnowledgeBaseRow, name: str, intake: Intake) -> BinaryIO | None:
        """Open a file, or return None if it is no news after all.

        While the lock of the view is held, no deletion is between SQL and the folder, and what
        the folder shows of an upload is in SQL.
        """
        with self.view.lock, self.database.read() as session, ExitStack() as stack:
            path = self.folder.content_folder(kb.name) / name
            source = stack.enter_context(path.open("rb"))
            row = look_up_file(session, kb, normalize(name))
            if row is not None:
                blob = hashlib.file_digest(source, "sha256").hexdigest()
                if was_shown(session, row, blob) or is_coming(session, kb.id, row.name, blob):
                    intake.unchanged += 1
                    intake.seen[name] = {blob}
                    return None
                intake.seen[name] = {row.blob}
                source.seek(0)
            stack.pop_all()
            return source

    def _note_seen(self, job_id: str, uploads: Sequence[Upload], intake: Intake) -> None:
        with self.database.read() as session:
            files = list_job_files(session, job_id)
        for upload, file in zip(uploads, files, strict=True):
            if file.blob is None:  # the job records it, but has nothing to do for it
                logger.warning("%r was not taken in: %s", upload.name, read_error(file.note or {}))
            else:
                intake.seen.setdefault(upload.name, set()).add(file.blob)


def normalize(name: str) -> str:
    """Return a name as SQL has it; some systems write accents apart."""
    return unicodedata.normalize("NFC", name)


def find_hash(path: Path, hashes: Set[str]) -> str | None:
    """Return the hash of a file if it is one of these."""
    try:
        blob = hash_of(path) if hashes else None
    except OSError:  # whoever opens it tells why
        return None
    return blob if blob in hashes else None


def is_utf8(name: str) -> bool:
    """Tell whether a name on the disk is text; some archives leave names in old encodings."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse_name(name: str) -> Refused:
    """Return the refusal of a file whose name is no text."""
    shown = name.encode("utf-8", "replace").decode()
    error = InvalidName(
        param="file_name",
        name=shown,
        reason_en="it is not in UTF-8. Rename the file.",
        reason_zh="文件名不是 UTF-8 编码，请重命名。",
    )
    return Refused(shown, error)


def refuse_closed(name: str, error: OSError) -> Refused:
    """Return the refusal of a file that cannot be opened."""
    reason = error.strerror or type(error).__name__
    return Refused(
        name,
        UnreadableDocument(
            name=name,
            reason_en=f"it cannot be opened ({reason}). Check its permissions.",
            reason_zh=f"无法打开文件（{reason}），请检查权限。",
        ),
    )


def complain(error: OSError) -> None:
    """Do not pass over a folder that cannot be read: its files are not gone."""
    raise error


def files_in(top: Path, *, on_error: Callable[[OSError], None] = complain) -> Iterator[str]:
    """Yield the names of the files below a folder in order; links and hidden ones are no files.

    Nor is what programs leave there for themselves, such as the lock ``~$a.docx`` of Word.
    ``on_error`` gets the errors of folders and files that cannot be looked at.
    """
    if not top.is_dir():
        return
    for folder, folders, names in os.walk(top, onerror=on_error):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            try:
                is_file = S_ISREG(path.lstat().st_mode)
            except FileNotFoundError:  # taken away in this very moment
                continue
            except OSError as error:
                on_error(error)
                continue
            if is_file and not NO_DOCUMENT.match(name):
                yield path.relative_to(top).as_posix()
