"""Stop the serving chain or a part of it. Knows the flags and nothing else."""

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Read the flags, stop what they name, and return the exit status."""
    from server.supervisor.shutdown import PARTS, stop

    parser = argparse.ArgumentParser(
        description="Stop what serves language models; API and UI go on. 停止模型服务。"
    )
    parser.add_argument(
        "--serve", choices=sorted(PARTS), default="all", help="which part of it 要停止的部分"
    )
    return stop(parser.parse_args().serve)


if __name__ == "__main__":
    # A script's own folder comes first on the path; our names count from the project folder.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    sys.exit(main())
