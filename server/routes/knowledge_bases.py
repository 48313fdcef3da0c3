"""``/api/v1/knowledge_bases``: knowledge bases and their files."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Form, Query, UploadFile
from fastapi.responses import FileResponse, JSONResponse

from server.container import Container
from server.datatypes import Language
from server.db.knowledge_bases import count_incomplete
from server.db.models import KnowledgeBaseRow
from server.errors import InvalidRequest
from server.knowledge_base.attributes import change_kb, tag_file
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.submission import AllRefused
from server.routes.dependencies import Objects, Wanted
from server.routes.downloads import send_file
from server.routes.errors import ERRORS, RETRY_AFTER_S
from server.routes.jobs import accepted, read_job
from server.routes.uploads import (
    Options,
    Outcome,
    add_files,
    describe_error,
    refused_outcomes,
    submit_files,
)
from server.routes.versions import describe_file
from server.schemas.jobs import Job, Reindex
from server.schemas.native import (
    ChangeFile,
    ChangeKnowledgeBase,
    ChunkText,
    CreateKnowledgeBase,
    File,
    FileText,
    KnowledgeBase,
    UploadedFile,
)

MAX_OFFSET = 2**31  # far beyond any file, small enough for any database
RETRY = {"Retry-After": str(RETRY_AFTER_S)}
router = APIRouter(prefix="/api/v1/knowledge_bases", tags=["knowledge bases"], responses=ERRORS)


@router.get("", summary="List knowledge bases")
def list_knowledge_bases(objects: Objects) -> list[KnowledgeBase]:
    """Return all knowledge bases by name."""
    listed = objects.knowledge_bases.list_all()
    with objects.database.read() as session:
        incomplete = count_incomplete(session, objects.settings.kb.coverage_limit)
    return [describe_kb(objects, kb, files, incomplete.get(kb.id, 0)) for kb, files in listed]


@router.post("", status_code=201, summary="Create a knowledge base")
def create_knowledge_base(objects: Objects, body: CreateKnowledgeBase) -> KnowledgeBase:
    """Create an empty knowledge base."""
    kb = objects.knowledge_bases.create(**body.model_dump())
    return describe_kb(objects, kb, 0, 0)


@router.get("/{name}", summary="Show a knowledge base")
def show_knowledge_base(objects: Objects, name: str) -> KnowledgeBase:
    """Return one knowledge base."""
    kb, files = objects.knowledge_bases.get(name)
    with objects.database.read() as session:
        incomplete = count_incomplete(session, objects.settings.kb.coverage_limit, kb)
    return describe_kb(objects, kb, files, incomplete.get(kb.id, 0))


@router.patch("/{name}", summary="Change a knowledge base")
def change_knowledge_base(objects: Objects, name: str, body: ChangeKnowledgeBase) -> KnowledgeBase:
    """Change what is said of a knowledge base, or from which relevance on it answers."""
    change_kb(objects.database, name, **body.model_dump(exclude_unset=True))
    return show_knowledge_base(objects, name)


@router.delete("/{name}", status_code=204, summary="Delete a knowledge base")
def delete_knowledge_base(objects: Objects, name: str) -> None:
    """Delete a knowledge base with all its files."""
    objects.knowledge_bases.delete(name)


@router.get("/{name}/files", summary="List files")
def list_files(objects: Objects, name: str) -> list[File]:
    """Return the files of a knowledge base by name."""
    limit = objects.settings.kb.coverage_limit
    return [describe_file(row, limit) for row in objects.knowledge_bases.list_files(name)]


@router.post(
    "/{name}/files",
    status_code=201,
    summary="Upload files",
    responses={
        202: {"description": "The files will be added in the background", "model": Job},
        207: {"description": "Some files were added, others not"},
    },
)
async def upload_files(
    objects: Objects,
    wanted: Wanted,
    name: str,
    files: list[UploadFile],
    options: Options,
    background: Annotated[bool, Form(description="Answer at once, with the job")] = False,
) -> JSONResponse:
    """Add files; each is told apart: 201 all were added, 207 some, else the first one's error.

    With ``background`` the answer is the job, as soon as the bytes are safe.
    """
    if background:
        return await accept_files(objects, wanted, name, files, options)
    job_id, outcomes = await add_files(objects, name, files, options)
    return answer_outcomes(objects, job_id, outcomes, wanted)


def answer_outcomes(
    objects: Container, job_id: str | None, outcomes: list[Outcome], wanted: Language
) -> JSONResponse:
    """Return what became of the files of an upload."""
    errors = [outcome.error for outcome in outcomes if outcome.error]
    status = 201 if not errors else 207 if len(errors) < len(outcomes) else errors[0].status
    limit = objects.settings.kb.coverage_limit
    results = [describe_outcome(outcome, wanted, limit) for outcome in outcomes]
    body: dict[str, object] = {
        "job": job_id,
        "files": [result.model_dump(mode="json") for result in results],
    }
    if status >= 400:
        body["error"] = describe_error(errors[0], wanted).model_dump()
    return JSONResponse(body, status, RETRY if status == 503 else None)


async def accept_files(
    objects: Container,
    wanted: Language,
    name: str,
    files: list[UploadFile],
    options: IngestOptions,
) -> JSONResponse:
    """Begin the job of an upload and return it, or the errors if no file can be added."""
    try:
        submitted = await submit_files(objects, name, files, options)
    except AllRefused as refused:
        return answer_outcomes(objects, None, refused_outcomes(refused), wanted)
    return accepted(await run_sync(read_job, objects, submitted.job.id, wanted))


@router.post("/{name}/reindex", status_code=202, summary="Read all files again", response_model=Job)
def reindex(objects: Objects, wanted: Wanted, name: str, body: Reindex) -> JSONResponse:
    """Begin to read all files again, or with ``embedding_model`` to change over to that model.

    Searches go on meanwhile, with what was there before.
    """
    submissions = objects.knowledge_bases.submissions
    wishes = body.model_dump(exclude_none=True, exclude={"embedding_model"})
    if body.embedding_model is None:
        submitted = submissions.read_again(name, **wishes)
    elif not wishes:
        submitted = submissions.change_model(name, body.embedding_model)
    else:
        raise InvalidRequest(
            param="embedding_model",
            problem_en="change either the embedding model or how files are cut at a time.",
            problem_zh="向量模型与分块方式请分两次更改。",
        )
    return accepted(read_job(objects, submitted.job.id, wanted))


@router.patch("/{name}/files/{file_name:path}", summary="Tag a file")
def change_file(objects: Objects, name: str, file_name: str, body: ChangeFile) -> File:
    """Give a file these tags instead of those that it has."""
    row = tag_file(objects.database, name, file_name, body.tags)
    return describe_file(row, objects.settings.kb.coverage_limit)


@router.delete("/{name}/files/{file_name:path}", status_code=204, summary="Delete a file")
def delete_file(objects: Objects, name: str, file_name: str) -> None:
    """Delete a file with its chunks."""
    objects.knowledge_bases.delete_file(name, file_name)


@router.get("/{name}/files/{file_name:path}/content", summary="Download a file")
def download_file(
    objects: Objects, name: str, file_name: str, preview: Annotated[bool, Query()] = False
) -> FileResponse:
    """Return the bytes that were uploaded."""
    row, path = objects.knowledge_bases.find_blob(name, file_name)
    return send_file(row, path, preview=preview)


@router.get("/{name}/files/{file_name:path}/text", summary="Show the text of a file")
def show_text(
    objects: Objects,
    name: str,
    file_name: str,
    start: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
    end: Annotated[int | None, Query(ge=0, le=MAX_OFFSET)] = None,
) -> FileText:
    """Return the extracted text, whose characters all offsets count, or a part of it."""
    row, text, length = objects.knowledge_bases.read_text(name, file_name, start=start, end=end)
    return FileText(name=row.name, title=row.title, text=text, start=start, length=length)


@router.get("/{name}/files/{file_name:path}/chunks", summary="List the chunks of a file")
def list_chunks(
    objects: Objects,
    name: str,
    file_name: str,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
    limit: Annotated[int | None, Query(ge=1, le=500)] = None,
) -> list[ChunkText]:
    """Return the chunks of a file in order, or with ``limit`` some of them."""
    return [
        ChunkText(
            id=passage.chunk_id,
            order=passage.order,
            text=passage.chunk.text,
            start=passage.chunk.start,
            end=passage.chunk.end,
            page=passage.chunk.page,
            headings=list(passage.chunk.headings),
        )
        for passage in objects.knowledge_bases.list_chunks(
            name, file_name, offset=offset, limit=limit
        )
    ]


def describe_outcome(outcome: Outcome, wanted: Language, coverage_limit: float) -> UploadedFile:
    """Return what became of a file as it is shown."""
    return UploadedFile(
        name=outcome.name,
        file=describe_file(outcome.row, coverage_limit) if outcome.row else None,
        outcome=outcome.done,
        same_content_as=outcome.same_content_as,
        error=describe_error(outcome.error, wanted) if outcome.error else None,
    )


def describe_kb(
    objects: Objects, kb: KnowledgeBaseRow, files: int, incomplete: int
) -> KnowledgeBase:
    """Return a knowledge base as it is shown."""
    return KnowledgeBase(
        name=kb.name,
        info=kb.info,
        embedding_model=kb.embedding_model,
        languages=objects.embedders.languages(kb.embedding_model),
        splitter=kb.splitter,
        chunk_size=kb.chunk_size,
        chunk_overlap=kb.chunk_overlap,
        zh_title_enhance=kb.zh_title_enhance,
        min_relevance=kb.min_relevance,
        files=files,
        incomplete_files=incomplete,
        revision=kb.revision,
        created_at=kb.created_at,
    )
