"""``/healthz`` and ``/readyz`` of the processes behind the models. Knows none of their work."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.language import accepted_language
from server.readiness import Progress

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
READY = Progress(True, 1, "ready", "已就绪")


def probe_routes(read: Callable[[], Awaitable[Progress]]) -> list[Route]:
    """Return the routes of both probes; ``read`` tells whether the process can be used."""

    async def healthz(_: Request) -> JSONResponse:
        """Answer as soon as the port is bound."""
        return JSONResponse({"status": "alive"})

    async def readyz(request: Request) -> JSONResponse:
        """Answer 200 when the process can be used, else 503 with what it is doing."""
        state = await read()
        body = {
            "ready": state.is_ready,
            "failed": state.error is not None,
            "progress": state.steps,
            "doing": state.doing(
                accepted_language(request.headers.get("accept-language", ""), "auto")
            ),
        }
        return JSONResponse(body, 200 if state.is_ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def read_ready() -> Progress:
    """Return that a process without preparations can be used."""
    return READY
