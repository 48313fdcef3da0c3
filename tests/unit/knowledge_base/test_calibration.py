"""When knowledge bases are calibrated."""

import asyncio
from io import BytesIO
from typing import Any

from configs import Settings
from server.container import Container
from server.db.knowledge_bases import find_kb
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.relevance import VERSION
from tests.e2e.processes import wait_until

WITHIN_S = 60


def start(settings: Settings) -> Container:
    container = Container(settings)
    container.prepare()
    container.readiness.check()
    return container


def stop(container: Container) -> None:
    asyncio.run(container.close())


def stored(container: Container, name: str) -> dict[str, Any] | None:
    with container.database.read() as session:
        return find_kb(session, name).calibration


def test_a_calibration_of_another_version_is_renewed_at_the_next_start(settings: Settings) -> None:
    first = start(settings)
    for name in ("empty", "fitting", "old"):
        first.knowledge_bases.create(name)
    for name in ("fitting", "old"):
        text = BytesIO(b"The circulation pump moves 12 litres per minute.")
        first.knowledge_bases.add_file(name, "pump.txt", text, options=IngestOptions())
        first.calibrator.refresh(name)
    fitting = {**(stored(first, "fitting") or {}), "thresholds": {"en": 0.123}}
    old = {**(stored(first, "old") or {}), "version": VERSION - 1}
    with first.database.write("test") as session:
        find_kb(session, "fitting").calibration = fitting
        find_kb(session, "old").calibration = old
    stop(first)

    second = start(settings)
    wait_until(
        lambda: (stored(second, "old") or {}).get("version") == VERSION, WITHIN_S, "calibrated"
    )
    assert stored(second, "fitting") == fitting
    assert stored(second, "empty") is None
    stop(second)
