"""Which language models a start serves. Does not know how they are served."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from configs import Settings, load_settings
from configs.settings import ModelSettings
from server.errors import StartError
from server.network import is_loopback
from server.supervisor.flags import Flags


def add_models(settings: Settings, flags: Flags) -> Settings:
    """Return the settings with the models and the model settings that the flags name.

    Raises:
        StartError: a name is neither that of a model nor that of a folder.
        SettingsError: a value is out of range.
    """
    folders = {**folders_of(settings, flags), **flags.model_paths}
    models: dict[str, dict[str, Any]] = {
        name: {"worker": "transformers", "path": path} for name, path in folders.items()
    }
    if chosen := flags.model_settings():
        local = [name for name, each in settings.workers.models.items() if not is_online(each)]
        for name in {*local, *folders}:
            models[name] = {**models.get(name, {}), **chosen}
    sections = flags.sections()
    return load_settings(**{**sections, "workers": {**sections["workers"], "models": models}})


def folders_of(settings: Settings, flags: Flags) -> dict[str, str]:
    """Return the folders among the names given, each named after its last part.

    Raises:
        StartError: a name is neither that of a model nor that of a folder.
    """
    folders = {}
    for given in flags.model_name:
        if given not in settings.workers.models and given not in flags.model_paths:
            folder = Path(given).expanduser().resolve()
            if not folder.is_dir():
                raise unknown_model(given, settings.workers.models)
            folders[folder.name] = str(folder)
    return folders


def unknown_model(given: str, known: Mapping[str, ModelSettings]) -> StartError:
    """Return the error that names the models there are."""
    names = ", ".join(known)
    return StartError(
        reason_en=f"There is no model {given!r}. Known: {names or 'none'}. Name one of them or a "
        "folder with a checkpoint, or add it to workers.models in zhiwen.yaml.",
        reason_zh=f"没有名为 {given!r} 的模型。现有：{names or '无'}。请使用其中之一或模型文件夹，"
        "或在 zhiwen.yaml 的 workers.models 中添加。",
    )


def choose_models(settings: Settings, flags: Flags) -> list[str]:
    """Return the names of the models to start, in the order of their ports."""
    named = {Path(given).expanduser().resolve().name for given in flags.model_name}
    named |= {*flags.model_name, *flags.model_paths}
    is_whole = wants_chain_of_all(settings, flags) or flags.llm_api
    with_local = (is_whole or flags.model_worker) and not flags.lite
    with_online = is_whole or flags.api_worker
    return [
        name
        for name, model in settings.workers.models.items()
        if (with_online if is_online(model) else with_local) and (not named or name in named)
    ]


def wants_chain_of_all(settings: Settings, flags: Flags) -> bool:
    """Return whether "everything" includes the serving chain: not beside the user's endpoint."""
    return flags.wants_all and not settings.llm.base_url


def is_online(model: ModelSettings) -> bool:
    """Return whether a model is served by another machine."""
    host = urlsplit(model.base_url).hostname or ""
    return model.worker == "engine" and not model.command and not is_loopback(host)
