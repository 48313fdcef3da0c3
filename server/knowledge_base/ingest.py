"""What jobs do with files: add, read again, embed with another model. Knows no routes.

Each file changes in one transaction, together with the outcome that its job stores: state is wholly
old or wholly new. Reading and embedding come before it, in processes that may die.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from configs.settings import KnowledgeBaseSettings
from server.datatypes import Passage
from server.db.database import Database
from server.db.files import NewFile, look_up_file, passages_of_files, put_file, same_content
from server.db.jobs import NewJobFile, add_job_files, close_job, count_open, settle_file
from server.db.knowledge_bases import (
    change_model,
    files_without_vectors,
    load_kb,
    next_revision,
)
from server.db.models import FileRow, KnowledgeBaseRow
from server.db.vectors import StoredVectors, pack_vectors
from server.errors import DuplicateFile, LostFile
from server.knowledge_base.analysis import index_text, language_of
from server.knowledge_base.blobs import has_hash
from server.knowledge_base.chunking import Cutting, choose_cutting, cut_document, cutting_of
from server.knowledge_base.document_embedder import DocumentEmbedder
from server.knowledge_base.parsing import ParserPool
from server.knowledge_base.paths import DataFolder
from server.knowledge_base.tasks import Progress, Task, Work

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How files are added; what is None comes from the knowledge base."""

    override: bool = False
    chunk_size: int | None = None
    chunk_overlap: int | None = None
    splitter: str | None = None
    zh_title_enhance: bool | None = None
    source: int | None = None  # whose files these are

    def as_values(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return asdict(self)

    def cutting(self, kb: KnowledgeBaseRow) -> Cutting:
        """Return how the files are cut.

        Raises:
            InvalidRequest: the overlap asked for leaves no room for new text.
        """
        return choose_cutting(
            kb,
            splitter=self.splitter,
            chunk_size=self.chunk_size,
            chunk_overlap=self.chunk_overlap,
            zh_title_enhance=self.zh_title_enhance,
        )


class Outdated(Exception):
    """What the work began with has changed meanwhile; begin again."""


class Ingest:
    """The work of the jobs; safe to call from several threads at once."""

    def __init__(
        self,
        database: Database,
        folder: DataFolder,
        parsers: ParserPool,
        documents: DocumentEmbedder,
        *,
        settings: KnowledgeBaseSettings,
        on_stored: Callable[[int, str, bool], None],
        on_unneeded: Callable[[int, str], None],
    ) -> None:
        """Take what it works with.

        ``on_stored`` gets the id of the knowledge base, the name of a file that changed there and
        whether more files of the job are to follow; ``on_unneeded`` gets it with the hash of bytes
        for which this work has no need any more.
        """
        self.database = database
        self.folder = folder
        self.parsers = parsers
        self.embedders = documents.pool
        self.documents = documents
        self.settings = settings
        self.on_stored = on_stored
        self.on_unneeded = on_unneeded

    def work(self) -> dict[str, Work]:
        """Return the functions by kind of job."""
        return {
            "add": until_it_holds(self.add),
            "reindex": until_it_holds(self.read_again),
            "model": until_it_holds(self.embed_again),
        }

    def add(self, task: Task) -> bool:
        """Add an uploaded file, or replace the one of the same name.

        Raises:
            ZhiwenError, Outdated: nothing changed.
        """
        options = IngestOptions(**task.options)
        kb, present = self._look_up(task)
        cutting = options.cutting(kb)
        if present is not None:
            if options.source is not None and is_own(present):
                return self._skip(task, "superseded")  # a person was faster than a source
            if (present.blob, cutting_of(present)) == (task.blob, cutting):
                return self._skip(task, "unchanged", options.source)
            if not options.override:
                raise DuplicateFile(param="file_name", name=task.name)
            if present.upload > task.id:
                return self._skip(task, "superseded")
        read = self._read(task, kb, task.blob or "", cutting)
        new = replace(read, source_id=options.source, origin=task.origin)
        is_ended, forgotten = self._store_upload(task, kb, new, override=options.override)
        logger.info("Added %r to %r, chunks: %d.", new.name, kb.name, len(new.chunks))
        self.on_stored(kb.id, task.name, not task.is_last())
        for blob in forgotten:
            self.on_unneeded(kb.id, blob)
        return is_ended

    def _store_upload(
        self, task: Task, kb: KnowledgeBaseRow, new: NewFile, *, override: bool
    ) -> tuple[bool, Sequence[str]]:
        with self.database.write("file") as session:
            current = next_revision(session, kb)
            if current.embedding_model != kb.embedding_model:
                raise Outdated
            present = look_up_file(session, current, new.name)
            if present is not None and (
                not override
                or present.upload > task.id
                or (new.source_id is not None and is_own(present))
            ):
                raise Outdated  # another one was faster
            note = {
                "outcome": "added" if present is None else "replaced",
                "same_content_as": same_content(session, current, new.blob, new.name),
                "replaced": present and present.blob,  # which content/ shows until it follows
            }
            keep = self.settings.keep_versions
            forgotten = put_file(session, current, new, present, keep_versions=keep)
            settle_file(session, task.id, "done", note)
            return close_job(session, task.job_id), forgotten

    def read_again(self, task: Task) -> bool:
        """Read a stored file anew, cut as the job or the knowledge base says.

        Raises:
            ZhiwenError, Outdated: nothing changed.
        """
        kb, present = self._look_up(task)
        if present is None:
            return self._skip(task, "gone")
        cutting = IngestOptions(**task.options).cutting(kb)
        new = self._read(task, kb, present.blob, cutting)
        with self.database.write("reindexed_file") as session:
            current = next_revision(session, kb)
            if current.embedding_model != kb.embedding_model:
                raise Outdated
            row = look_up_file(session, current, task.name)
            check_unchanged(row, present)
            read_again = replace(new, upload=0)  # no upload: a later one still counts as later
            put_file(session, current, read_again, row, keep_versions=self.settings.keep_versions)
            settle_file(session, task.id, "done", {"outcome": "replaced"})
            is_ended = close_job(session, task.job_id)
        self.on_stored(kb.id, task.name, not task.is_last())
        return is_ended

    def embed_again(self, task: Task) -> bool:
        """Make the vectors of a file for the model of the job, beside those in use.

        With the last file the knowledge base changes over to the model.

        Raises:
            ZhiwenError, Outdated: nothing changed.
        """
        model = str(task.options["embedding_model"])
        kb, present = self._look_up(task)
        vectors = None
        if present is not None:
            with self.database.read() as session:
                passages = list(passages_of_files(session, [present.id]))
            vectors = self._embed(task, model, passages)
        with self.database.write("other_vectors") as session:
            current = load_kb(session, kb.id)
            check_unchanged(look_up_file(session, current, task.name), present)
            if present is not None and vectors is not None:
                session.merge(pack_vectors(present.id, vectors))
            outcome = "gone" if present is None else "replaced"
            settle_file(session, task.id, "done", {"outcome": outcome})
            session.flush()
            is_changed = self._change_model(session, task.job_id, current, model)
        if is_changed:
            self.on_stored(kb.id, task.name, False)
        return is_changed

    def _change_model(
        self, session: Session, job_id: str, kb: KnowledgeBaseRow, model: str
    ) -> bool:
        """Change over to a model if all files have its vectors; else ask for those that lack them.

        Files that are uploaded meanwhile have vectors of the old model only.
        """
        left = count_open(session, job_id)
        if left["queued"]:
            return False
        embedder = self.embedders.get(model)
        lacking = files_without_vectors(session, kb, embedder.generation) if embedder else []
        if lacking and not left["failed"]:
            add_job_files(session, job_id, [NewJobFile(name) for name in lacking])
            return False
        close_job(session, job_id)
        if left["failed"]:
            return False
        change_model(session, kb, model)
        return True

    def _look_up(self, task: Task) -> tuple[KnowledgeBaseRow, FileRow | None]:
        with self.database.read() as session:
            kb = load_kb(session, task.kb_id)
            return kb, look_up_file(session, kb, task.name)

    def _skip(self, task: Task, outcome: str, source: int | None = None) -> bool:
        """Store that nothing is to be done; return whether the job has ended.

        An unchanged file still counts as the newest upload, and becomes that of the source, or of
        the person who uploaded it.
        """
        with self.database.write("skipped_file") as session:
            settle_file(session, task.id, "skipped", {"outcome": outcome})
            if outcome == "unchanged":
                row = look_up_file(session, load_kb(session, task.kb_id), task.name)
                if row is None or row.blob != task.blob:
                    raise Outdated
                row.upload = max(row.upload, task.id)
                if source is not None and is_own(row):
                    raise Outdated  # it has become so in this very moment
                row.source_id, row.origin = source, task.origin
            is_ended = close_job(session, task.job_id)
        if outcome == "superseded" and task.blob is not None:
            self.on_unneeded(task.kb_id, task.blob)
        return is_ended

    def _read(self, task: Task, kb: KnowledgeBaseRow, blob: str, cutting: Cutting) -> NewFile:
        """Return all that will be stored of a file: its text, chunks and vectors."""
        task.tell(Progress("reading"))
        path = self.folder.blob(kb.name, blob)
        try:
            size = path.stat().st_size
            if not has_hash(path, blob):  # changed on the disk, by a person or a fault
                raise FileNotFoundError
            document = self.parsers.parse(
                path,
                task.name,
                is_cancelled=task.is_cancelled,
                on_page=lambda page, pages: task.tell(Progress("reading", page, pages)),
            )
        except FileNotFoundError as error:
            self._look_up(task)  # the knowledge base may be gone, with its folder
            raise LostFile(param="file_name", name=task.name) from error
        tokenize = partial(self.embedders.find_tokens, kb.embedding_model)
        chunks = cut_document(document, cutting, tokenize)
        passages = [
            Passage(
                chunk_id=0,
                knowledge_base=kb.name,
                file_name=task.name,
                title=document.title,
                order=order,
                chunk=chunk,
            )
            for order, chunk in enumerate(chunks)
        ]
        vectors = self._embed(task, kb.embedding_model, passages)
        task.tell(Progress("storing", len(chunks), len(chunks)))
        return NewFile(
            name=task.name,
            blob=blob,
            size=size,
            document=document,
            chunks=chunks,
            **asdict(cutting),
            vectors=vectors,
            upload=task.id,
        )

    def _embed(self, task: Task, model: str, passages: Sequence[Passage]) -> StoredVectors | None:
        """Return vectors for the chunks in a language that the model knows; None without a model.

        Vectors of other languages would carry no meaning, and cost most of the time of an upload.
        """
        embedder = self.embedders.get(model)
        if embedder is None:
            return None
        known = [item for item in passages if language_of(item.chunk.text) in embedder.languages]

        def tell(done: int) -> None:
            task.tell(Progress("embedding", done, len(known)))

        tell(0)
        values = self.documents.embed(
            model,
            [index_text(item) for item in known],
            on_progress=tell,
            is_cancelled=task.is_cancelled,
        )
        orders = np.array([item.order for item in known], np.int32)
        return StoredVectors(embedder.generation, orders, values)


def until_it_holds(work: Work) -> Work:
    """Return the same work, begun again whenever what it began with has changed meanwhile."""

    def repeat(task: Task) -> bool:
        while True:
            try:
                return work(task)
            except Outdated:
                logger.info("%r changed while it was worked on; beginning again.", task.name)

    return repeat


def is_own(row: FileRow) -> bool:
    """Return whether a person uploaded or edited a file; that of a former source has an origin."""
    return row.source_id is None and row.origin is None


def check_unchanged(now: FileRow | None, then: FileRow | None) -> None:
    """Do nothing if a file is as it was.

    Raises:
        Outdated: it was replaced, deleted or added.
    """
    if (now and (now.id, now.revision)) != (then and (then.id, then.revision)):
        raise Outdated
