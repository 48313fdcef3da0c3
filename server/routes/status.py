"""``/api/v1/status``: what runs and how it is set up."""

from fastapi import APIRouter

from server.routes.dependencies import Objects
from server.routes.errors import ERRORS
from server.schemas.native import Status
from server.version import VERSION

router = APIRouter(prefix="/api/v1", tags=["status"], responses=ERRORS)


@router.get("/status", summary="Show what runs")
def show_status(objects: Objects) -> Status:
    """Return the version and the parts in use."""
    model = objects.settings.embedding.model
    return Status(
        version=VERSION,
        knowledge_bases=len(objects.knowledge_bases.list_all()),
        embedding_model=model,
        embedding_languages=objects.embedders.languages(model),
        llm=objects.llm.base_url or None,
    )
