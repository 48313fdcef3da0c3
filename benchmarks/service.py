"""A service in a temporary folder, as the benchmarks use it. Knows no questions."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from configs import load_settings
from server.container import Container


@contextmanager
def open_service(**sections: dict[str, Any]) -> Iterator[Container]:
    """Open a prepared service without samples; ``sections`` are settings that differ."""
    with tempfile.TemporaryDirectory(prefix="zhiwen-bench-") as folder:
        chosen: dict[str, dict[str, Any]] = {
            "paths": {"data": str(Path(folder) / "data"), "logs": str(Path(folder) / "logs")},
            "kb": {"create_samples": False},
        }
        container = Container(load_settings(**{**chosen, **sections}))
        container.prepare()
        container.readiness.check()
        try:
            yield container
        finally:
            asyncio.run(container.close())
