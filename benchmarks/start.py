"""How long a start takes, and what the running services weigh.

``python -m benchmarks.start --json``

``first_ready_s`` is a start on an empty data folder (the samples are added), ``ready_s`` the next
one, until API, UI, controller and endpoint answer that they are ready. Memory is the sum of the
resident sets of all processes after one English and one Chinese question.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import yaml

from benchmarks.report import label, print_report
from configs import ROOT

PATIENCE_S = 300
API = "ZHIWEN_SERVER__PORT"
PORTS = {  # and what each service answers when it is ready
    "ZHIWEN_WORKERS__CONTROLLER_PORT": "/readyz",
    "ZHIWEN_WORKERS__ENDPOINT_PORT": "/readyz",
    "ZHIWEN_UI__PORT": "/readyz",
    API: "/readyz",
}
SCRIPTS = {"startup.py": "supervisor", "api.py": "api", "webui.py": "webui", "model_process.py": ""}


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
            print(f"{name:20} {value:8.2f}")


def measure_start(folder: Path) -> dict[str, float]:
    """Start all services, ask a question in each language, weigh and stop them."""
    ports = dict(zip(PORTS, find_free_ports(len(PORTS)), strict=True))
    config = folder / "zhiwen.yaml"
    config.write_text("{}", "utf-8")  # whoever measures may have settings of their own
    clean = {name: v for name, v in os.environ.items() if not name.startswith("ZHIWEN_")}
    started = time.monotonic()
    supervisor = subprocess.Popen(
        [sys.executable, str(ROOT / "startup.py"), "-a", "-q"],
        env={
            **clean,
            "ZHIWEN_CONFIG": str(config),
            "ZHIWEN_PATHS__DATA": str(folder / "data"),
            "ZHIWEN_PATHS__LOGS": str(folder / "logs"),
            **{name: str(port) for name, port in ports.items()},
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        for name, path in PORTS.items():
            wait_until_ready(f"http://127.0.0.1:{ports[name]}{path}", supervisor)
        ready_s = time.monotonic() - started
        ask_questions(f"http://127.0.0.1:{ports[API]}")
        processes = [psutil.Process(supervisor.pid)]
        processes += processes[0].children(recursive=True)
        rss_mb = {name_of(process): process.memory_info().rss / 1e6 for process in processes}
        return {
            "ready_s": ready_s,
            "rss_mb": sum(rss_mb.values()),
            "processes": float(len(processes)),
            **label("rss_mb", rss_mb),
        }
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(30)


def name_of(process: psutil.Process) -> str:
    """Return what a process is, from its command line, with its id if that is not known."""
    words = [Path(word).name for word in process.cmdline()]
    for script, name in SCRIPTS.items():
        if script in words:
            place = words.index(script)
            return name or words[place + 1]
    return f"{process.name()}-{process.pid}"


def find_free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def wait_until_ready(url: str, supervisor: subprocess.Popen[bytes]) -> None:
    """Wait for a service.

    Raises:
        SystemExit: the start failed or takes too long.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if supervisor.poll() is not None:
            raise SystemExit(f"The start failed with status {supervisor.returncode}.")
        try:
            if httpx.get(url, trust_env=False, timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"{url}: not ready within {PATIENCE_S} s.")


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
