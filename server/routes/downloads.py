"""Stored files on their way to a browser, where nothing in them may run."""

import codecs
import mimetypes
from pathlib import Path

from fastapi.responses import FileResponse

from server.db.models import FileRow

HEAD_BYTES = 1 << 16
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
}


def send_file(row: FileRow, path: Path, *, preview: bool) -> FileResponse:
    """Return the bytes of a file under its own name, to save or, with ``preview``, to show."""
    return FileResponse(
        path,
        filename=row.name.rpartition("/")[2],
        content_disposition_type="inline" if preview else "attachment",
        headers={**HEADERS, "Content-Type": content_type(row.name, path)},
    )


def content_type(name: str, path: Path) -> str:
    """Return the type of a file; a text in another encoding is left to the browser to guess."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if not kind.startswith("text/"):
        return kind
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return kind
    return f"{kind}; charset=utf-8"
