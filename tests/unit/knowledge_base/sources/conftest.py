from collections.abc import Callable, Iterator
from typing import Any

import pytest

from server.knowledge_base.sources import FetchLimits
from tests.unit.knowledge_base.sources.site import Site, serving

MakeLimits = Callable[..., FetchLimits]


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as opened:
        yield opened


@pytest.fixture
def limits(site: Site) -> MakeLimits:
    """Return what makes limits under which the site of the test may be asked."""

    def make(**wishes: Any) -> FetchLimits:
        values: dict[str, Any] = {
            "max_bytes": 1 << 20,
            "allow_private": True,
            "web_ports": (site.port,),
            "page_timeout_s": 5,
            "sql_folders": (),
            "sql_timeout_s": 5,
        }
        return FetchLimits(**{**values, **wishes})

    return make
