"""The serving side: FastChat controller, model workers and their OpenAI-style endpoint."""

from server.model_workers.generator import GeneratorClass
from server.plugins import Registry

WORKERS: Registry[GeneratorClass] = Registry(
    "worker",
    {
        "transformers": "server.model_workers.transformers_worker:TransformersGenerator",
        "engine": "server.model_workers.engine_worker:EngineGenerator",
    },
)
