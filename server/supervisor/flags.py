"""The flags of a start, as values. Does not know what they lead to."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Flags:
    """What was asked for; the names are those of the flags, so that argparse fills it."""

    all_webui: bool = False
    all_api: bool = False
    llm_api: bool = False
    openai_api: bool = False
    model_worker: bool = False
    api_worker: bool = False
    api: bool = False
    webui: bool = False
    check: bool = False
    demo: bool = False
    quiet: bool = False
    lite: bool = False
    controller: str | None = None  # an address; "": start one of our own; None: not said
    model_name: list[str] = field(default_factory=list)  # names or folders; empty: all
    host: str | None = None
    port: int | None = None
    device: str | None = None
    gpus: str | None = None
    num_gpus: int | None = None
    max_gpu_memory: str | None = None
    workers: Mapping[str, Any] = field(default_factory=dict)  # more settings of that section
    model_paths: Mapping[str, str] = field(default_factory=dict)  # folders of checkpoints, by name
    addresses: Mapping[str, tuple[str, int]] = field(
        default_factory=dict
    )  # of workers, by name or folder

    @property
    def is_trial(self) -> bool:
        """Whether to stop again once the sample questions are answered."""
        return self.check or self.demo

    @property
    def wants_all(self) -> bool:
        """Whether everything is to be started that is of use."""
        return self.all_webui or self.all_api

    @property
    def serves_models(self) -> bool:
        """Whether models were asked for by a flag of their own."""
        return self.llm_api or self.model_worker or self.api_worker

    @property
    def wants_chain(self) -> bool:
        """Whether a part of the serving chain was asked for by its own flag."""
        return self.serves_models or self.openai_api or self.controller == ""

    @property
    def wants_api(self) -> bool:
        """Whether the REST API is to be started; a trial needs it to ask."""
        is_alone = not (self.wants_chain or self.webui)
        return self.wants_all or self.api or (self.is_trial and is_alone)

    @property
    def wants_webui(self) -> bool:
        """Whether the UI is to be started."""
        return self.all_webui or self.webui

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be started."""
        return not (self.wants_api or self.wants_webui or self.wants_chain)

    def sections(self) -> dict[str, dict[str, Any]]:
        """Return the settings that the flags set, by section."""
        server = {"host": self.host, "port": self.port}
        workers = {**self.workers, "controller": self.controller}
        return {"server": without_none(server), "workers": without_none(workers)}

    def model_settings(self) -> dict[str, Any]:
        """Return the settings that the flags set for every local model."""
        names = ("device", "gpus", "num_gpus", "max_gpu_memory")
        return without_none({name: getattr(self, name) for name in names})


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given."""
    return {name: value for name, value in values.items() if value is not None}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the flags of ``startup.py``."""
    parser = argparse.ArgumentParser(description="Start Zhiwen. 启动知问。")
    add = parser.add_argument
    yes: dict[str, Any] = {"action": "store_true"}
    add("-a", "--all-webui", help="start everything 启动全部服务", **yes)
    add("--all-api", help="start everything but the UI 启动除界面外的全部服务", **yes)
    add("--llm-api", help="controller, endpoint and workers 控制器、接口与全部模型", **yes)
    add("-o", "--openai-api", help="controller and OpenAI-style endpoint 控制器与接口", **yes)
    add("-m", "--model-worker", help="the workers of local models 本地模型", **yes)
    add("-p", "--api-worker", help="the workers of online models 在线模型", **yes)
    add("--api", help="the REST API 启动 REST API", **yes)
    add("-w", "--webui", help="the UI 启动界面", **yes)
    add("--check", help="start, ask the sample question, stop 启动自检后退出", **yes)
    add("--demo", help="answer all sample questions, stop 演示后退出", **yes)
    add("-q", "--quiet", help="no service logs here 不在终端显示服务日志", **yes)
    add("-i", "--lite", help="no local models 不启动本地模型", **yes)
    add(
        *("-n", "--model-name"),
        nargs="+",
        metavar="NAME",
        help="only these models: names or folders 仅启动这些模型（名称或文件夹）",
    )
    add(
        *("-c", "--controller"),
        nargs="?",
        const="",
        metavar="ADDR",
        help="the controller to use; without ADDR start one 使用的控制器；不带地址则启动一个",
    )
    add(
        *("--host", "--listen"),
        help="address of API and UI (server.host) API 与界面的监听地址",
    )
    add("--port", type=int, help="port of the REST API (server.port) REST API 端口")
    add_gpu_flags(parser)
    return parser


def add_gpu_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say where local models compute."""
    add = parser.add_argument
    add("--gpus", help="for local models, such as 0,1  本地模型使用的显卡")
    add("--num-gpus", type=int, help="how many of them per model 每个模型使用的显卡数")
    add("--max-gpu-memory", help="per GPU, such as 20GiB  每块显卡的显存上限")
