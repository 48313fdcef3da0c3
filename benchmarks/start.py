"""How long a start takes, and what the running services weigh.

``python -m benchmarks.start --json``

``first_ready_s`` is a start on an empty data folder (the samples are added), ``ready_s`` the next
one. Memory is the resident set of all processes after one English and one Chinese question.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
import yaml

from benchmarks.report import print_report
from configs import ROOT

PATIENCE_S = 300


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zhiwen-bench-") as folder:
        first = measure_start(Path(folder))
        second = measure_start(Path(folder))
    results = {"first_ready_s": first["ready_s"], **second}
    if flags.json:
        print_report("start", {"command": "startup.py -a"}, results, {})
    else:
        for name, value in results.items():
            print(f"{name:15} {value:8.2f}")


def measure_start(folder: Path) -> dict[str, float]:
    """Start all services, ask a question in each language, weigh and stop them."""
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    started = time.monotonic()
    supervisor = subprocess.Popen(
        [sys.executable, str(ROOT / "startup.py"), "-a", "-q", f"--port={port}"],
        env={
            **os.environ,
            "ZHIWEN_PATHS__DATA": str(folder / "data"),
            "ZHIWEN_PATHS__LOGS": str(folder / "logs"),
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until_ready(url, supervisor)
        ready_s = time.monotonic() - started
        ask_questions(url)
        processes = [psutil.Process(supervisor.pid)]
        processes += processes[0].children(recursive=True)
        rss_mb = sum(process.memory_info().rss for process in processes) / 1e6
        return {"ready_s": ready_s, "rss_mb": rss_mb, "processes": float(len(processes))}
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(30)


def find_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(url: str, supervisor: subprocess.Popen[bytes]) -> None:
    """Wait for the API.

    Raises:
        SystemExit: the start failed or takes too long.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if supervisor.poll() is not None:
            raise SystemExit(f"The start failed with status {supervisor.returncode}.")
        try:
            if httpx.get(f"{url}/readyz", trust_env=False, timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise SystemExit(f"Not ready within {PATIENCE_S} s.")


def ask_questions(url: str) -> None:
    """Ask the samples one question in English and one in Chinese."""
    content = yaml.safe_load((ROOT / "samples" / "questions.yaml").read_text("utf-8"))
    for language in ("en", "zh"):
        question = next(q for q in content["answerable"] if q["language"] == language)["question"]
        body = {"question": question, "knowledge_base": "samples", "stream": False}
        answer = httpx.post(f"{url}/api/v1/chat", json=body, trust_env=False, timeout=60)
        answer.raise_for_status()


if __name__ == "__main__":
    main()
