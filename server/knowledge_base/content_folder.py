"""What people put into ``content/`` by themselves: finds it and submits it. Knows no routes."""

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from server.db.database import Database
from server.db.held import held_blobs
from server.db.jobs import open_jobs
from server.db.knowledge_bases import find_kb
from server.errors import InvalidName, UnreadableDocument, ZhiwenError
from server.errors.records import read_error
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.paths import DataFolder
from server.knowledge_base.submission import AllRefused, Submissions, Upload

AT_ONCE = 200  # files of one job: its work begins while others are still being stored


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


class ContentFolder:
    """Takes in what was dropped or edited in ``content/``; deletes nothing."""

    def __init__(self, database: Database, folder: DataFolder, submissions: Submissions) -> None:
        self.database = database
        self.folder = folder
        self.submissions = submissions

    def take_in(self, kb_name: str, names: Sequence[str] | None = None) -> Intake:
        """Submit the files in the folder, or those of them with these names, that SQL lacks.

        What waits in a job already is not submitted again. A file with the bytes of an earlier
        version is an old view and no edit: it stays as it is.

        Raises:
            UnknownKnowledgeBase: there is none of that name.
            ZhiwenError, OSError: not all files were submitted; those that were stay so.
        """
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
            elif is_one_of(top / name, held.get(unicodedata.normalize("NFC", name), set())):
                intake.unchanged += 1
            else:
                changed.append(name)
        for start in range(0, len(changed), AT_ONCE):
            self._submit(kb.name, changed[start : start + AT_ONCE], intake)
        return intake

    def _submit(self, kb_name: str, names: Sequence[str], intake: Intake) -> None:
        top = self.folder.content_folder(kb_name)
        with ExitStack() as stack:
            uploads = []
            for name in names:
                try:
                    source = stack.enter_context((top / name).open("rb"))
                except FileNotFoundError:  # taken away in this very moment
                    continue
                except OSError as error:
                    intake.refused.append(refuse_closed(name, error))
                else:
                    uploads.append(Upload(name, source))
            intake.files += len(uploads)
            if not uploads:
                return
            try:
                submitted = self.submissions.submit(
                    kb_name, uploads, options=IngestOptions(override=True)
                )
            except AllRefused as refused:
                for file in refused.files:
                    intake.refused.append(Refused(file.name, read_error(file.error or {})))
            else:
                intake.jobs.append(submitted.job.id)


def is_one_of(path: Path, hashes: Set[str]) -> bool:
    """Tell whether a file has one of these hashes, also where it was just taken away."""
    try:
        with path.open("rb") as file:
            return bool(hashes) and hashlib.file_digest(file, "sha256").hexdigest() in hashes
    except FileNotFoundError:
        return True
    except OSError:  # whoever opens it tells why
        return False


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
            if is_file and not name.startswith("."):
                yield path.relative_to(top).as_posix()
