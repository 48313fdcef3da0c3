"""What every loader does, and that every loader is registered."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from docx.document import Document as DocxDocument

from server.datatypes import Document
from server.errors import EmptyDocument, TooLarge, UnreadableDocument, UnsupportedFormat
from server.knowledge_base import loaders
from server.knowledge_base.loaders import LOADERS, SHARED, load_document
from server.knowledge_base.loaders.limits import Limits
from tests.unit.knowledge_base.loaders.makers import make_docx, make_pdf

SENTENCE = "单人搬运不超过 25 kg，two people 50 kg."
LIMITS = Limits(max_chars=100_000, max_pages=100, max_unpacked_mb=64)


def fill(document: DocxDocument) -> None:
    document.add_heading("安全守则", 1)
    document.add_paragraph(SENTENCE)


SAMPLES = {
    ".csv": f'规则,说明\n搬运,"{SENTENCE}"\n'.encode(),
    ".docx": make_docx(fill),
    ".htm": f"<h1>安全守则</h1><p>{SENTENCE}</p>".encode(),
    ".html": f"<h1>安全守则</h1><p>{SENTENCE}</p>".encode(),
    ".markdown": f"# 安全守则\n\n{SENTENCE}\n".encode(),
    ".md": f"# 安全守则\n\n{SENTENCE}\n".encode(),
    ".pdf": make_pdf([[(72, 700, 20, "安全守则"), (72, 650, 12, SENTENCE)]]),
    ".txt": f"安全守则\n\n{SENTENCE}\n".encode(),
}
EMPTY = {
    ".docx": make_docx(lambda document: document.add_paragraph("——")),
    ".pdf": make_pdf([[]]),
}

pytestmark = pytest.mark.parametrize("extension", sorted(LOADERS))


def load(folder: Path, extension: str, content: bytes, *, limits: Limits = LIMITS) -> Document:
    blob = folder / "0f1e2d"
    blob.write_bytes(content)
    return load_document(blob, f"守则{extension}", limits)


def test_text_is_read_whole(tmp_path: Path, extension: str) -> None:
    assert SENTENCE in load(tmp_path, extension, SAMPLES[extension]).text


def test_capitals_in_the_extension_do_not_matter(tmp_path: Path, extension: str) -> None:
    assert SENTENCE in load(tmp_path, extension.upper(), SAMPLES[extension]).text


def test_title_is_one_line_of_text(tmp_path: Path, extension: str) -> None:
    title = load(tmp_path, extension, SAMPLES[extension]).title
    assert title == ("守则" if extension == ".csv" else "安全守则")


def test_pages_are_counted_from_one_or_not_at_all(tmp_path: Path, extension: str) -> None:
    pages = {block.page for block in load(tmp_path, extension, SAMPLES[extension]).blocks}
    assert pages == ({1} if extension == ".pdf" else {None})


def test_file_without_a_letter_or_digit_is_empty(tmp_path: Path, extension: str) -> None:
    with pytest.raises(EmptyDocument):
        load(tmp_path, extension, EMPTY.get(extension, b" \n\n --- \n"))


def test_random_bytes_are_refused(tmp_path: Path, extension: str) -> None:
    with pytest.raises(UnreadableDocument):
        load(tmp_path, extension, random.Random(7).randbytes(5000))


def test_refusal_names_the_file_and_no_path(tmp_path: Path, extension: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        load(tmp_path, extension, b"MZ\x90\x00\x03\x00\x00\x00\xff\xff" * 50)
    message = caught.value.message("en") + caught.value.message("zh")
    assert f"守则{extension}" in message
    assert str(tmp_path) not in message


def test_text_beyond_the_limit_is_refused(tmp_path: Path, extension: str) -> None:
    with pytest.raises(TooLarge, match=r"kb\.max_extracted_mb"):
        load(tmp_path, extension, SAMPLES[extension], limits=replace(LIMITS, max_chars=10))


def test_threads_do_not_disturb_each_other(tmp_path: Path, extension: str) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(SAMPLES[extension])

    def run(_: int) -> Document:
        return load_document(blob, f"a{extension}", LIMITS)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(run, range(16)))) == 1


def test_file_can_be_removed_after_reading(tmp_path: Path, extension: str) -> None:
    load(tmp_path, extension, SAMPLES[extension])
    (tmp_path / "0f1e2d").unlink()
    assert not list(tmp_path.iterdir())


def test_sample_of_the_format_cut_in_half_is_read_or_refused(
    tmp_path: Path, extension: str
) -> None:
    half = SAMPLES[extension][: len(SAMPLES[extension]) // 2]
    try:
        document = load(tmp_path, extension, half)
    except (UnreadableDocument, EmptyDocument):
        return
    assert "\ufffd" not in document.text


def test_every_extension_is_in_the_message_about_an_unknown_one(
    tmp_path: Path, extension: str
) -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        load(tmp_path, ".exe", b"")
    assert extension in caught.value.message("zh")


def test_every_file_of_the_package_is_registered(extension: str) -> None:
    folder = Path(loaders.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    registered = {place.partition(":")[0].rpartition(".")[2] for place in LOADERS.places.values()}
    assert modules == registered | SHARED
    assert callable(LOADERS.get(extension))
