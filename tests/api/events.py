"""Server-sent events as a client reads them."""

import json
from typing import Any

from httpx import Response


def read_events(answer: Response) -> list[tuple[str | None, Any]]:
    """Return (name, data) of every event, comments left out."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = []
    for block in answer.text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" in fields:
            events.append((fields.get("event"), json.loads(fields["data"])))
    return events
