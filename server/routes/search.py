"""Search in one knowledge base or in several."""

from fastapi import APIRouter

from server.chat.sources import describe_sources, number_hits
from server.container import Container
from server.routes.dependencies import Objects
from server.routes.errors import ERRORS
from server.schemas.filters import to_file_filter
from server.schemas.native import SearchAllRequest, SearchAnswer, SearchRequest

router = APIRouter(prefix="/api/v1", tags=["search"], responses=ERRORS)


@router.post("/knowledge_bases/{name}/search", summary="Search")
def search(objects: Objects, name: str, body: SearchRequest) -> SearchAnswer:
    """Return the hits for a question, whether it is covered, and how they were found."""
    return find(objects, [name], body)


@router.post("/search", summary="Search several knowledge bases")
def search_all(objects: Objects, body: SearchAllRequest) -> SearchAnswer:
    """Return the hits of all as one ranking, and whether any of them covers the question."""
    return find(objects, body.knowledge_bases, body)


def find(objects: Container, names: list[str], body: SearchRequest) -> SearchAnswer:
    """Return what knowledge bases have on a question."""
    found = objects.retriever.retrieve(
        names,
        objects.chat.check_question(body.query),
        top_k=body.top_k,
        score_threshold=body.score_threshold,
        only=to_file_filter(body.filter),
    )
    return SearchAnswer.model_validate(
        {
            "covered": found.is_covered,
            "hits": describe_sources(number_hits(found.hits)),
            "trace": found.trace,
        }
    )
