"""What all uploads share. Knows no shape of answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends, Form, UploadFile

from server.container import Container
from server.datatypes import Language
from server.db.models import FileRow, JobFileRow
from server.errors import TooLarge, ZhiwenError
from server.errors.records import read_error
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.submission import AllRefused, Submitted, Upload
from server.knowledge_base.tasks import ServiceStopping
from server.schemas.fields import ChunkOverlap, ChunkSize, Splitter, ZhTitleEnhance
from server.schemas.native import ErrorDetail


def read_options(
    override: Annotated[bool, Form(description="Replace files of the same name")] = False,
    chunk_size: Annotated[ChunkSize | None, Form()] = None,
    chunk_overlap: Annotated[ChunkOverlap | None, Form()] = None,
    splitter: Annotated[Splitter | None, Form()] = None,
    zh_title_enhance: Annotated[ZhTitleEnhance | None, Form()] = None,
) -> IngestOptions:
    """Return how the files of an upload are added."""
    return IngestOptions(override, chunk_size, chunk_overlap, splitter, zh_title_enhance)


Options = Annotated[IngestOptions, Depends(read_options)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file of an upload: an error, or what was done and its row."""

    name: str
    row: FileRow | None = None
    done: str | None = None  # added, replaced, unchanged, superseded
    same_content_as: str | None = None
    error: ZhiwenError | None = None


async def submit_files(
    objects: Container, kb_name: str, files: Sequence[UploadFile], options: IngestOptions
) -> Submitted:
    """Store the bytes of an upload and begin its job, in a slot that uploads share.

    Raises:
        UnknownKnowledgeBase, TooLarge, AllRefused: no job began.
    """

    def work() -> Submitted:
        check_count(files, objects.settings.server.max_files_per_upload)
        uploads = [Upload(file.filename or "", file.file) for file in files]
        submissions = objects.knowledge_bases.submissions
        return submissions.submit(kb_name, uploads, options=options)

    return await run_sync(work, limiter=objects.upload_slots)


async def finish(submitted: Submitted) -> None:
    """Wait for the end of a job without holding a thread; the job goes on if the client leaves.

    Raises:
        ZhiwenError: the job cannot go on for now.
    """
    try:
        await asyncio.shield(asyncio.wrap_future(submitted.ended))
    except asyncio.CancelledError as error:  # the server ends, and has waited long enough
        raise ServiceStopping from error


async def add_files(
    objects: Container, kb_name: str, files: Sequence[UploadFile], options: IngestOptions
) -> tuple[str | None, list[Outcome]]:
    """Add files and return the id of their job, if it began, and what became of each.

    Raises:
        UnknownKnowledgeBase, TooLarge: no file was added.
    """
    try:
        submitted = await submit_files(objects, kb_name, files, options)
    except AllRefused as refused:
        return None, refused_outcomes(refused)
    await finish(submitted)
    return submitted.job.id, await run_sync(read_outcomes, objects, kb_name, submitted.job.id)


def refused_outcomes(refused: AllRefused) -> list[Outcome]:
    """Return what became of files none of which can be added."""
    return [Outcome(file.name, error=read_error(file.error or {})) for file in refused.files]


def read_outcomes(objects: Container, kb_name: str, job_id: str) -> list[Outcome]:
    """Return what became of the files of a job that has ended."""
    files, rows = objects.knowledge_bases.outcomes(kb_name, job_id)
    return [to_outcome(file, rows.get(file.name)) for file in files]


def to_outcome(file: JobFileRow, row: FileRow | None) -> Outcome:
    """Return what became of a file of a job."""
    note = file.note or {}
    if "error" in note:
        return Outcome(file.name, error=read_error(note))
    return Outcome(file.name, row, note["outcome"], note.get("same_content_as"))


def check_count(files: Sequence[UploadFile], limit: int) -> None:
    """Refuse a request with too many files.

    Raises:
        TooLarge: there are more than the settings allow.
    """
    if len(files) > limit:
        raise TooLarge(
            param="files",
            what_en=f"The number of files in the upload ({len(files)})",
            what_zh=f"本次上传的文件数（{len(files)}）",
            limit=str(limit),
            setting="server.max_files_per_upload",
        )


def describe_error(error: ZhiwenError, language: Language) -> ErrorDetail:
    """Return an error as it is shown."""
    return ErrorDetail(code=error.code, message=error.message(language), param=error.param)
