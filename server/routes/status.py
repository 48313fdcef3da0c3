"""``/api/v1/status`` and ``/api/v1/models``: what runs and how it is set up."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter

from server.container import Container
from server.knowledge_base.loaders import LOADERS
from server.network import needs_key
from server.routes.dependencies import Objects
from server.routes.errors import ERRORS
from server.schemas.native import ServedModel, Status
from server.service_states import read_states, states_file
from server.version import VERSION

router = APIRouter(prefix="/api/v1", tags=["status"], responses=ERRORS)

PACKAGES = (
    *("fastapi", "faiss-cpu", "tantivy", "onnxruntime", "sqlalchemy", "streamlit"),
    *("torch", "transformers", "fschat"),
)
SECRETS = ("api_key", "secret")  # at whatever depth
LEFT_OUT: dict[str, Any] = {"auth": True, "workers": {"models"}}  # commands may hold keys


@router.get("/models", summary="List the language models that serve")
async def list_models(objects: Objects) -> list[ServedModel]:
    """Return the models that serve now; none: answers are quotations."""
    names = await objects.llm.list_models()
    default = objects.settings.llm.model or next(iter(names), "")
    return [ServedModel(id=name, is_default=name == default) for name in names]


@router.get("/status", summary="Show what runs")
async def show_status(objects: Objects) -> Status:
    """Return the version, the parts in use and the settings."""
    names = await objects.llm.list_models()
    return await run_sync(describe_status, objects, list(names))


def describe_status(objects: Container, models: list[str]) -> Status:
    """Return what runs, without the secrets."""
    settings = objects.settings
    model = settings.embedding.model
    uses_llm = bool(settings.llm.base_url or settings.workers.models or models)
    return Status.model_validate(
        {
            "version": VERSION,
            "python": platform.python_version(),
            "needs_key": needs_key(settings),
            "knowledge_bases": len(objects.knowledge_bases.list_all()),
            "formats": list(LOADERS),
            "max_file_mb": settings.kb.max_file_mb,
            "max_upload_mb": settings.server.max_upload_mb,
            "embedding_model": model,
            "embedding_languages": objects.embedders.languages(model),
            "llm": objects.llm.base_url if uses_llm else None,
            "models": models,
            "services": our_services(settings.paths.data),
            "packages": find_versions(),
            "settings": without_secrets(settings.model_dump(mode="json", exclude=LEFT_OUT)),
            "data": str(settings.paths.data),
            "disk_free_mb": shutil.disk_usage(settings.paths.data).free >> 20,
        }
    )


def without_secrets(value: Any) -> Any:  # any JSON value
    """Return a value without the keys and secrets in it."""
    if isinstance(value, dict):
        return {name: without_secrets(each) for name, each in value.items() if name not in SECRETS}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def our_services(data: Path) -> list[dict[str, Any]]:
    """Return the services as their supervisors list them, none if this process is not listed."""
    services = read_states(states_file(data))
    return services if os.getpid() in {service.get("pid") for service in services} else []


def find_versions() -> dict[str, str]:
    """Return the versions of the libraries that matter and are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
