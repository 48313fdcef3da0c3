"""File formats by extension. Does not know where files are kept or what becomes of their text.

A format is one file here with a function ``load``, and one line in ``LOADERS``.
"""

import re
from dataclasses import replace
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol

from server.datatypes import Block, Document
from server.errors import EmptyDocument, UnsupportedFormat
from server.knowledge_base.loaders.counting import count_words
from server.knowledge_base.loaders.limits import (
    MAX_HEADING_CHARS,
    MAX_HEADINGS,
    MAX_TITLE_CHARS,
    Limits,
    size_in_chars,
    too_large,
)
from server.plugins import Registry


class Loader(Protocol):
    """Reads one format.

    ``file`` can be sought in and stays open; ``name`` is the user's name of the file, for the
    title and for messages. Table rows are lines that can be read without the others. A loader works
    offline, leaves no files behind, closes what it opens and may be called from several threads.

    Raises:
        UnreadableDocument: the file is corrupt, encrypted or not of this format.
        TooLarge: the file goes beyond ``limits``; noticed before it is all in memory.
    """

    def __call__(self, file: BinaryIO, name: str, limits: Limits) -> Document: ...


PACKAGE = "server.knowledge_base.loaders"
LOADERS: Registry[Loader] = Registry(
    "loader",
    {
        ".bmp": f"{PACKAGE}.picture:load",
        ".csv": f"{PACKAGE}.csv_table:load",
        ".doc": f"{PACKAGE}.old_office:load_doc",
        ".docx": f"{PACKAGE}.docx_document:load",
        ".eml": f"{PACKAGE}.mail:load",
        ".enex": f"{PACKAGE}.evernote:load",
        ".epub": f"{PACKAGE}.epub:load",
        ".htm": f"{PACKAGE}.html:load",
        ".html": f"{PACKAGE}.html:load",
        ".ipynb": f"{PACKAGE}.notebook:load",
        ".jpeg": f"{PACKAGE}.picture:load",
        ".jpg": f"{PACKAGE}.picture:load",
        ".json": f"{PACKAGE}.json_data:load",
        ".jsonl": f"{PACKAGE}.json_data:load_lines",
        ".markdown": f"{PACKAGE}.markdown:load",
        ".md": f"{PACKAGE}.markdown:load",
        ".mhtml": f"{PACKAGE}.web_archive:load",
        ".msg": f"{PACKAGE}.message_file:load",
        ".odt": f"{PACKAGE}.odt:load",
        ".pdf": f"{PACKAGE}.pdf:load",
        ".png": f"{PACKAGE}.picture:load",
        ".ppt": f"{PACKAGE}.old_office:load_ppt",
        ".pptx": f"{PACKAGE}.slides:load",
        ".py": f"{PACKAGE}.python_code:load",
        ".rst": f"{PACKAGE}.restructured:load",
        ".rtf": f"{PACKAGE}.rich_text:load",
        ".srt": f"{PACKAGE}.subtitles:load",
        ".toml": f"{PACKAGE}.toml_data:load",
        ".tsv": f"{PACKAGE}.csv_table:load",
        ".txt": f"{PACKAGE}.txt:load",
        ".xls": f"{PACKAGE}.old_workbook:load",
        ".xlsx": f"{PACKAGE}.workbook:load",
        ".xml": f"{PACKAGE}.xml_data:load",
    },
)
# Files here that are no format but a part that several formats use.
SHARED = frozenset(
    {
        "charts",
        "counting",
        "docx_parts",
        "drawings",
        "embedded_pictures",
        "encoding",
        "equations",
        "layout",
        "limits",
        "markup",
        "numbering",
        "numbers",
        "ocr",
        "odt_parts",
        "office_parts",
        "outline",
        "packed_rtf",
        "pdf_pictures",
        "pdf_tables",
        "printed_tables",
        "prose",
        "reading_order",
        "records",
        "running_heads",
        "sheet_drawings",
        "signatures",
        "slide_comments",
        "stripping",
        "tables",
        "xml_tree",
        "zipped",
    }
)

LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Controls, soft hyphens, zero-width spaces and halves of surrogate pairs: nobody sees them, they
# break words apart for a search, and a database may refuse them.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]"
)


def check_format(name: str) -> str:
    """Return the extension of a file's name, without loading what reads it.

    Raises:
        UnsupportedFormat: no loader has that extension.
    """
    extension = PurePath(name).suffix.lower()
    if extension not in LOADERS:
        raise UnsupportedFormat(name=name, supported=", ".join(sorted(LOADERS)))
    return extension


def find_loader(name: str) -> Loader:
    """Return the loader for the extension of a file's name.

    Raises:
        UnsupportedFormat: no loader has that extension.
    """
    return LOADERS.get(check_format(name))


def load_document(path: Path, name: str, limits: Limits) -> Document:
    """Read a file with the loader for its extension, clean its text and count what was read.

    Raises:
        UnsupportedFormat: no loader has that extension.
        EmptyDocument: there is no letter or digit in it.
        UnreadableDocument: the file is corrupt, encrypted or not what its name says.
        TooLarge: it goes beyond ``limits``.
    """
    load = find_loader(name)
    with path.open("rb") as file:
        loaded = load(file, name, limits)
    blocks = tuple(block for block in map(clean_block, loaded.blocks) if block.text)
    if not any(character.isalnum() for block in blocks for character in block.text):
        raise EmptyDocument(name=name)
    if size_in_chars(blocks) > limits.max_chars:
        raise too_large(name, limits.max_chars)
    title = clean_line(loaded.title) or PurePath(name).stem
    document = Document(title[:MAX_TITLE_CHARS].rstrip(), blocks, loaded.coverage)
    return replace(document, coverage=count_words(document, path, name))


def clean_block(block: Block) -> Block:
    """Return the block without invisible characters, outer blank lines and endless headings."""
    lines = (line.rstrip() for line in clean(block.text).split("\n"))
    cleaned = map(clean_line, block.headings)
    headings = tuple(text for text in cleaned if 0 < len(text) <= MAX_HEADING_CHARS)
    text = "\n".join(lines).strip("\n")
    return Block(text, block.kind, block.page, headings[:MAX_HEADINGS])


def clean_line(text: str) -> str:
    """Return the text as one line."""
    return " ".join(clean(text).split())


def clean(text: str) -> str:
    """Return the text with line feeds, plain spaces and nothing invisible."""
    return INVISIBLE.sub("", LINE_ENDS.sub("\n", text)).replace("\xa0", " ")
