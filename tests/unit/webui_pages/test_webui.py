"""``streamlit run webui.py`` as a person starts it: a real process, from another folder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from configs import ROOT
from tests.e2e.processes import free_port, wait_until

pytestmark = pytest.mark.slow


# What "streamlit run webui.py" does before it serves.
PRINT_OPTIONS = """
import json, runpy, sys
from streamlit import config
from streamlit.web import bootstrap
config._main_script_path = sys.argv[1]
bootstrap.load_config_options({})
runpy.run_path(sys.argv[1])
print(json.dumps({name: config.get_option(name) for name in sys.argv[2:]}))
"""
OPTIONS = {
    "server.address": "127.0.0.1",
    "server.headless": True,
    "server.enableAgentApi": False,
    "server.fileWatcherType": "none",
    "server.maxUploadSize": 300,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
}


@contextmanager
def running(folder: Path, api: str, *flags: str, **environment: str) -> Iterator[tuple[int, str]]:
    """Start the UI; yield its process and its address."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ZHIWEN_")}
    (folder / "zhiwen.yaml").write_text("{}")
    command = ["-m", "streamlit", "run", str(ROOT / "webui.py"), f"--server.port={port}", *flags]
    places = {"ZHIWEN_CONFIG": str(folder / "zhiwen.yaml"), "ZHIWEN_UI__API_URL": api}
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=clean | places | environment,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is not None or is_alive(url), 60, "alive")
        yield process.pid, url
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=8)
    finally:
        process.kill()
        process.wait()


def is_alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_it_starts_from_any_folder_serves_this_machine_only_and_ends_politely(
    api: str, tmp_path: Path
) -> None:
    with running(tmp_path, api) as (pid, url):
        page = httpx.get(url, headers={"Accept": "text/html"}, trust_env=False)
        listening = {
            connection.laddr.ip
            for connection in psutil.Process(pid).net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
    assert '<div id="root">' in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert listening == {"127.0.0.1"}


def test_streamlit_is_set_up_safely_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "zhiwen.yaml").write_text("{kb: {max_file_mb: 300}}")
    printed = subprocess.run(
        [sys.executable, "-c", PRINT_OPTIONS, str(ROOT / "webui.py"), *OPTIONS],
        env=os.environ | {"ZHIWEN_CONFIG": str(tmp_path / "zhiwen.yaml"), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert json.loads(printed) == OPTIONS


def test_it_refuses_everybody_else_while_no_key_is_needed(api: str, tmp_path: Path) -> None:
    with running(tmp_path, api, "--server.address=0.0.0.0") as (_, url):
        answer = httpx.get(url, headers={"Accept": "text/html"}, trust_env=False)
    assert answer.status_code == 403


def test_wrong_settings_are_told_in_one_line(api: str, tmp_path: Path) -> None:
    with running(tmp_path, api, ZHIWEN_UI__PORT="none"):
        pass
    output = (tmp_path / "output.txt").read_text("utf-8")
    assert "ui.port = 'none'" in output
    assert "Traceback" not in output


def test_it_ends_when_its_supervisor_is_gone(api: str, tmp_path: Path) -> None:
    # The supervisor it is told of is not its parent, as if the parent had died.
    with running(tmp_path, api, ZHIWEN_SUPERVISOR_PID="1") as (pid, _):
        wait_until(lambda: not psutil.pid_exists(pid) or is_zombie(pid), 20, "gone")


def is_zombie(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
