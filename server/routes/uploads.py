"""What all uploads share. Knows no knowledge bases."""

from collections.abc import Sequence

from fastapi import UploadFile

from server.datatypes import Language
from server.errors import TooLarge, ZhiwenError
from server.schemas.native import ErrorDetail


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
