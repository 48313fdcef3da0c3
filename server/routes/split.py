"""``/api/v1/split``: what chunks a text or a file would have. Nothing is stored."""

import threading
from dataclasses import asdict
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Form, Query, Request, Response, UploadFile

from server.container import Container
from server.disconnect import CLIENT_LEFT, ClientLeft, run_while_connected
from server.knowledge_base.chunking import CuttingWishes
from server.knowledge_base.preview import Incoming, Preview, preview
from server.routes.dependencies import Objects
from server.routes.errors import ERRORS
from server.routes.knowledge_bases import MAX_OFFSET
from server.schemas.fields import ChunkOverlap, ChunkSize, KbName, Splitter, ZhTitleEnhance
from server.schemas.split import PreviewedChunk, SplitPreview, SplitText

router = APIRouter(prefix="/api/v1/split", tags=["previews of chunks"], responses=ERRORS)


def read_wishes(
    splitter: Annotated[Splitter | None, Form()] = None,
    chunk_size: Annotated[ChunkSize | None, Form()] = None,
    chunk_overlap: Annotated[ChunkOverlap | None, Form()] = None,
    zh_title_enhance: Annotated[ZhTitleEnhance | None, Form()] = None,
) -> CuttingWishes:
    """Return how a file is to be cut."""
    return {
        "splitter": splitter,
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
        "zh_title_enhance": zh_title_enhance,
    }


Part = tuple[int, int]  # the first chunk, and behind the last one
Wishes = Annotated[CuttingWishes, Depends(read_wishes)]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET)]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.post("/text", summary="Preview the chunks of a text", response_model=SplitPreview)
async def split_text(
    objects: Objects, request: Request, body: SplitText, offset: Offset = 0, limit: Limit = 100
) -> SplitPreview | Response:
    """Return the chunks that a text would have as a file; nothing is stored."""
    incoming = Incoming(body.file_name, BytesIO(body.text.encode()), body.knowledge_base)
    wishes = CuttingWishes(
        splitter=body.splitter,
        chunk_size=body.chunk_size,
        chunk_overlap=body.chunk_overlap,
        zh_title_enhance=body.zh_title_enhance,
    )
    return await answer(objects, request, incoming, wishes, (offset, offset + limit))


@router.post("/file", summary="Preview the chunks of a file", response_model=SplitPreview)
async def split_file(
    objects: Objects,
    request: Request,
    file: UploadFile,
    wishes: Wishes,
    knowledge_base: Annotated[KbName | None, Form()] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> SplitPreview | Response:
    """Return the chunks that an upload of the file would have; nothing is stored."""
    incoming = Incoming(file.filename or "", file.file, knowledge_base)
    return await answer(objects, request, incoming, wishes, (offset, offset + limit))


async def answer(
    objects: Container, request: Request, incoming: Incoming, wishes: CuttingWishes, part: Part
) -> SplitPreview | Response:
    """Return some chunks of a file; reading it ends when the client leaves."""
    left = threading.Event()
    work = partial(preview, objects.knowledge_bases, incoming, is_cancelled=left.is_set, **wishes)

    async def read() -> SplitPreview:
        try:  # the thread goes on for the moment that it takes to notice
            found = await run_sync(work, limiter=objects.upload_slots, abandon_on_cancel=True)
            return describe(found, part)
        finally:
            left.set()

    try:
        return await run_while_connected(request, read())
    except ClientLeft:
        return Response(status_code=CLIENT_LEFT)


def describe(found: Preview, part: Part) -> SplitPreview:
    """Return a preview as it is shown."""
    chunks = [
        PreviewedChunk(
            order=order,
            text=chunk.text,
            start=chunk.start,
            end=chunk.end,
            page=chunk.page,
            headings=list(chunk.headings),
        )
        for order, chunk in islice(enumerate(found.chunks), *part)
    ]
    return SplitPreview(
        title=found.document.title,
        length=len(found.document.text),
        total=len(found.chunks),
        chunks=chunks,
        **asdict(found.cutting),
    )
