"""The file in which supervisors say how their services are. Knows neither."""

import json
from pathlib import Path
from typing import Any


def states_file(data: Path) -> Path:
    """Return where all supervisors of a data folder say how their services are."""
    return data / ".run" / "services.json"


def read_states(path: Path) -> list[dict[str, Any]]:
    """Return the states, none if the file is missing or damaged."""
    try:
        states = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    rows = states if isinstance(states, list) else []
    return [row for row in rows if isinstance(row, dict) and "name" in row]
