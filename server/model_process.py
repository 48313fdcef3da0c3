"""Start one process of the serving chain: ``python server/model_process.py worker NAME``.

Knows the flags and nothing else.
"""

import argparse
import sys
from pathlib import Path


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the flags."""
    parser = argparse.ArgumentParser(
        description="Start the controller, a model worker or their endpoint. "
        "启动控制器、模型工作进程或 OpenAI 风格接口。"
    )
    add = parser.add_argument
    add("role", choices=("controller", "worker", "endpoint"))
    add("name", nargs="?", default="", help="model of the worker (workers.models) 模型名称")
    add("--port", type=int, help="port (section workers of the settings) 端口")
    return parser


def main() -> int:
    """Read the flags, serve until a signal and return the exit status."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # -h on a Latin terminal
    parser = make_parser()
    flags = parser.parse_args()
    if (flags.role == "worker") != bool(flags.name):
        parser.error("give a NAME with worker, and only there 仅 worker 需要且必须给出模型名称")
    from server.supervisor.serve_models import serve_models

    return serve_models(flags.role, flags.name, flags.port)


if __name__ == "__main__":
    # A script's own folder comes first on the path; our names count from the project folder.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    sys.exit(main())
