"""Probes: is the process alive, and can it be used."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, RedirectResponse

from server.routes.dependencies import Objects, Wanted

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> dict[str, str]:
    """Answer as soon as the port is bound."""
    return {"status": "alive"}


@router.get("/readyz", summary="Can the service be used")
async def readyz(objects: Objects, wanted: Wanted) -> JSONResponse:
    """Answer 200 when it can, else 503 with what it is doing; ``progress`` only grows."""
    state = objects.readiness.read()
    body = {
        "ready": state.is_ready,
        "failed": state.error is not None,
        "progress": state.steps,
        "doing": state.doing(wanted),
    }
    return JSONResponse(body, 200 if state.is_ready else 503)


@router.get("/", include_in_schema=False)
async def index() -> RedirectResponse:
    """Lead people to the documentation, as 0.2.x did."""
    return RedirectResponse("/docs")
