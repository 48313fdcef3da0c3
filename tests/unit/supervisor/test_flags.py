"""From flags to services."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from configs import Settings
from configs.settings import SettingsError
from server.errors import StartError
from server.supervisor.chain_flags import make_parser as make_chain_parser
from server.supervisor.chain_flags import to_flags
from server.supervisor.console import Console
from server.supervisor.flags import Flags, make_parser
from server.supervisor.models import add_models
from server.supervisor.plan import plan_services
from server.supervisor.service import Service
from tests.conftest import make_settings

MODELS: dict[str, Any] = {
    "local": {"path": "/models/local"},
    "ollama": {"worker": "engine", "base_url": "http://127.0.0.1:11434/v1"},
    "online": {"worker": "engine", "base_url": "https://api.example.com/v1"},
}
CHAIN = ["controller", "worker local", "worker ollama", "worker online", "endpoint"]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ZHIWEN_WORKERS__MODELS", json.dumps(MODELS))
    return make_settings(tmp_path)


def parse(line: str) -> Flags:
    return make_parser().parse_args(line.split(), namespace=Flags())


def plan_for(settings: Settings, flags: Flags) -> list[Service]:
    return plan_services(add_models(settings, flags), flags, Console("en"), token="t")


def names(services: list[Service]) -> list[str]:
    return [service.name for service in services]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-a", [*CHAIN, "api", "webui"]),
        ("--all-webui", [*CHAIN, "api", "webui"]),
        ("--all-api", [*CHAIN, "api"]),
        ("--llm-api", CHAIN),
        ("-o", ["controller", "endpoint"]),
        ("-m", ["worker local", "worker ollama"]),
        ("-p", ["worker online"]),
        ("-m -p", ["worker local", "worker ollama", "worker online"]),
        ("-c", ["controller"]),
        ("-c -m", ["controller", "worker local", "worker ollama"]),
        ("-o -c http://10.0.0.5:20001", ["endpoint"]),
        ("-a -i", ["controller", "worker online", "endpoint", "api", "webui"]),
        ("-m -n local", ["worker local"]),
        ("--llm-api -n online", ["controller", "worker online", "endpoint"]),
        ("--api", ["api"]),
        ("-w --api", ["api", "webui"]),
        ("-w", ["webui"]),
        ("--check", ["api"]),
        ("--demo", ["api"]),
        ("--check -a", [*CHAIN, "api", "webui"]),
    ],
)
def test_flags_choose_services(settings: Settings, line: str, expected: list[str]) -> None:
    assert names(plan_for(settings, parse(line))) == expected


@pytest.mark.parametrize("line", ["", "-q", "-n local", "-i", "-c http://10.0.0.5:20001"])
def test_some_flags_start_nothing_alone(line: str) -> None:
    assert parse(line).is_empty


@pytest.mark.parametrize(
    ("line", "with_chain"), [("-a", False), ("-a --llm-api", True), ("-a -o", True)]
)
def test_everything_leaves_the_chain_out_beside_an_endpoint_of_the_user(
    tmp_path: Path, line: str, with_chain: bool
) -> None:
    settings = make_settings(tmp_path, llm={"base_url": "http://127.0.0.1:11434/v1"})
    flags = parse(line)

    planned = names(plan_services(settings, flags, Console("en"), token="t"))

    assert ("endpoint" in planned) is with_chain
    assert {"api", "webui"} <= set(planned)


def test_each_model_has_a_port_of_its_own(settings: Settings) -> None:
    ports = {each.name: each.port for each in plan_for(settings, parse("--llm-api"))}

    first = settings.workers.port
    assert ports["worker local"] == first
    assert ports["worker online"] == first + 2


def test_a_chosen_model_keeps_its_port(settings: Settings) -> None:
    (worker,) = plan_for(settings, parse("-p -n online"))

    assert worker.port == settings.workers.port + 2


def test_only_the_workers_are_not_awaited(settings: Settings) -> None:
    services = plan_for(settings, parse("-a"))

    late = [each.name for each in services if not each.is_awaited]
    assert late == ["worker local", "worker ollama", "worker online"]
    assert [each.name for each in services if each.required] == ["api"]


def test_a_folder_becomes_a_model_named_after_it(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "qwen").mkdir()
    (tmp_path / "qwen" / "config.json").write_text("{}")

    (worker,) = plan_for(settings, parse(f"-m -n {tmp_path / 'qwen'}"))

    assert worker.name == "worker qwen"
    models = json.loads(worker.environment["ZHIWEN_WORKERS__MODELS"])
    assert models["qwen"]["path"] == str(tmp_path / "qwen")


def test_an_unknown_model_is_told_with_those_there_are(settings: Settings) -> None:
    with pytest.raises(StartError, match=r"no model 'qwen'\. Known: local, ollama, online"):
        plan_for(settings, parse("-m -n qwen"))


def test_gpu_flags_reach_the_local_models_only(settings: Settings) -> None:
    flags = parse("--llm-api --gpus 0,1 --num-gpus 2 --max-gpu-memory 20GiB")

    services = {each.name: each.environment for each in plan_for(settings, flags)}

    models = json.loads(services["endpoint"]["ZHIWEN_WORKERS__MODELS"])
    chosen = ("gpus", "num_gpus", "max_gpu_memory")
    assert [models["local"][name] for name in chosen] == ["0,1", 2, "20GiB"]
    assert models["online"]["gpus"] == ""
    assert services["worker local"]["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert "CUDA_VISIBLE_DEVICES" not in services["worker online"]


def test_a_wrong_gpu_memory_is_named(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"workers\.models\.local\.max_gpu_memory"):
        add_models(settings, parse("-m --max-gpu-memory lots"))


@pytest.mark.parametrize("flag", ["--host", "--listen"])
def test_the_address_reaches_api_and_ui(settings: Settings, flag: str) -> None:
    services = plan_for(settings, parse(f"-w --api {flag} 0.0.0.0 --port 8000"))

    assert [each.host for each in services] == ["0.0.0.0", "0.0.0.0"]
    assert {each.environment["ZHIWEN_SERVER__PORT"] for each in services} == {"8000"}


def test_a_controller_elsewhere_reaches_the_services(settings: Settings) -> None:
    address = "http://10.0.0.5:20001"

    services = plan_for(settings, parse(f"-m -o -c {address}"))

    assert {each.environment["ZHIWEN_WORKERS__CONTROLLER"] for each in services} == {address}


def test_what_lacks_a_package_is_left_out_and_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("fastchat", "streamlit"):
        monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed

    services = plan_for(settings, parse("-a"))

    assert names(services) == ["api"]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"Not started: {', '.join(CHAIN)}, for want of fastchat. "
        "To install: python -m pip install -r requirements.txt",
        "Not started: webui, for want of streamlit. "
        "To install: python -m pip install -r requirements_webui.txt",
    ]


def test_a_start_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="nothing to start"):
        plan_for(make_settings(tmp_path), parse("-m"))


def chain_flags(line: str) -> Flags:
    parser = make_chain_parser()
    return to_flags(parser, parser.parse_args(line.split()))


def test_the_chain_alone_takes_ports_and_host(settings: Settings) -> None:
    line = "--worker-host 0.0.0.0 --controller-port 1 --worker-port 2 --server-port 9"

    services = {each.name: each for each in plan_for(settings, chain_flags(line))}

    assert list(services) == CHAIN
    assert services["controller"].port == 1
    assert services["worker ollama"].port == 3
    assert services["endpoint"].port == 9
    assert services["endpoint"].host == "0.0.0.0"


def test_the_chain_alone_takes_models_with_their_addresses(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "qwen").mkdir()
    (tmp_path / "qwen" / "config.json").write_text("{}")
    line = f"--model-path-address local@127.0.0.2@7001 {tmp_path / 'qwen'}@127.0.0.1@7002"

    services = plan_for(settings, chain_flags(line))

    workers = [(each.name, each.host, each.port) for each in services if not each.is_awaited]
    assert workers == [("worker local", "127.0.0.2", 7001), ("worker qwen", "127.0.0.1", 7002)]


def test_the_chain_alone_takes_a_folder_with_a_name(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    line = f"--model-path {tmp_path} --model-names mine --controller-address http://10.0.0.5:20001"

    services = plan_for(settings, chain_flags(f"{line} --device cpu"))

    assert names(services) == ["worker mine", "endpoint"]
    models = json.loads(services[0].environment["ZHIWEN_WORKERS__MODELS"])
    assert (models["mine"]["path"], models["mine"]["device"]) == (str(tmp_path), "cpu")


@pytest.mark.parametrize(
    "line",
    [
        "--model-path-address qwen",
        "--model-path-address qwen@127.0.0.1@0",
        "--model-path-address qwen@@7002",
        "--model-path-address qwen@127.0.0.1@7002 qwen@127.0.0.1@7003",
        "--model-names mine",
        "--worker-host 127.0.0.1 --server-host 0.0.0.0",
    ],
)
def test_the_chain_alone_refuses_what_cannot_be(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as told:
        chain_flags(line)

    assert told.value.code == 2
    assert "usage" in capsys.readouterr().err
