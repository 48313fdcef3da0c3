"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from configs import ROOT
from server.app import create_app
from server.knowledge_base.loaders import LOADERS
from tests.conftest import make_settings

CODE = [
    path
    for folder in ("configs", "embeddings", "server", "webui_pages", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
]
SCRIPTS = [
    *("startup.py", "init_database.py", "webui.py", "server/api.py", "server/llm_api.py"),
    *("server/llm_api_shutdown.py", "server/model_process.py"),
]
PLUGIN_TABLES = {  # folder: (module with the table, its name, files that are no plug-ins)
    "embeddings": (
        "embeddings",
        "EMBEDDERS",
        {
            *("add_embedding_keywords", "bert_graph", "catalogue", "checkpoint"),
            *("checkpoint_embedder", "cross_encoder", "fingerprint", "frames", "interactive"),
            *("openvino_session", "places", "process", "remote", "sentences", "serve"),
            *("vocabulary", "words"),
        },
    ),
    "server/knowledge_base/loaders": ("server.knowledge_base.loaders", "LOADERS", None),
    "server/knowledge_base/splitters": ("server.knowledge_base.splitters", "SPLITTERS", None),
    "server/knowledge_base/sources": ("server.knowledge_base.sources", "SOURCES", None),
    "server/knowledge_base/indexes": (
        "server.knowledge_base.indexes",
        "DENSE_INDEXES",
        {"tantivy_store"},
    ),
    "server/knowledge_base/rerankers": (
        "server.knowledge_base.rerankers",
        "RERANKERS",
        {"pool"},
    ),
    "server/routes": (
        "server.routes",
        "ROUTERS",
        {
            *("dependencies", "downloads", "errors", "gate", "language", "sse", "uploads"),
            "validation",
        },
    ),
    "server/routes/legacy": ("server.routes", "ROUTERS", {"envelope"}),
}


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(path): n for path in CODE if (n := len(path.read_text().splitlines())) > 400}
    assert long == {}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_thin(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= 60


@pytest.mark.parametrize("path", [path for path in CODE if path.stat().st_size], ids=str)
def test_a_module_says_what_it_is(path: Path) -> None:
    if not {"versions", "tests"} & set(path.parts) and path.name != "__init__.py":
        assert ast.get_docstring(ast.parse(path.read_text()))


def test_no_module_of_the_server_hides_one_of_the_standard_library() -> None:
    names = {path.stem for path in (ROOT / "server").glob("*")}
    assert names & set(sys.stdlib_module_names) == set()


@pytest.mark.parametrize("folder", PLUGIN_TABLES)
def test_every_plugin_file_is_registered(folder: str) -> None:
    module, table, others = PLUGIN_TABLES[folder]
    holder = __import__(module, fromlist=[table])
    known = {
        place.partition(":")[0].rpartition(".")[2]
        for place in getattr(holder, table).places.values()
    }
    files = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    assert files - (holder.SHARED if others is None else others) <= known


@pytest.mark.parametrize("folder", PLUGIN_TABLES)
def test_every_registered_plugin_can_be_imported(folder: str) -> None:
    module, table, _ = PLUGIN_TABLES[folder]
    registry = getattr(__import__(module, fromlist=[table]), table)
    assert all(registry.get(name) is not None for name in registry)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("server.schemas.native", {"torch", "langchain_core", "faiss", "fastapi", "sqlalchemy"}),
        ("configs", {"torch", "fastapi", "sqlalchemy", "numpy"}),
        ("server.app", {"torch", "transformers", "faiss", "onnxruntime", "tantivy", "streamlit"}),
        ("webui_pages.site", {"torch", "fastapi", "sqlalchemy", "faiss"}),
        ("startup", {"torch", "fastapi", "sqlalchemy", "numpy", "faiss"}),
    ],
)
def test_importing_a_module_does_not_load_what_is_heavy(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert heavy & set(run.stdout.split()) == set()


def test_importing_the_app_does_nothing(tmp_path: Path) -> None:
    code = "import server.app, server.container, embeddings, startup, webui_pages.site"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (run.stdout, run.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_no_pickle_anywhere() -> None:
    pattern = re.compile(r"^\s*(import|from) (pickle|dill|joblib|shelve)\b", re.MULTILINE)
    assert [str(path) for path in CODE if pattern.search(path.read_text())] == []


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    sections = yaml.safe_load((ROOT / "configs" / "defaults.yaml").read_text("utf-8"))
    names = {f"{section}.{key}" for section, keys in sections.items() for key in keys}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_every_route_is_documented(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    paths = create_app(make_settings(tmp_path)).openapi()["paths"]
    assert {path for path in paths if f"`{path}`" not in text} == set()


def test_every_format_is_documented_with_its_tests() -> None:
    text = (ROOT / "docs" / "formats.md").read_text("utf-8")
    assert {extension for extension in LOADERS if f"`{extension}`" not in text} == set()
    folder = ROOT / "tests" / "unit" / "knowledge_base" / "loaders"
    assert all((folder / name).is_file() for name in re.findall(r"`(test_[a-z_]+\.py)`", text))
    for name in ("README.md", "README_zh.md"):
        readme = (ROOT / name).read_text("utf-8")
        words = set(re.findall(r"[a-z]+", readme))
        assert {extension[1:] for extension in LOADERS} - words <= {"htm", "markdown"}


@pytest.mark.parametrize("name", ["README.md", "README_zh.md"])
def test_commands_of_the_readme_exist(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    scripts = re.findall(r"python ([\w/]+\.py)", text)
    assert all((ROOT / script).is_file() for script in scripts)
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert all((ROOT / link).exists() for link in links)


def test_no_placeholder_is_left() -> None:
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    assert [str(path) for path in texts if "@@" in path.read_text("utf-8")] == []


def test_the_version_has_an_entry_in_the_changelog() -> None:
    from server.version import VERSION

    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text("utf-8")
