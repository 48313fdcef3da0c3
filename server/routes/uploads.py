"""What all uploads share. Knows no knowledge bases."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Form, UploadFile

from server.datatypes import Language
from server.errors import TooLarge, ZhiwenError
from server.knowledge_base.ingest import IngestOptions
from server.schemas.fields import ChunkOverlap, ChunkSize
from server.schemas.native import ErrorDetail


def read_options(
    override: Annotated[bool, Form(description="Replace files of the same name")] = False,
    chunk_size: Annotated[ChunkSize | None, Form()] = None,
    chunk_overlap: Annotated[ChunkOverlap | None, Form()] = None,
) -> IngestOptions:
    """Return how the files of an upload are added."""
    return IngestOptions(override, chunk_size, chunk_overlap)


Options = Annotated[IngestOptions, Depends(read_options)]


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


def upload_name(file: UploadFile) -> str:
    """Return the name that the client gave a file, unchecked."""
    return file.filename or ""


def describe_error(error: ZhiwenError, language: Language) -> ErrorDetail:
    """Return an error as it is shown."""
    return ErrorDetail(code=error.code, message=error.message(language), param=error.param)
