"""Work on a data folder that no service is using, and the command for it."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

from configs import ROOT, Settings
from server.auth import KeyStore
from server.container import Container
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.maintenance import create_tables, mint_key, recreate_indexes


def run_command(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "init_database.py"), *flags],
        env={"ZHIWEN_PATHS__DATA": str(folder / "data"), "PATH": "", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_tables_are_created_once(settings: Settings) -> None:
    create_tables(settings)
    create_tables(settings)
    assert (settings.paths.data / "zhiwen.db").is_file()


def test_indexes_are_built_anew(container: Container) -> None:
    container.knowledge_bases.on_change = lambda _: None  # nothing may use the folder meanwhile
    container.knowledge_bases.create("kb")
    container.knowledge_bases.add_file(
        "kb", "a.txt", BytesIO(b"The pump moves water."), options=IngestOptions()
    )
    container.indexes.close()
    recreate_indexes(container.settings)
    assert container.retriever.retrieve("kb", "pump").hits[0].passage.file_name == "a.txt"


def test_a_new_key_ends_the_old_one(container: Container) -> None:
    old, new = mint_key(container.settings), mint_key(container.settings)
    keys = KeyStore(container.database, chosen="", internal="")
    keys.load()
    assert keys.is_valid(new)
    assert not keys.is_valid(old)


def test_the_command_prepares_a_folder_and_makes_a_key(tmp_path: Path) -> None:
    assert run_command(tmp_path, "--create-tables").returncode == 0
    done = run_command(tmp_path, "--new-key")
    assert done.returncode == 0
    assert done.stdout.startswith("zw-")


@pytest.mark.parametrize("flags", [(), ("--create-tables", "--new-key"), ("--nonsense",)])
def test_the_command_does_one_thing_at_a_time(tmp_path: Path, flags: tuple[str, ...]) -> None:
    assert run_command(tmp_path, *flags).returncode == 2


def test_the_command_does_not_touch_a_folder_in_use(tmp_path: Path, container: Container) -> None:
    done = run_command(tmp_path, "--recreate-vs")
    assert done.returncode == 1
    assert "in use by another Zhiwen" in done.stderr
    assert "Traceback" not in done.stderr
