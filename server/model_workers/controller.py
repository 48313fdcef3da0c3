"""FastChat's controller: which workers there are, and whose turn it is. Knows no models."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from configs.settings import WorkerSettings
from server.errors import InvalidRequest, ZhiwenError
from server.model_workers.fastchat_import import tamed_fastchat
from server.model_workers.gate import SecretGate
from server.model_workers.probes import probe_routes, read_ready
from server.model_workers.refusals import answer_error
from server.model_workers.shared_secret import HEADER
from server.network import is_loopback

with tamed_fastchat():
    from fastchat.serve import controller as fastchat_controller

logger = logging.getLogger(__name__)

CHECK_WITHIN_S = 2.0


class WorkerRegistry(fastchat_controller.Controller):  # type: ignore[misc]  # untyped
    """FastChat's controller with our secret, our limits and no thread of its own."""

    def __init__(self, settings: WorkerSettings, secret: str) -> None:
        # Not FastChat's own: it starts a thread that keeps the process from ending.
        self.worker_info: dict[str, Any] = {}
        self.dispatch_method = fastchat_controller.DispatchMethod.SHORTEST_QUEUE
        self.is_local = is_loopback(settings.host)
        self.http = requests.Session()
        self.http.trust_env = False  # a proxy for the internet must not be asked for workers
        self.http.headers[HEADER] = secret
        fastchat_controller.CONTROLLER_HEART_BEAT_EXPIRATION = settings.expiry_s

    def get_worker_status(self, worker_name: str) -> dict[str, Any] | None:
        """Ask a worker for its models and queue; None if it does not answer. Blocks."""
        try:
            answer = self.http.post(f"{worker_name}/worker_get_status", timeout=CHECK_WITHIN_S)
            answer.raise_for_status()
            status: dict[str, Any] = answer.json()
        except requests.RequestException as error:
            logger.warning("worker %s does not answer: %s", worker_name, error)
            return None
        return status

    def check_address(self, worker_name: str) -> None:
        """Refuse what is no address of a worker.

        Raises:
            InvalidRequest: it is no HTTP URL, or leads elsewhere while we serve this machine only.
        """
        parts = urlsplit(worker_name)
        if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
            raise InvalidRequest(
                param="worker_name",
                problem_en=f"worker_name must be as http://HOST:PORT, not {worker_name!r}",
                problem_zh=f"worker_name 应形如 http://HOST:PORT，而不是 {worker_name!r}",
            )
        if self.is_local and not is_loopback(parts.hostname):
            raise InvalidRequest(
                param="worker_name",
                problem_en=f"{worker_name!r} is not on this machine; set workers.host to accept it",
                problem_zh=f"{worker_name!r} 不在本机，如需接受请设置 workers.host",
            )

    def find_worker(self, model: str, without: list[str]) -> str:
        """Return the worker whose turn it is, "" if there is none but those left out."""
        hidden = {name: self.worker_info.pop(name) for name in without if name in self.worker_info}
        address: str = self.get_worker_address(model)
        self.worker_info.update(hidden)
        return address

    def forget(self, worker_name: str) -> None:
        """Remove a worker, if it is known."""
        if self.worker_info.pop(worker_name, None) is not None:
            logger.info("forgot the worker %s", worker_name)


def make_controller(settings: WorkerSettings, secret: str) -> Starlette:
    """Return FastChat's controller as an app behind our gate."""
    registry = WorkerRegistry(settings, secret)
    fastchat_controller.controller = registry  # the routes of its app look for it there
    return Starlette(
        routes=[
            *probe_routes(read_ready),
            *registry_routes(registry),
            Mount("/", fastchat_controller.app),
        ],
        middleware=[Middleware(SecretGate, secret=secret)],
        exception_handlers={ZhiwenError: answer_error},
        lifespan=expiry(registry, settings.heartbeat_s),
    )


def registry_routes(registry: WorkerRegistry) -> list[Route]:
    """Return the routes that FastChat does not have, or has without checks."""

    async def register_worker(request: Request) -> JSONResponse:
        """Add a worker that tells its status, or replace what is known of it."""
        told = await request.json()
        registry.check_address(told["worker_name"])
        registry.register_worker(
            told["worker_name"], True, told["worker_status"], told.get("multimodal", False)
        )
        models = ", ".join(told["worker_status"]["model_names"])
        logger.info("registered the worker %s with %s", told["worker_name"], models)
        return JSONResponse(None)

    async def deregister_worker(request: Request) -> JSONResponse:
        """Remove a worker that says good-bye."""
        registry.forget((await request.json())["worker_name"])
        return JSONResponse(None)

    async def report_worker(request: Request) -> JSONResponse:
        """Check a worker that somebody could not reach, and remove it if it is gone."""
        name = (await request.json())["worker_name"]
        is_known = name in registry.worker_info  # no other address is ever asked
        if is_known and await asyncio.to_thread(registry.get_worker_status, name) is None:
            registry.forget(name)
        return JSONResponse({"exist": name in registry.worker_info})

    async def get_worker_address(request: Request) -> JSONResponse:
        """Tell whose turn it is; ``without``: addresses that were tried in vain."""
        told = await request.json()
        address = registry.find_worker(told["model"], told.get("without", []))
        return JSONResponse({"address": address})

    return [
        Route(f"/{route.__name__}", route, methods=["POST"])
        for route in (register_worker, deregister_worker, report_worker, get_worker_address)
    ]


def expiry(registry: WorkerRegistry, every_s: float) -> Any:  # starlette's Lifespan is generic
    """Return a lifespan in which workers that fell silent are forgotten."""

    async def forget_silent() -> None:
        while True:
            await asyncio.sleep(every_s)
            registry.remove_stale_workers_by_expiration()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(forget_silent())
        yield
        task.cancel()
        registry.http.close()

    return lifespan
