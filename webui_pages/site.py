"""The web server around the pages: who may enter, downloads, probes. Knows no page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from configs import Settings
from server.parent import watch_parent
from webui_pages.catalogue import translate
from webui_pages.client import api_url
from webui_pages.files import Files
from webui_pages.gate import Gate
from webui_pages.headers import SecurityHeaders
from webui_pages.login import Login
from webui_pages.plain import language_of
from webui_pages.upstream import Upstream

ICON = Path(__file__).parent / "icon.svg"


class Site:
    """Everything that one port serves beside the pages."""

    def __init__(self, settings: Settings) -> None:
        self._upstream = Upstream(api_url(settings))
        self.middleware = [
            Middleware(SecurityHeaders),
            Middleware(Gate, settings=settings, upstream=self._upstream),
        ]

    @property
    def routes(self) -> list[BaseRoute]:
        """Return the routes beside those of Streamlit."""
        return [
            Route("/healthz", healthz),
            Route("/readyz", self.readyz),
            Route("/favicon.png", favicon),  # where Streamlit's page looks for it
            *Login(self._upstream).routes,
            *Files(self._upstream).routes,
        ]

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """End with the supervisor; give the connections back at the end."""
        watch_parent()
        yield
        await self._upstream.http.aclose()

    async def readyz(self, request: Request) -> Response:
        """Answer 200 when people can work: the UI is as ready as the API behind it."""
        language = language_of(request)
        state = await self._upstream.readiness(language) or {
            "ready": False,
            "failed": False,
            "progress": 0,
            "doing": translate("shell.no_api_yet", language),
        }
        return JSONResponse(state, 200 if state["ready"] else 503)


async def favicon(_: Request) -> Response:
    """Send the sign of the product."""
    return FileResponse(ICON, media_type="image/svg+xml")


async def healthz(_: Request) -> Response:
    """Answer as soon as the port is bound."""
    return JSONResponse({"status": "alive"})
