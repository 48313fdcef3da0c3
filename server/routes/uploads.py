"""What all uploads share. Knows no shape of answers."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends, Form, UploadFile

from server.container import Container
from server.datatypes import Language
from server.db.models import FileRow
from server.errors import InternalError, TooLarge, ZhiwenError
from server.knowledge_base.ingest import IngestOptions
from server.schemas.fields import ChunkOverlap, ChunkSize
from server.schemas.native import ErrorDetail

logger = logging.getLogger(__name__)


def read_options(
    override: Annotated[bool, Form(description="Replace files of the same name")] = False,
    chunk_size: Annotated[ChunkSize | None, Form()] = None,
    chunk_overlap: Annotated[ChunkOverlap | None, Form()] = None,
) -> IngestOptions:
    """Return how the files of an upload are added."""
    return IngestOptions(override, chunk_size, chunk_overlap)


Options = Annotated[IngestOptions, Depends(read_options)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file of an upload: either a row or an error."""

    name: str
    row: FileRow | None = None
    error: ZhiwenError | None = None


async def add_files(
    objects: Container, kb_name: str, files: Sequence[UploadFile], options: IngestOptions
) -> list[Outcome]:
    """Add files one after the other, in a slot that uploads share; a bad one stops no other.

    Raises:
        UnknownKnowledgeBase, TooLarge: no file was added.
    """

    def work() -> list[Outcome]:
        objects.knowledge_bases.get(kb_name)
        check_count(files, objects.settings.server.max_files_per_upload)
        return [add_file(objects, kb_name, file, options) for file in files]

    return await run_sync(work, limiter=objects.upload_slots)


def add_file(objects: Container, kb_name: str, file: UploadFile, options: IngestOptions) -> Outcome:
    """Add one file and return what became of it."""
    name = file.filename or ""
    try:
        row = objects.knowledge_bases.add_file(kb_name, name, file.file, options=options)
        return Outcome(row.name, row=row)
    except ZhiwenError as error:
        return Outcome(name[:300], error=error)
    except Exception:  # the border of the file: the others are still to come
        request_id = secrets.token_hex(4)
        logger.exception("%s: adding %r failed", request_id, name)
        return Outcome(name[:300], error=InternalError(request_id=request_id))


def check_count(files: Sequence[UploadFile], limit: int) -> None:
    """Refuse a request with too many files.

    Raises:
        TooLarge: there are more than the settings allow.
    """
    if len(files) > limit:
        raise TooLarge(
            param="files",
            what_en=f"The upload of {len(files)} files",
            what_zh=f"本次上传的 {len(files)} 个文件",
            limit=f"{limit} files",
            setting="server.max_files_per_upload",
        )


def describe_error(error: ZhiwenError, language: Language) -> ErrorDetail:
    """Return an error as it is shown."""
    return ErrorDetail(code=error.code, message=error.message(language), param=error.param)
