"""``/api/v1/jobs``: what is being done with files, and how far it is."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from server.container import Container
from server.datatypes import Language
from server.db.jobs import ENDED
from server.db.models import JobFileRow
from server.errors import ZhiwenError
from server.errors.records import read_error
from server.knowledge_base.job_book import JobState
from server.routes.dependencies import Objects, Wanted
from server.routes.errors import ERRORS
from server.routes.sse import event, stream
from server.routes.uploads import describe_error
from server.schemas.jobs import FailedFile, Job, JobFile, WorkingFile

LOOK_EVERY_S = 0.5
router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses=ERRORS)


@router.get("", summary="List jobs")
def list_jobs(
    objects: Objects,
    wanted: Wanted,
    knowledge_base: str | None = None,
    active: Annotated[bool, Query(description="Only those that have not ended")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Job]:
    """Return jobs, newest first; ended ones are kept for a week."""
    found = objects.jobs.list_newest(knowledge_base=knowledge_base, active=active, limit=limit)
    return [describe_job(state, wanted) for state in found]


@router.get("/{job_id}", summary="Show a job")
def show_job(objects: Objects, wanted: Wanted, job_id: str) -> Job:
    """Return how far a job is."""
    return read_job(objects, job_id, wanted)


@router.get("/{job_id}/files", summary="List the files of a job")
def list_job_files(
    objects: Objects,
    wanted: Wanted,
    job_id: str,
    status: Literal["queued", "done", "skipped", "failed", "cancelled"] | None = None,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[JobFile]:
    """Return files of a job in the order in which they came."""
    rows = objects.jobs.list_files(job_id, status=status, offset=offset, limit=limit)
    return [describe_job_file(row, wanted) for row in rows]


@router.post("/{job_id}/cancel", summary="Cancel a job")
def cancel_job(objects: Objects, wanted: Wanted, job_id: str) -> Job:
    """End a job; files that are done stay done. A job that has ended stays as it is."""
    objects.knowledge_bases.cancel_job(job_id)
    return read_job(objects, job_id, wanted)


@router.get("/{job_id}/events", summary="Follow a job")
async def follow_job(objects: Objects, wanted: Wanted, job_id: str) -> EventSourceResponse:
    """Send an event ``progress`` whenever a job got further, and ``final`` when it ended."""
    first = await run_sync(read_job, objects, job_id, wanted)

    def on_error(error: ZhiwenError) -> ServerSentEvent:
        return event(describe_error(error, wanted).model_dump(), "error")

    return stream(follow(objects, first, wanted), on_error)


async def follow(objects: Container, job: Job, wanted: Language) -> AsyncGenerator[ServerSentEvent]:
    """Yield a job whenever it has changed, until it ended."""
    told: Any = None
    while True:
        values = job.model_dump(mode="json")
        if job.status in ENDED:
            yield event(values, "final")
            return
        if values != told:
            told = values
            yield event(values, "progress")
        await asyncio.sleep(LOOK_EVERY_S)
        job = await run_sync(read_job, objects, job.id, wanted)


def accepted(job: Job) -> JSONResponse:
    """Return the answer that a job has begun."""
    place = {"Location": f"/api/v1/jobs/{job.id}"}
    return JSONResponse(job.model_dump(mode="json"), 202, place)


def read_job(objects: Container, job_id: str, wanted: Language) -> Job:
    """Return a job as it is shown.

    Raises:
        UnknownJob: there is none.
    """
    return describe_job(objects.jobs.read(job_id), wanted)


def describe_job(state: JobState, wanted: Language) -> Job:
    """Return a job as it is shown."""
    job = state.job
    return Job.model_validate(
        {
            "id": job.id,
            "kind": job.kind,
            "knowledge_base": job.knowledge_base,
            "status": job.status,
            "total": sum(state.counts.values()),
            **{name: state.counts.get(name, 0) for name in STATUSES},
            "progress": state.progress,
            "working": [
                WorkingFile.model_validate(
                    {"name": row.name, "stage": row.stage, "done": row.done, "total": row.total}
                )
                for row in state.working
            ],
            "failures": [
                FailedFile(name=row.name, error=describe_error(read_error(row.note or {}), wanted))
                for row in state.failures
            ],
            "created_at": job.created_at,
            "finished_at": job.finished_at,
        }
    )


STATUSES = ("queued", "done", "skipped", "failed", "cancelled")


def describe_job_file(row: JobFileRow, wanted: Language) -> JobFile:
    """Return a file of a job as it is shown."""
    note = row.note or {}
    return JobFile.model_validate(
        {
            "name": row.name,
            "size": row.size,
            "status": row.status,
            "stage": row.stage,
            "done": row.done,
            "total": row.total,
            "outcome": note.get("outcome"),
            "same_content_as": note.get("same_content_as"),
            "error": describe_error(read_error(note), wanted) if "error" in note else None,
        }
    )
