"""Pictures of the pages of files."""

from functools import partial
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Path
from fastapi.responses import Response

from server.knowledge_base.rendering import check_has_pages
from server.routes.dependencies import Objects
from server.routes.downloads import HEADERS
from server.routes.errors import ERRORS

router = APIRouter(
    prefix="/api/v1/knowledge_bases/{name}/files/{file_name:path}/pages",
    tags=["pages of files"],
    responses=ERRORS,
)
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get(
    "/{page}",
    summary="Show a page of a file",
    response_class=Response,
    responses={
        200: {
            "description": "The page; the header `X-Page-Count` says how many there are",
            "content": {"image/png": {}},
        },
        304: {"description": "The page is the one that the client has"},
    },
)
async def show_page(
    objects: Objects,
    name: str,
    file_name: str,
    page: Number,
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Return a page of a PDF, counted from 1, as a picture; a picture is a page of its own."""
    bases = objects.knowledge_bases
    row, path = await run_sync(bases.find_blob, name, file_name)
    check_has_pages(row.name)
    # No caching without asking: another file may get the name, and the key may be withdrawn.
    tag = f'"{row.blob}-{page}"'
    headers = {**HEADERS, "ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in if_none_match:
        return Response(status_code=304, headers=headers)
    picture = await run_sync(bases.pages.find, row.blob, page)
    if picture is None:
        draw = partial(bases.pages.draw, path, row.name, row.blob, page)
        picture = await run_sync(draw, limiter=objects.page_slots)
    headers["X-Page-Count"] = str(picture.pages)
    return Response(picture.png, media_type="image/png", headers=headers)
