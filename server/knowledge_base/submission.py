"""From what a user wants done with files to a job that is durable. Knows no routes.

Bytes are on the disk before a job names them, and the job is in SQL before it begins.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Unpack

from sqlalchemy.orm import Session

from server.db.database import Database
from server.db.files import find_file, find_version, list_files
from server.db.jobs import NewJobFile, add_job, cancel_job, close_job, open_jobs, queued_files
from server.db.knowledge_bases import change_model, files_without_vectors, find_kb
from server.db.models import JobRow, KnowledgeBaseRow
from server.errors import (
    Cancelled,
    DuplicateFile,
    InvalidRequest,
    UnknownKnowledgeBase,
    ZhiwenError,
)
from server.errors.records import write_error
from server.knowledge_base.blobs import BlobStore
from server.knowledge_base.chunking import CuttingWishes, choose_cutting, cutting_of
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.jobs import JobRunner
from server.knowledge_base.loaders import check_format
from server.knowledge_base.names import check_file_name


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it comes in."""

    name: str
    source: BinaryIO
    origin: str | None = None  # where a source has it from


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that is durable; ``ended`` is done when the job is."""

    job: JobRow
    ended: "Future[None]"


class AllRefused(Exception):
    """No file of an upload can be added; ``first`` is the error of the first."""

    def __init__(self, files: Sequence[NewJobFile], first: ZhiwenError) -> None:
        super().__init__(str(first))
        self.files = files
        self.first = first


class Submissions:
    """Takes what is to be done with the files of knowledge bases; safe for several threads."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        embedders: EmbedderPool,
        jobs: JobRunner,
        *,
        on_change: Callable[[str], None],
    ) -> None:
        """Take what it works with; ``on_change`` gets the name of what has another model."""
        self.database = database
        self.blobs = blobs
        self.embedders = embedders
        self.jobs = jobs
        self.on_change = on_change

    def submit(self, name: str, uploads: Sequence[Upload], *, options: IngestOptions) -> Submitted:
        """Store the bytes of files and return the job that adds them; both are durable then.

        A file that cannot be stored is recorded as failed; with one or more others it stops none.

        Raises:
            UnknownKnowledgeBase, InvalidRequest: nothing was stored.
            ZhiwenError: the error of the first file, if no file can be added.
        """
        kb = self._get(name)
        options.cutting(kb)  # complains of options that do not go together
        taken: set[str] = set()
        files: list[NewJobFile] = []
        errors: list[ZhiwenError] = []
        for upload in uploads:
            try:
                files.append(self._store(kb, upload, taken, options))
            except ZhiwenError as error:
                errors.append(error)
                files.append(NewJobFile(upload.name[:300], error=write_error(error)))
        if errors and len(errors) == len(files):
            raise AllRefused(files, errors[0])
        submitted = self._begin(kb, "add", options.as_values(), files)
        for file, upload in zip(files, uploads, strict=True):
            if file.blob and not self.blobs.has(kb.name, file.blob):  # removed in this very moment
                upload.source.seek(0)
                self.blobs.store(kb.name, file.name, upload.source)
        return submitted

    def _store(
        self, kb: KnowledgeBaseRow, upload: Upload, taken: set[str], options: IngestOptions
    ) -> NewJobFile:
        name = check_file_name(upload.name)
        check_format(name)
        if name in taken and not options.override:
            raise DuplicateFile(param="file_name", name=name)
        try:
            blob = self.blobs.store(kb.name, name, upload.source)
        except FileNotFoundError as error:  # the knowledge base was deleted, with its folder
            raise UnknownKnowledgeBase(param="knowledge_base", name=kb.name) from error
        taken.add(name)
        return NewJobFile(name, blob.sha256, blob.size, origin=upload.origin)

    def _begin(
        self, kb: KnowledgeBaseRow, kind: str, options: dict[str, Any], files: list[NewJobFile]
    ) -> Submitted:
        with self.database.write("job") as session:
            added = self._add(session, self._same(session, kb), kind, options, files)
        return self._start(*added)

    def _same(self, session: Session, kb: KnowledgeBaseRow) -> KnowledgeBaseRow:
        """Return the knowledge base as the session sees it, unless another one has its name."""
        current = find_kb(session, kb.name)
        if current.id != kb.id:
            raise UnknownKnowledgeBase(param="knowledge_base", name=kb.name)
        return current

    def _add(
        self,
        session: Session,
        kb: KnowledgeBaseRow,
        kind: str,
        options: dict[str, Any],
        files: Sequence[NewJobFile],
    ) -> tuple[JobRow, Sequence[int]]:
        job = add_job(session, kb, kind, options, files, **self.jobs.lease())
        if not files:
            close_job(session, job.id)
        return job, queued_files(session, job.id)

    def _start(self, job: JobRow, files: Sequence[int]) -> Submitted:
        return Submitted(job, self.jobs.start(job, files))

    def _get(self, name: str) -> KnowledgeBaseRow:
        with self.database.read() as session:
            return find_kb(session, name)

    def read_again(self, name: str, **wishes: Unpack[CuttingWishes]) -> Submitted:
        """Return the job that reads all files of a knowledge base anew.

        The options that are given become those of the knowledge base, for later uploads too.

        Raises:
            UnknownKnowledgeBase, InvalidRequest: there is no such job.
        """
        with self.database.write("reindex_job") as session:
            kb = find_kb(session, name)
            chosen = choose_cutting(kb, **wishes)
            kb.splitter, kb.zh_title_enhance = chosen.splitter, chosen.zh_title_enhance
            kb.chunk_size, kb.chunk_overlap = chosen.chunk_size, chosen.chunk_overlap
            rows = list_files(session, kb)
            files = [NewJobFile(row.name, row.blob, row.size) for row in rows]
            added = self._add(session, kb, "reindex", {}, files)
        return self._start(*added)

    def change_model(self, name: str, model: str) -> Submitted:
        """Return the job that gives a knowledge base another embedding model.

        The present one answers until all files have vectors of the other.

        Raises:
            UnknownKnowledgeBase, InvalidRequest: there is no such job.
        """
        chosen = self.embedders.check_name(model)
        embedder = self.embedders.get(chosen)
        with self.database.write("model_job") as session:
            kb = find_kb(session, name)
            former = open_jobs(session, kb.id, "model")
            if chosen == kb.embedding_model and not former:
                raise InvalidRequest(
                    param="embedding_model",
                    problem_en=f"{name!r} uses the embedding model {chosen!r} already.",
                    problem_zh=f"{name!r} 已在使用向量模型 {chosen!r}。",
                )
            for job_id in former:  # the later wish counts
                cancel_job(session, job_id, write_error(Cancelled()))
            generation = embedder.generation if embedder else ""
            lacking = files_without_vectors(session, kb, generation) if embedder else []
            if not lacking and chosen != kb.embedding_model:
                change_model(session, kb, chosen)
            files = [NewJobFile(file_name) for file_name in lacking]
            added = self._add(session, kb, "model", {"embedding_model": chosen}, files)
        for job_id in former:
            self.jobs.forget(job_id)
        self.on_change(kb.name)
        return self._start(*added)

    def restore_version(self, name: str, file_name: str, version: int) -> Submitted:
        """Return the job that makes an earlier version of a file the present one again.

        Raises:
            UnknownKnowledgeBase, UnknownFile, UnknownVersion: there is none.
        """
        with self.database.read() as session:
            kb = find_kb(session, name)
            row = find_file(session, kb, check_file_name(file_name))
            earlier = find_version(session, row, version)
        options = IngestOptions(True, **asdict(cutting_of(row)), source=row.source_id)
        file = NewJobFile(row.name, earlier.blob, earlier.size, origin=row.origin)
        return self._begin(kb, "add", options.as_values(), [file])
