"""The web application: routes behind the gate, over the objects of the container."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline

from configs import Settings
from server.container import Container
from server.routes import ROUTERS
from server.routes.errors import add_error_handlers
from server.routes.gate import add_gate
from server.version import VERSION

DESCRIPTION = """
Answers questions from your own documents, with citations that can be checked.

`/api/v1` is the interface of Zhiwen; the other routes are those of Langchain-Chatchat 0.2.x.
On any bind but loopback, send the API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
"""


def create_app(settings: Settings) -> FastAPI:
    """Build the application; the service is prepared in the background once it runs."""
    container = Container(settings)
    app = FastAPIOffline(
        title="Zhiwen 知问",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=run_container,
        # For the documentation's "Authorize" button; the gate is what checks the key.
        dependencies=[Depends(HTTPBearer(auto_error=False))],
    )
    app.state.container = container
    for name in ROUTERS:
        app.include_router(ROUTERS.get(name))
    add_error_handlers(app)
    add_gate(app, settings, container.keys, container.readiness)
    return app


@asynccontextmanager
async def run_container(app: FastAPI) -> AsyncIterator[None]:
    """Prepare the service when the application starts, give everything back when it ends."""
    container: Container = app.state.container
    current_default_thread_limiter().total_tokens = container.settings.server.threads
    thread = container.prepare_in_background()
    yield
    thread.join(timeout=1)
    await container.close()
