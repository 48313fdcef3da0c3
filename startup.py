"""Start Zhiwen: ``python startup.py -a``. Knows the flags and nothing else."""

import sys

from server.supervisor.flags import Flags, make_parser
from server.supervisor.launch import start


def main() -> int:
    """Read the flags, start, and return the exit status."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # -h on a Latin terminal
    parser = make_parser()
    flags = parser.parse_args(namespace=Flags())
    if flags.is_empty:
        parser.print_help()
        return 2
    return start(flags)


if __name__ == "__main__":
    sys.exit(main())
