"""``python -m server.evaluation gate``: judge a knowledge base. Knows the exit status only."""

import sys

from configs import load_settings
from configs.settings import SettingsError
from server import quality_gate


def main() -> int:
    """Read the settings, run the command and return the exit status."""
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command
        return quality_gate.NOT_RUN
    return quality_gate.main(settings)


if __name__ == "__main__":
    sys.exit(main())
