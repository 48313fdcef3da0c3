"""The earlier versions of a file: list, download, restore."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from server.container import Container
from server.db.models import FileRow
from server.routes.dependencies import Objects
from server.routes.downloads import send_file
from server.routes.errors import ERRORS
from server.routes.uploads import finish, read_outcomes
from server.schemas.jobs import FileVersion
from server.schemas.native import Coverage, File

router = APIRouter(
    prefix="/api/v1/knowledge_bases/{name}/files/{file_name:path}/versions",
    tags=["versions of files"],
    responses=ERRORS,
)
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("", summary="List the versions of a file")
def list_versions(objects: Objects, name: str, file_name: str) -> list[FileVersion]:
    """Return the versions whose bytes are kept, the present one first."""
    row, earlier = objects.knowledge_bases.list_versions(name, file_name)
    present = FileVersion(
        version=row.version,
        size=row.size,
        sha256=row.blob,
        chunks=row.chunk_count,
        created_at=row.updated_at,
        is_current=True,
    )
    return [
        present,
        *(
            FileVersion(
                version=each.version,
                size=each.size,
                sha256=each.blob,
                chunks=each.chunk_count,
                created_at=each.created_at,
                is_current=False,
            )
            for each in earlier
        ),
    ]


@router.get("/{version}/content", summary="Download a version of a file")
def download_version(objects: Objects, name: str, file_name: str, version: Number) -> FileResponse:
    """Return the bytes of a version as they were uploaded."""
    row, path = objects.knowledge_bases.find_blob(name, file_name, version)
    return send_file(row, path, preview=False)


@router.post("/{version}/restore", summary="Restore a version of a file")
async def restore_version(objects: Objects, name: str, file_name: str, version: Number) -> File:
    """Make an earlier version the present one again; what was present is kept as a version."""
    submissions = objects.knowledge_bases.submissions
    submitted = await run_sync(submissions.restore_version, name, file_name, version)
    await finish(submitted)
    row = await run_sync(read_restored, objects, name, submitted.job.id)
    return describe_file(row, objects.settings.kb.coverage_limit)


def read_restored(objects: Container, name: str, job_id: str) -> FileRow:
    """Return the file that a job has restored.

    Raises:
        ZhiwenError: it has not.
    """
    (outcome,) = read_outcomes(objects, name, job_id)
    if outcome.error is not None:
        raise outcome.error
    return outcome.row or objects.knowledge_bases.find_blob(name, outcome.name)[0]


def describe_file(row: FileRow, coverage_limit: float) -> File:
    """Return a file as it is shown."""
    return File(
        name=row.name,
        title=row.title,
        size=row.size,
        sha256=row.blob,
        chunks=row.chunk_count,
        revision=row.revision,
        version=row.version,
        updated_at=row.updated_at,
        coverage=describe_coverage(row, coverage_limit),
        source_id=row.source_id,
        origin=row.origin,
        tags=row.tags or [],
    )


def describe_coverage(row: FileRow, limit: float) -> Coverage | None:
    """Return how much of a file was read, None for one that was read before it was noted."""
    if row.coverage is None:
        return None
    words, words_read = row.coverage["words"], row.coverage["words_read"]
    return Coverage(
        **row.coverage,
        share=words_read / words if words else None,
        is_complete=row.completeness is None or row.completeness >= limit,
    )
