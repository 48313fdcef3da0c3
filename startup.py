"""Start Zhiwen: ``python startup.py -a``. Knows the flags and nothing else."""

import argparse
import sys

from configs import load_settings
from configs.settings import SettingsError
from server.language import choose_language
from server.supervisor.console import Console
from server.supervisor.launch import launch


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the flags."""
    parser = argparse.ArgumentParser(description="Start Zhiwen. 启动知问。")
    add = parser.add_argument
    add("-a", "--all-webui", action="store_true", help="start everything 启动全部服务")
    add("--all-api", action="store_true", help="start everything but the UI 启动除界面外的全部服务")
    add("--api", action="store_true", help="start the REST API only 仅启动 REST API")
    add("--check", action="store_true", help="start, ask the sample question, stop 启动自检后退出")
    add("--demo", action="store_true", help="answer all sample questions, stop 演示后退出")
    add("--host", help="address to listen on (server.host) 监听地址")
    add("--port", type=int, help="port of the REST API (server.port) REST API 端口")
    add("-q", "--quiet", action="store_true", help="no service logs here 不在终端显示服务日志")
    return parser


def main() -> int:
    """Read flags and settings, start, and return the exit status."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # -h on a Latin terminal
    parser = make_parser()
    flags = parser.parse_args()
    if not (flags.all_webui or flags.all_api or flags.api or flags.check or flags.demo):
        parser.print_help()
        return 2
    given = {name: getattr(flags, name) for name in ("host", "port")}
    server = {name: value for name, value in given.items() if value is not None}
    try:
        settings = load_settings(server=server)
    except SettingsError as error:
        Console(choose_language("auto")).write(str(error), is_error=True)
        return 2
    return launch(
        settings, is_check=flags.check, is_demo=flags.demo, is_quiet=flags.quiet or flags.demo
    )


if __name__ == "__main__":
    sys.exit(main())
