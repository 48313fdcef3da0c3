"""Each requirement file brings what its part imports: tested by importing, not by trusting pip.

A subprocess may import only what the file asks for, with all that this needs in turn.
"""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from configs import ROOT

# Finds no module of a package that is denied, as if it were not installed.
GUARD = """
import sys
from importlib.machinery import PathFinder

class Guard(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in DENIED:
            return None
        return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Guard
"""

API = (
    "import server.app, server.container, startup, init_database\n"
    "import server.knowledge_base.maintenance, server.supervisor.launch\n"
    "from pathlib import Path; import tempfile\n"
    "from embeddings import EMBEDDERS\n"
    "from server.routes import ROUTERS\n"
    "from server.knowledge_base.loaders import LOADERS\n"
    "from server.knowledge_base.indexes import DENSE_INDEXES, LEXICAL_INDEXES\n"
    "from server.knowledge_base.sources import SOURCES\n"
    "for table in (EMBEDDERS, ROUTERS, LOADERS, DENSE_INDEXES, LEXICAL_INDEXES, SOURCES):\n"
    "    for name in table: table.get(name)\n"
    "from server.knowledge_base.analysis import analyze\n"
    "analyze('pumps 水泵'); import faiss, psutil, alembic.command\n"
    "make = EMBEDDERS.get('all-MiniLM-L6-v2')\n"
    "make(cache=Path(tempfile.mkdtemp()), batch_size=1, threads=1).embed_query('x')\n"
)
WEBUI = (
    "import webui; from webui_pages import PAGES; [PAGES.get(name) for name in PAGES]; "
    "import webui_pages.shell, httpx"
)
# The adapters of these packages come with the parts that need them; together they must import.
FULL = (
    "import torch, transformers, sentence_transformers, streamlit, pymilvus, psycopg2, langchain\n"
    "import langchain_text_splitters, unstructured\n"
    "from transformers import PreTrainedModel\n"
    "from sentence_transformers import SentenceTransformer\n"
    "import fastchat.serve.controller, fastchat.serve.openai_api_server\n"
)


def read_requirements(name: str) -> list[Requirement]:
    """Return the packages of a requirement file and of those that it includes."""
    found = []
    for line in (ROOT / name).read_text().splitlines():
        if line.startswith("-r "):
            found += read_requirements(line[3:].strip())
        elif line and not line.startswith(("#", "-")):
            found.append(Requirement(line))
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def close_over(requirements: list[Requirement]) -> set[str]:
    """Return the names of all packages that these need, themselves included."""
    needed: set[str] = set()
    waiting = [(requirement.name, frozenset(requirement.extras)) for requirement in requirements]
    while waiting:
        name, extras = waiting.pop()
        if canonical(name) in needed and not extras:
            continue
        needed.add(canonical(name))
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # an import below will say what is missing
        for line in map(Requirement, lines):
            marker = line.marker
            applies = marker is None or any(
                marker.evaluate({"extra": extra}) for extra in extras | {""}
            )
            if applies and canonical(line.name) not in needed:
                waiting.append((line.name, frozenset(line.extras)))
    return needed


def import_with(name: str, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code that may import only what a requirement file brings."""
    needed = close_over(read_requirements(name))
    denied = {
        module
        for module, owners in packages_distributions().items()
        if not {canonical(owner) for owner in owners} & needed
    }
    guarded = f"DENIED = {denied - {'server', 'configs', 'tests', 'benchmarks'}!r}\n{GUARD}\n{code}"
    return subprocess.run(
        [sys.executable, "-c", guarded],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("requirements_api.txt", API),
        ("requirements_webui.txt", WEBUI),
        ("requirements.txt", API + WEBUI + "\n" + FULL),
    ],
)
def test_a_requirement_file_brings_all_that_is_imported(
    name: str, code: str, tmp_path: Path
) -> None:
    run = import_with(name, code, tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]


def test_the_guard_would_notice_a_missing_package(tmp_path: Path) -> None:
    run = import_with("requirements_webui.txt", "import fastapi", tmp_path)
    assert "No module named 'fastapi'" in run.stderr


def test_every_requirement_has_an_exact_version() -> None:
    pins = {
        canonical(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    names = {canonical(item.name) for item in read_requirements("requirements.txt")}
    assert names <= pins


def test_every_direct_dependency_has_a_reason() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text("utf-8").lower()
    names = {item.name.lower() for item in read_requirements("requirements.txt")}
    assert {name for name in names if f"`{name}`" not in text} == set()
