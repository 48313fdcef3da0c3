"""The serving side: FastChat controller, model workers and their OpenAI-style endpoint."""

from typing import TYPE_CHECKING

from server.plugins import Registry

if TYPE_CHECKING:  # the guard of an engine passes here too, and stays small
    from server.model_workers.generator import GeneratorClass

WORKERS: "Registry[GeneratorClass]" = Registry(
    "worker",
    {
        "transformers": "server.model_workers.transformers_worker:TransformersGenerator",
        "engine": "server.model_workers.engine_worker:EngineGenerator",
    },
)
