"""Loads bytes as a file of a given name."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from server.datatypes import Document
from server.knowledge_base.loaders import load_document
from server.knowledge_base.loaders.limits import Limits

Read = Callable[..., Document]
LIMITS = Limits(max_chars=1_000_000, max_pages=100, max_unpacked_mb=64)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_bytes(name: str, content: bytes | str, **changed: object) -> Document:
        blob = tmp_path / "blob"
        blob.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_document(blob, name, replace(LIMITS, **changed))

    return read_bytes
