"""What a start consists of: from flags and settings to services. Starts nothing."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from configs import Settings
from server.errors import StartError
from server.supervisor.console import Console
from server.supervisor.flags import Flags
from server.supervisor.models import choose_models, model_called, wants_chain_of_all
from server.supervisor.service import (
    Service,
    api_service,
    controller_service,
    endpoint_service,
    webui_service,
    worker_service,
)


def plan_services(
    settings: Settings, flags: Flags, console: Console, *, token: str
) -> list[Service]:
    """Return the services that the flags ask for, in the order of their start.

    What lacks a package is left out, and the console says so.

    Raises:
        StartError: nothing is left.
    """
    services = list_services(settings, flags, token)
    lacking = {each.name: missing_packages(each) for each in services}
    tell_missing([each for each in services if lacking[each.name]], lacking, console)
    services = [each for each in services if not lacking[each.name]]
    if not services:
        raise StartError(
            reason_en="There is nothing to start: no model fits the flags, or packages are missing."
            " Name models in workers.models of zhiwen.yaml or with -n.",
            reason_zh="没有可启动的服务：没有符合参数的模型，或缺少依赖包。"
            "请在 zhiwen.yaml 的 workers.models 中或用 -n 指定模型。",
        )
    if all(service.name != "api" for service in services):
        services[0] = replace(services[0], required=services[0].is_awaited)
    shared = shared_environment(settings)
    return [replace(each, environment={**shared, **each.environment}) for each in services]


def list_services(settings: Settings, flags: Flags, token: str) -> list[Service]:
    """Return the services that the flags ask for."""
    services = []
    with_endpoint = wants_chain_of_all(settings, flags) or flags.llm_api or flags.openai_api
    if (with_endpoint or flags.controller == "") and not settings.workers.controller:
        services.append(controller_service(settings))
    names = list(settings.workers.models)
    addresses = {model_called(given, names): at for given, at in flags.addresses.items()}
    for name in choose_models(settings, flags):
        # By its place among all models, so that two starts with other models get along.
        address = settings.workers.host, settings.workers.port + names.index(name)
        services.append(worker_service(settings, name, addresses.get(name, address)))
    if with_endpoint:
        services.append(endpoint_service(settings))
    if flags.wants_api:
        services.append(api_service(settings, token))
    if flags.wants_webui:
        services.append(webui_service(settings))
    return services


def missing_packages(service: Service) -> list[str]:
    """Return the packages that a service needs and that are not installed."""
    return [name for name in service.packages if importlib.util.find_spec(name) is None]


def tell_missing(
    services: Sequence[Service], lacking: Mapping[str, list[str]], console: Console
) -> None:
    """Say in a line per file of requirements what is left out and how it can be had."""
    for file in dict.fromkeys(service.requirements for service in services):
        left_out = [each for each in services if each.requirements == file]
        names = ", ".join(each.name for each in left_out)
        packages = ", ".join(
            dict.fromkeys(name for each in left_out for name in lacking[each.name])
        )
        install = f"python -m pip install -r {file}"
        console.say(
            f"Not started: {names}, for want of {packages}. To install: {install}",
            f"未启动：{names}，缺少 {packages}。安装命令：{install}",
        )


def shared_environment(settings: Settings) -> dict[str, str]:
    """Return what flags may have set, for all services to see the same settings."""
    server, workers = settings.server, settings.workers
    models = {name: each.model_dump(mode="json") for name, each in workers.models.items()}
    values = {
        "SERVER__HOST": server.host,
        "SERVER__PORT": server.port,
        "WORKERS__HOST": workers.host,
        "WORKERS__PORT": workers.port,
        "WORKERS__ENDPOINT_PORT": workers.endpoint_port,
        "WORKERS__CONTROLLER_PORT": workers.controller_port,
        "WORKERS__CONTROLLER": workers.controller,
        "WORKERS__MODELS": json.dumps(models),
    }
    return {f"ZHIWEN_{name}": str(value) for name, value in values.items()}
