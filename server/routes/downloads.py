"""Stored files on their way to a browser, where nothing in them may run."""

import mimetypes
from pathlib import Path

from fastapi.responses import FileResponse

from server.db.models import FileRow

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
}


def send_file(row: FileRow, path: Path, *, preview: bool) -> FileResponse:
    """Return the bytes of a file under its own name, to save or, with ``preview``, to show."""
    return FileResponse(
        path,
        media_type=mimetypes.guess_type(row.name)[0] or "application/octet-stream",
        filename=row.name.rpartition("/")[2],
        content_disposition_type="inline" if preview else "attachment",
        headers=HEADERS,
    )
