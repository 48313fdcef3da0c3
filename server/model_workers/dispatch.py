"""A request's way over the controller to a worker that answers. Knows no OpenAI shapes."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx

from server.errors import ModelBusy, ModelFailed, Unavailable, UnknownModel, ZhiwenError
from server.model_workers.generator import Generation, Piece, Trouble
from server.model_workers.shared_secret import HEADER
from server.model_workers.troubles import describe
from server.model_workers.wire import END, read_piece, write_generation
from server.readiness import StillStarting

logger = logging.getLogger(__name__)

CONNECT_S = 5.0
CONTROLLER_S = 5.0
SILENCE_S = 300.0  # a long prompt on a processor takes minutes before its first token
ATTEMPTS = 2
BROKEN_OFF = "the answer broke off before its end", "回答未完成便中断"


class ControllerGone(Unavailable):
    """The controller does not answer as it should; ``reason_en`` and ``reason_zh`` say why."""

    code = "controller_unavailable"
    en = "The controller of the models at {controller} cannot be used: {reason_en}"
    zh = "位于 {controller} 的模型控制器不可用：{reason_zh}"


class WorkerLost(Unavailable):
    """A worker did not answer to the end; ``reason_en`` and ``reason_zh`` say why."""

    status = 502
    code = "worker_lost"
    en = "The worker of the model {model!r} is lost: {reason_en}. Try again in a few seconds."
    zh = "模型 {model!r} 的工作进程已失联：{reason_zh}，请几秒后重试。"


class WorkerSilent(Unavailable):
    """A worker sent nothing for too long."""

    status = 504
    code = "worker_timeout"
    en = "The worker of the model {model!r} sent nothing for {seconds:g} s. Try again later."
    zh = "模型 {model!r} 的工作进程在 {seconds:g} 秒内没有任何响应，请稍后重试。"


# What another worker may do better.
RETRIED = (WorkerLost, WorkerSilent, ModelFailed, ModelBusy, StillStarting)


class Dispatcher:
    """Asks the controller for workers, and the workers for text."""

    def __init__(self, controller: str, secret: str, *, silence_s: float = SILENCE_S) -> None:
        self.controller = controller.rstrip("/")
        self.silence_s = silence_s
        self.http = httpx.AsyncClient(
            headers={HEADER: secret},
            timeout=httpx.Timeout(silence_s, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=None),
            trust_env=False,  # a proxy for the internet must not be asked for workers
        )

    async def list_models(self) -> list[str]:
        """Return the names of the models that workers serve now.

        Raises:
            ControllerGone: nobody can tell.
        """
        return sorted((await self.tell_controller("list_models", {}))["models"])

    async def stream(self, model: str, generation: Generation) -> AsyncGenerator[Piece]:
        """Yield the pieces of a worker; before the first text, try a second worker.

        Raises:
            UnknownModel: no worker serves the model.
            ZhiwenError: what the worker told, or that it is lost or silent.
        """
        failure: ZhiwenError | None = None
        tried: list[str] = []
        for _ in range(ATTEMPTS):
            address = await self.find_worker(model, without=tried)
            if not address:
                break
            tried.append(address)
            has_begun = False
            try:
                async with aclosing(self.ask(address, model, generation)) as pieces:
                    async for piece in pieces:
                        has_begun = has_begun or bool(piece.text)
                        yield piece
                return
            except RETRIED as error:
                failure = error
                logger.warning("%s: %s", address, error)
                await self.report(address)
                if has_begun:
                    raise
        raise failure or await self.unknown(model)

    async def find_worker(self, model: str, *, without: list[str]) -> str:
        """Return the address of the worker whose turn it is, "" if there is none."""
        asked = {"model": model, "without": without}
        return str((await self.tell_controller("get_worker_address", asked))["address"])

    async def unknown(self, model: str) -> UnknownModel:
        """Return the error for a model that no worker serves."""
        known = ", ".join(await self.list_models()) or "-"
        return UnknownModel(param="model", model=model, known=known)

    async def report(self, address: str) -> None:
        """Let the controller look whether a worker is still there."""
        try:
            await self.tell_controller("report_worker", {"worker_name": address})
        except ControllerGone as error:
            logger.warning("%s", error)

    async def ask(self, address: str, model: str, generation: Generation) -> AsyncGenerator[Piece]:
        """Yield the pieces that one worker sends.

        Raises:
            ZhiwenError: what it told, or that it is lost or silent.
        """
        try:
            async with self.http.stream(
                "POST",
                f"{address}/worker_generate_stream",
                json=write_generation(model, generation),
            ) as answer:
                if answer.is_error:
                    await answer.aread()
                    answer.raise_for_status()
                async for chunk in split_frames(answer.aiter_bytes()):
                    piece = read_piece(chunk, model)
                    yield piece
                    if piece.finish_reason:
                        return
        except httpx.ReadTimeout as error:
            raise WorkerSilent(model=model, seconds=self.silence_s) from error
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            raise lost(model, describe(error)) from error
        raise lost(model, BROKEN_OFF)

    async def tell_controller(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return what the controller answers.

        Raises:
            ControllerGone: it does not, or refuses.
        """
        try:
            answer = await self.http.post(
                f"{self.controller}/{route}", json=body, timeout=CONTROLLER_S
            )
            answer.raise_for_status()
            told: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            en, zh = describe(error)
            raise ControllerGone(controller=self.controller, reason_en=en, reason_zh=zh) from error
        return told

    async def close(self) -> None:
        """Close all connections."""
        await self.http.aclose()


def lost(model: str, reason: Trouble) -> WorkerLost:
    """Return the error for a worker that is lost."""
    return WorkerLost(model=model, reason_en=reason[0], reason_zh=reason[1])


async def split_frames(parts: AsyncGenerator[bytes] | Any) -> AsyncGenerator[bytes]:
    """Yield the frames of a stream, without the zero bytes that end them."""
    rest = b""
    async for part in parts:
        *frames, rest = (rest + part).split(END)
        for frame in frames:
            yield frame
