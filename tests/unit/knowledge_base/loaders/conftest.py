"""Loads bytes as a file of a given name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from server.datatypes import Document
from server.knowledge_base.loaders import load_document

Read = Callable[..., Document]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_bytes(name: str, content: bytes | str, *, max_chars: int = 1_000_000) -> Document:
        blob = tmp_path / "blob"
        blob.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_document(blob, name, max_chars=max_chars)

    return read_bytes
