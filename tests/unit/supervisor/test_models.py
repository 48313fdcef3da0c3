"""Which models a start serves, and the names that are refused."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from configs import Settings
from server.errors import StartError
from server.supervisor.flags import Flags, make_parser
from server.supervisor.models import add_models, choose_models
from server.supervisor.service import worker_service
from tests.conftest import make_settings

ENGINE = {"worker": "engine", "base_url": "http://127.0.0.1:8100/v1"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    models: dict[str, Any] = {
        "qwen": {"path": str(tmp_path / "a" / "qwen")},
        "Org/qwen": {"path": str(tmp_path / "a" / "qwen")},
        "managed": {**ENGINE, "path": str(tmp_path / "a" / "managed"), "command": ["vllm"]},
        "proxied": ENGINE,
    }
    monkeypatch.setenv("ZHIWEN_WORKERS__MODELS", json.dumps(models))
    for name in ("a/qwen", "a/managed", "a/new", "b/qwen", "b/new"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return make_settings(tmp_path)


def parse(line: str) -> Flags:
    return make_parser().parse_args(line.split(), namespace=Flags())


def test_two_folders_of_one_name_are_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="'new'") as told:
        add_models(settings, parse("-m -n a/new b/new"))

    for folder in ("a/new", "b/new"):
        assert str(tmp_path / folder) in told.value.message("zh")


def test_a_folder_that_is_no_checkpoint_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    with pytest.raises(StartError, match=r"no config\.json") as told:
        add_models(settings, parse("-a -n documents"))
    assert "config.json" in told.value.message("zh")


def test_a_folder_named_like_a_model_elsewhere_is_refused(settings: Settings) -> None:
    with pytest.raises(StartError, match=r"workers\.models\.qwen"):
        add_models(settings, parse("-m -n b/qwen"))


def test_a_model_path_named_like_a_model_elsewhere_is_refused(
    settings: Settings, tmp_path: Path
) -> None:
    flags = Flags(llm_api=True, model_paths={"proxied": str(tmp_path / "b" / "qwen")})

    with pytest.raises(StartError, match="'proxied'"):
        add_models(settings, flags)


def test_a_folder_given_twice_is_one_model(settings: Settings) -> None:
    flags = parse("-m -n a/new a/new/")

    assert choose_models(add_models(settings, flags), flags) == ["new"]


@pytest.mark.parametrize("name", ["qwen", "managed"])
def test_the_folder_of_a_known_model_is_that_model(settings: Settings, name: str) -> None:
    flags = parse(f"-m -n a/{name}")

    added = add_models(settings, flags)

    assert choose_models(added, flags) == [name]
    assert added.workers.models == settings.workers.models


@pytest.mark.parametrize("name", ["qwen", "Org/qwen"])
def test_a_name_chooses_the_model_of_that_very_name(settings: Settings, name: str) -> None:
    assert choose_models(settings, parse(f"-m -n {name}")) == [name]


def test_naming_a_model_beside_an_endpoint_of_the_user_is_refused(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, llm={"base_url": "http://127.0.0.1:11434/v1"})

    with pytest.raises(StartError, match=r"llm\.base_url is set.*--llm-api"):
        add_models(settings, parse(f"-a -n {tmp_path}"))


def test_a_model_is_served_beside_an_endpoint_of_the_user_on_request(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, llm={"base_url": "http://127.0.0.1:11434/v1"})
    (tmp_path / "config.json").write_text("{}")
    flags = parse(f"-a --llm-api -n {tmp_path}")

    assert choose_models(add_models(settings, flags), flags) == [tmp_path.name]


@pytest.mark.parametrize(("model", "is_endless"), [("managed", False), ("proxied", True)])
def test_an_engine_that_others_run_is_waited_for_without_end(
    settings: Settings, model: str, is_endless: bool
) -> None:
    service = worker_service(settings, model, ("127.0.0.1", 20002))

    assert math.isinf(service.patience_s) is is_endless
