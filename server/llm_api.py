"""Start the serving chain alone: ``python server/llm_api.py``. Knows the flags and nothing else."""

import sys
from pathlib import Path


def main() -> int:
    """Read the flags, start controller, workers and endpoint, and return the exit status."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # -h on a Latin terminal
    from server.supervisor.chain_flags import read_flags
    from server.supervisor.launch import start

    return start(read_flags())


if __name__ == "__main__":
    # A script's own folder comes first on the path; our names count from the project folder.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    sys.exit(main())
