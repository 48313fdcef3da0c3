"""PostScript is a program: Pillow would hand it to Ghostscript, whatever the file is called."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from time import monotonic
from zipfile import ZipFile

import pytest
from PIL import EpsImagePlugin, Image

from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import OcrTime
from server.knowledge_base.rendering import render_picture
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.pictures import encode
from tests.unit.knowledge_base.loaders.test_office_pictures import (
    in_docx,
    in_epub,
    in_odt,
    in_pptx,
    in_xlsx,
)

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 400 300
%%EndComments
(secret) show showpage
%%EOF
"""
DOS = b"\xc5\xd0\xd3\xc6" + (32).to_bytes(4, "little") + len(EPS).to_bytes(4, "little")
DOS_EPS = DOS.ljust(32, b"\0") + EPS  # with the head of a preview
FORMS = [pytest.param(EPS, id="eps"), pytest.param(DOS_EPS, id="dos-eps")]
MAKERS = [in_docx, in_pptx, in_xlsx, in_odt, in_epub]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that is there as soon as anybody starts Ghostscript."""
    mark = tmp_path / "started"
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\n: > '{mark}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # it looks once only
    return mark


def replace_pictures(content: bytes, picture: bytes, other: bytes) -> bytes:
    """Return an archive with other bytes wherever it has the picture."""
    buffer = BytesIO()
    replaced = 0
    with ZipFile(BytesIO(content)) as old, ZipFile(buffer, "w") as new:
        for part in old.infolist():
            data = old.read(part)
            replaced += data == picture
            new.writestr(part, other if data == picture else data)
    assert replaced
    return buffer.getvalue()


@pytest.mark.parametrize("content", FORMS)
def test_pillow_by_itself_does_start_it(started: Path, content: bytes) -> None:
    with Image.open(BytesIO(content)) as picture, pytest.raises(OSError, match="image file"):
        picture.load()
    assert started.exists()


@pytest.mark.parametrize("content", FORMS)
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jpeg", "a.bmp"])
def test_named_as_a_picture_it_is_refused(
    read: Read, started: Path, name: str, content: bytes
) -> None:
    with pytest.raises(UnreadableDocument, match="damaged"):
        read(name, content, ocr=OcrTime(monotonic() + 600))
    with pytest.raises(UnreadableDocument, match="damaged"):
        render_picture(BytesIO(content), name, 1)
    assert not started.exists()


@pytest.mark.parametrize("content", FORMS)
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_in_a_document_it_is_a_damaged_picture(
    read: Read, started: Path, make: Callable[[bytes], bytes], content: bytes
) -> None:
    picture = encode(Image.new("RGB", (99, 99), "red"), "PNG")
    hostile = replace_pictures(make(picture), picture, content)
    extension = make.__name__.removeprefix("in_")
    document = read(f"a.{extension}", hostile, ocr=OcrTime(monotonic() + 600))
    assert "before" in document.text
    assert "after" in document.text
    assert {(gap.kind, gap.reason) for gap in document.coverage.gaps} == {("picture", "damaged")}
    assert not started.exists()
