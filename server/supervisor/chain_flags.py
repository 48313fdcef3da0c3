"""The flags of ``server/llm_api.py``, those of 0.2.x that still say something. Starts nothing."""

import argparse
from pathlib import Path
from typing import Any

from server.supervisor.flags import Flags, add_gpu_flags, without_none


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the flags."""
    parser = argparse.ArgumentParser(
        description="Start controller, workers and endpoint. 启动模型服务。"
    )
    add = parser.add_argument
    add(
        *("-n", "--model-name"),
        nargs="+",
        default=[],
        metavar="NAME",
        help="only these models: names or folders 仅启动这些模型（名称或文件夹）",
    )
    add(
        "--model-path-address",
        nargs="+",
        default=[],
        metavar="MODEL@HOST@PORT",
        help="a model or folder and where its worker listens 模型或文件夹及其监听地址",
    )
    add("--model-path", help="a folder with a checkpoint 模型文件夹")
    add("--model-names", metavar="NAME", help="what --model-path is called 该模型的名称")
    add("--controller-address", metavar="URL", help="a controller that runs 已运行的控制器地址")
    add(
        *("--host", "--worker-host", "--controller-host", "--server-host"),
        action="append",
        default=[],
        help="where all listen (workers.host) 监听地址",
    )
    add("--controller-port", type=int, help="(workers.controller_port) 控制器端口")
    add("--worker-port", type=int, help="of the first worker (workers.port) 首个模型的端口")
    add("--server-port", type=int, help="of the endpoint (workers.endpoint_port) 接口端口")
    add("--device", help="auto, cpu, cuda, mps or xpu 计算设备")
    add("-q", "--quiet", action="store_true", help="no service logs here 不在终端显示服务日志")
    add_gpu_flags(parser)
    return parser


def read_flags() -> Flags:
    """Return the flags of the command line as those of a start."""
    parser = make_parser()
    return to_flags(parser, parser.parse_args())


def to_flags(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Flags:
    """Return the flags as those of a start; end the program if they contradict each other."""
    if len(set(given.host)) > 1:
        parser.error(
            "all of the chain listens on one host; give it once with --host "
            "所有模型服务使用同一监听地址，请只用 --host 给出一次"
        )
    if given.model_names and not given.model_path:
        parser.error("--model-names goes with --model-path 须与 --model-path 一起使用")
    addresses = dict(read_address(parser, text) for text in given.model_path_address)
    if len(addresses) < len(given.model_path_address):
        parser.error("--model-path-address names a model twice 重复指定了同一模型")
    path = given.model_path
    paths = {given.model_names or Path(path).resolve().name: path} if path else {}
    return Flags(
        llm_api=True,
        model_name=[*given.model_name, *addresses],
        model_paths={name: str(Path(path).expanduser().resolve()) for name, path in paths.items()},
        addresses=addresses,
        controller=given.controller_address,
        workers=read_workers(given),
        device=given.device,
        gpus=given.gpus,
        num_gpus=given.num_gpus,
        max_gpu_memory=given.max_gpu_memory,
        quiet=given.quiet,
    )


def read_workers(given: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of the section ``workers`` among the flags."""
    values = {
        "host": given.host[0] if given.host else None,
        "controller_port": given.controller_port,
        "port": given.worker_port,
        "endpoint_port": given.server_port,
    }
    return without_none(values)


def read_address(parser: argparse.ArgumentParser, text: str) -> tuple[str, tuple[str, int]]:
    """Return model, host and port of ``MODEL@HOST@PORT``; end the program if it is none."""
    model, _, rest = text.partition("@")
    host, _, port = rest.rpartition("@")
    if not (model and host and port.isdecimal() and 0 < int(port) < 65536):
        parser.error(
            f"{text!r} must be MODEL@HOST@PORT, such as qwen@127.0.0.1@20002 "
            "格式应为 模型@主机@端口"
        )
    return model, (host, int(port))
