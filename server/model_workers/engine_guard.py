"""Run a command that ends with its starter: ``python -m ...engine_guard COMMAND``.

The worker may be killed; its engine, which holds most of the machine's memory, must not outlive
it. Leads the engine's process group. Does not know what the command does.
"""

import os
import signal
import subprocess
import sys

from server.parent import watch_parent


def main() -> int:
    """Run the command, pass SIGTERM on and return its exit status."""
    watch_parent()
    try:
        engine = subprocess.Popen(sys.argv[1:])  # noqa: S603  # the user's own command
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 127
    signal.signal(signal.SIGTERM, lambda *_: engine.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = engine.wait()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)  # what the engine left behind
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
