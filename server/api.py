"""Start the REST API alone: ``python server/api.py``. Knows the flags and nothing else."""

import argparse
import sys
from pathlib import Path


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the flags."""
    parser = argparse.ArgumentParser(description="Start the REST API. 启动 REST API。")
    add = parser.add_argument
    add("--host", help="address to listen on (server.host) 监听地址")
    add("--port", type=int, help="port (server.port) 端口")
    add("--ssl_keyfile", help="private key for HTTPS, PEM  HTTPS 私钥")
    add("--ssl_certfile", help="certificate for HTTPS, PEM  HTTPS 证书")
    return parser


def main() -> int:
    """Read flags and settings, serve until a signal and return the exit status."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # -h on a Latin terminal
    parser = make_parser()
    flags = parser.parse_args()
    if (flags.ssl_keyfile is None) != (flags.ssl_certfile is None):
        parser.error("--ssl_keyfile and --ssl_certfile go together 两者须同时给出")
    from server.supervisor.serve import serve

    given = {name: getattr(flags, name) for name in ("host", "port")}
    server = {name: value for name, value in given.items() if value is not None}
    return serve(server, ssl_keyfile=flags.ssl_keyfile, ssl_certfile=flags.ssl_certfile)


if __name__ == "__main__":
    # A script's own folder comes first on the path; our names count from the project folder.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    sys.exit(main())
