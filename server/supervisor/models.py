"""Which language models a start serves. Does not know how they are served."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from configs import ROOT, Settings, load_settings
from configs.model_settings import ModelSettings
from server.errors import StartError
from server.network import is_loopback
from server.supervisor.flags import Flags


def add_models(settings: Settings, flags: Flags) -> Settings:
    """Return the settings with the models and the model settings that the flags name.

    Raises:
        StartError: a name is unknown, stands for two models, or would not be served.
        SettingsError: a value is out of range.
    """
    if flags.model_name and flags.wants_all and settings.llm.base_url and not flags.serves_models:
        raise not_served(flags.model_name)
    folders = folders_of(settings.workers.models, flags)
    models: dict[str, dict[str, Any]] = {
        name: {"worker": "transformers", "path": path} for name, path in folders.items()
    }
    if chosen := flags.model_settings():
        local = [name for name, each in settings.workers.models.items() if not is_online(each)]
        for name in {*local, *folders}:
            models[name] = {**models.get(name, {}), **chosen}
    sections = flags.sections()
    return load_settings(**{**sections, "workers": {**sections["workers"], "models": models}})


def folders_of(models: Mapping[str, ModelSettings], flags: Flags) -> dict[str, str]:
    """Return the folders that the flags name and that are no model yet, by their new names.

    Raises:
        StartError: a name is unknown or stands for two models.
    """
    given = list(flags.model_paths.items())
    for name in flags.model_name:
        if name not in models and name not in flags.model_paths:
            given.append(find_folder(name, models))
    folders: dict[str, str] = {}
    for name, path in given:
        if name not in models:
            if not (Path(path) / "config.json").is_file():
                raise no_checkpoint(path)
            if folders.setdefault(name, path) != path:
                raise name_taken(name, path, folders[name])
        elif path != str((ROOT / Path(models[name].path).expanduser()).resolve()):
            raise name_taken(name, path, f"workers.models.{name}")
    return folders


def find_folder(given: str, models: Mapping[str, ModelSettings]) -> tuple[str, str]:
    """Return what a folder is called as a model, and its whole path.

    Raises:
        StartError: there is no such folder.
    """
    folder = Path(given).expanduser().resolve()
    if not folder.is_dir():
        raise unknown_model(given, models)
    return folder.name, str(folder)


def model_called(given: str, models: Collection[str]) -> str:
    """Return the name of the model that a name or a folder stands for."""
    return given if given in models else Path(given).expanduser().resolve().name


def unknown_model(given: str, known: Mapping[str, ModelSettings]) -> StartError:
    """Return the error that names the models there are."""
    names = ", ".join(known)
    return StartError(
        reason_en=f"There is no model {given!r}. Known: {names or 'none'}. Name one of them or a "
        "folder with a checkpoint, or add it to workers.models in zhiwen.yaml.",
        reason_zh=f"没有名为 {given!r} 的模型。现有：{names or '无'}。请使用其中之一或模型文件夹，"
        "或在 zhiwen.yaml 的 workers.models 中添加。",
    )


def no_checkpoint(path: str) -> StartError:
    """Return the error for a folder that is no model."""
    return StartError(
        reason_en=f"The folder {path} holds no model: it has no config.json. Name the folder into "
        "which a checkpoint was downloaded.",
        reason_zh=f"文件夹 {path} 中没有 config.json，不是模型文件夹。"
        "请指定下载得到的模型所在的文件夹。",
    )


def name_taken(name: str, path: str, other: str) -> StartError:
    """Return the error for two models that would go by one name."""
    return StartError(
        reason_en=f"{path} and {other} would both be served as {name!r}. Give the folder a name of "
        "its own under workers.models in zhiwen.yaml.",
        reason_zh=f"{path} 与 {other} 的模型名称都是 {name!r}。"
        "请在 zhiwen.yaml 的 workers.models 中为该文件夹指定其他名称。",
    )


def not_served(names: Sequence[str]) -> StartError:
    """Return the error for models named with "everything" beside the user's own endpoint."""
    listed = ", ".join(map(repr, names))
    return StartError(
        reason_en=f"llm.base_url is set, so no models are started here and {listed} would not be "
        "served. Add --llm-api to serve it beside that endpoint, or clear llm.base_url to use it.",
        reason_zh=f"已设置 llm.base_url，因此不会在本机启动模型，{listed} 不会被加载。"
        "如需同时提供该模型服务，请加上 --llm-api；如需改用该模型，请清空 llm.base_url。",
    )


def choose_models(settings: Settings, flags: Flags) -> list[str]:
    """Return the names of the models to start, in the order of their ports."""
    models = settings.workers.models
    named = {*flags.model_paths, *(model_called(given, models) for given in flags.model_name)}
    is_whole = wants_chain_of_all(settings, flags) or flags.llm_api
    with_local = (is_whole or flags.model_worker) and not flags.lite
    with_online = is_whole or flags.api_worker
    return [
        name
        for name, model in models.items()
        if (with_online if is_online(model) else with_local) and (not named or name in named)
    ]


def wants_chain_of_all(settings: Settings, flags: Flags) -> bool:
    """Return whether "everything" includes the serving chain: not beside the user's endpoint."""
    return flags.wants_all and not settings.llm.base_url


def is_online(model: ModelSettings) -> bool:
    """Return whether a model is served by another machine."""
    host = urlsplit(model.base_url).hostname or ""
    return model.worker == "engine" and not model.command and not is_loopback(host)
