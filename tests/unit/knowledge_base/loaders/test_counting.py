import json
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from docx.document import Document as DocxDocument

from configs import ROOT
from server.datatypes import Block, Coverage, Document
from server.knowledge_base.loaders import LOADERS, load_document
from server.knowledge_base.loaders.counting import COUNTERS, count_words, measure
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.stripping import COMMENT, html_text, markdown_text, without
from tests.conformance.test_loaders import SAMPLES
from tests.unit.knowledge_base.loaders.mails import make_mail
from tests.unit.knowledge_base.loaders.makers import make_docx, make_pdf
from tests.unit.knowledge_base.loaders.packages import make_odt

LIMITS = Limits(max_chars=1_000_000, max_pages=100, max_unpacked_mb=64)
NONE = Document("", ())
# The sentence of the samples has 13 words, their title 4; each key, label and cell 2 more.
WORDS = dict.fromkeys(SAMPLES, 17) | {
    **{".csv": 19, ".tsv": 19, ".xlsx": 19, ".py": 16, ".json": 15, ".jsonl": 15},
    **{".eml": 13, ".srt": 13, ".xml": 13},
}
NOTE = (
    '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    "<w:footnote><w:p><w:r><w:t>Only a foot</w:t></w:r><w:r><w:t>note &amp; more</w:t></w:r></w:p>"
    "</w:footnote></w:footnotes>"
)


def write(document: DocxDocument) -> None:
    document.add_heading("Pump manual", 1)
    document.add_paragraph("The pump moves 12 litres per minute.")


def with_part(package: bytes, name: str, content: str) -> bytes:
    """Return a package with a part that nothing in it refers to, so that no loader finds it."""
    buffer = BytesIO(package)
    with ZipFile(buffer, "a") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def coverage_of(folder: Path, name: str, content: bytes) -> Coverage:
    path = folder / "blob"
    path.write_bytes(content)
    return load_document(path, name, LIMITS).coverage


def words_of(name: str, content: bytes, document: Document = NONE) -> tuple[int, int]:
    return measure(document, COUNTERS[Path(name).suffix](BytesIO(content), name))


def test_every_counter_is_of_a_format_that_is_read() -> None:
    assert COUNTERS.keys() <= set(LOADERS)


@pytest.mark.parametrize("extension", sorted(SAMPLES.keys() & COUNTERS.keys()))
def test_the_words_of_a_small_file_are_counted_and_all_read(tmp_path: Path, extension: str) -> None:
    coverage = coverage_of(tmp_path, f"a{extension}", SAMPLES[extension])
    assert (coverage.words, coverage.words_read) == (WORDS[extension], WORDS[extension])


@pytest.mark.parametrize("path", sorted((ROOT / "samples" / "documents").iterdir()), ids=str)
def test_the_sample_documents_are_read_in_full(path: Path) -> None:
    coverage = load_document(path, path.name, LIMITS).coverage
    assert coverage.words
    assert coverage.words_read >= 0.98 * coverage.words


def test_a_footnote_that_the_loader_does_not_find_shows(tmp_path: Path) -> None:
    package = with_part(make_docx(write), "word/footnotes.xml", NOTE)
    coverage = coverage_of(tmp_path, "a.docx", package)
    assert (coverage.words, coverage.words_read) == (13, 9)


def test_a_format_without_a_counter_has_no_words(tmp_path: Path) -> None:
    assert coverage_of(tmp_path, "a.rtf", SAMPLES[".rtf"]).words is None


@pytest.mark.parametrize("extension", [".docx", ".epub", ".ipynb", ".json", ".odt", ".pdf", ".txt"])
def test_what_cannot_be_counted_has_no_words(tmp_path: Path, extension: str) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b'PK\x03\x04 {"cells": [' + bytes(range(256)) * 20)
    document = Document("a", (), Coverage(pages=3))
    assert count_words(document, path, f"a{extension}") == Coverage(pages=3)


def test_each_word_is_found_as_often_as_the_document_has_it() -> None:
    document = Document("泵", (Block("pump 泵\nonce"),))
    assert words_of("a.txt", "pump pump 泵，泵，泵 once".encode(), document) == (6, 4)


def test_lines_that_both_have_count_as_their_words() -> None:
    document = Document("", (Block("same 行 line\nsame 行 line\nrest here"),))
    assert words_of("a.txt", "same 行 line\nrest there".encode(), document) == (5, 4)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<title>No</title><p>W<b>or</b>d</p><p>two</p>", "No Word two"),
        ("<head><title>No</title></head><p>yes</p>", "yes"),
        ("<head><title>No</title><body>yes", "yes"),
        ("<nav>a<nav>b</nav>c</nav>yes<footer>d</footer>", "yes"),
        ("<p hidden>a</p><p style='display: none'>b</p>yes<p class=hidden>too", "yes too"),
        ("<script>if (a<b) c</script>yes<!-- no <p> -->", "yes"),
        ("<td>a</td><td>b&amp;c</td>", "a b&c"),
    ],
)
def test_of_a_page_what_it_shows_is_counted(source: str, words: str) -> None:
    assert html_text(source).replace(">", " ").split() == words.split()


def test_of_markdown_neither_links_nor_front_matter_are_counted() -> None:
    source = (
        "---\ntags: x\n---\n# T\n\n1. [see](http://a.b/c_(d)) ![alt](p.png)\n\n"
        "```python\ncode\n```\n[1]: http://x.y\n"
    )
    words = markdown_text(source).replace("#", "").replace("[", "").replace("!", "").split()
    assert words == ["T", "see", "alt", "code"]


def test_of_json_the_keys_are_not_counted() -> None:
    content = json.dumps({"key": ["A\nb", "泵"], "other": {"n": 1.5, "t": True}}).encode()
    assert words_of("a.json", content) == (5, 0)


def test_deleted_text_of_odt_is_not_counted() -> None:
    content = make_odt(
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        "<text:p>st<text:span>ays</text:span><text:tab/>here</text:p>"
    )
    assert words_of("a.odt", content) == (2, 0)


def test_of_a_mail_one_of_two_forms_is_counted_and_what_is_attached() -> None:
    message = make_mail("plain words", html="<p>page</p>", attached={"a.txt": b"one two"})
    assert words_of("a.eml", message.as_bytes()) == (3, 0)


def test_running_heads_and_page_numbers_of_a_pdf_are_not_counted() -> None:
    pages = [
        [(72, 800, 9, "ACME handbook"), (72, 400, 12, f"Text {word}"), (300, 30, 9, f"- {n} -")]
        for n, word in enumerate(("one", "two", "three", "four"), start=1)
    ]
    assert words_of("a.pdf", make_pdf(pages)) == (8, 0)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "count",
    [
        lambda: html_text("<script" * 100_000 + "<!--" * 100_000 + "<" + "a" * 200_000),
        lambda: markdown_text("](" * 100_000 + "[" * 100_000 + "\n" * 100_000),
        lambda: words_of("a.srt", b"\n" * 300_000 + b"1 --> <a" * 50_000),
        lambda: words_of("a.json", b'"\\' * 200_000 + b"[" * 200_000),
        lambda: words_of("a.txt", b"a" * 3_000_000),
    ],
)
def test_a_hostile_text_does_not_take_without_end(count: Callable[[], object]) -> None:
    with suppress(ValueError):
        count()


def test_what_does_not_end_stays() -> None:
    assert without("a<!--b-->c<!--d", COMMENT) == "acd"
