"""Writes files of many formats with what they say known beforehand. Knows no reader.

Everything is made up from a seed. Sentences are distinct, values of tables are found once.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from io import BytesIO
from random import Random

import docx
import openpyxl
import pptx
from docx.document import Document as DocxDocument
from docx.oxml import OxmlElement

from benchmarks.texts import shuffle_samples

WORDS = {
    "en": ("pump", "valve", "filter", "sensor", "panel", "tank"),
    "zh": ("水泵", "阀门", "滤网", "传感器", "面板", "水箱"),
}
LABELS = {
    "en": ("product", "sales", "first half", "second half", "remark"),
    "zh": ("产品", "销量", "上半年", "下半年", "备注"),
}
CAPTIONS = {"en": "Table 1 Sales by product", "zh": "表 1 各产品销量"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of a table and what heads it."""

    value: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A file and what a reader should find in it."""

    name: str  # of the file
    content: bytes
    sentences: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()


def write_sentences(language: str, count: int, seed: int = 7) -> list[str]:
    """Return distinct real sentences of a language, each with a number of its own."""
    text = shuffle_samples(seed, 120 * count, language)
    end = "。" if language == "zh" else ". "
    parts = [part.strip(" \n。.*`") for part in text.replace("\n", end).split(end)]
    plain = [part for part in parts if len(part) > 12 and not set("*`_") & set(part)][:count]
    return [
        f"{part}（编号 {number}）。" if language == "zh" else f"{part} (number {number})."
        for number, part in enumerate(plain)
    ]


def write_rows(language: str, count: int, seed: int = 3) -> list[tuple[str, str, str, str]]:
    """Return rows of a table: product, two figures, remark; all of them distinct."""
    random = Random(seed)
    figures = random.sample(range(10_000, 99_999), 2 * count)
    return [
        (
            f"{random.choice(WORDS[language])} {number + 100}",
            str(figures[2 * number]),
            str(figures[2 * number + 1]),
            f"R{number:04}",
        )
        for number in range(count)
    ]


def cells_of(language: str, rows: list[tuple[str, str, str, str]], *more: str) -> Iterator[Cell]:
    """Yield the cells of the rows under two header rows; ``more`` heads all of them."""
    _, sales, first, second, remark = LABELS[language]
    for name, early, late, note in rows:
        yield Cell(early, (name, sales, first, *more))
        yield Cell(late, (name, sales, second, *more))
        yield Cell(note, (name, remark, *more))


def text_cases(language: str) -> Iterator[Case]:
    """Yield a file of each format of text."""
    sentences = write_sentences(language, 40)
    for extension, write in WRITERS.items():
        yield Case(f"{language}{extension}", write(sentences), tuple(sentences))


def table_cases(language: str) -> Iterator[Case]:
    """Yield files with a table of merged cells and two header rows, long enough for many chunks."""
    rows = write_rows(language, 60)
    cells = tuple(cells_of(language, rows))
    for extension, write in TABLE_WRITERS.items():
        yield Case(f"table-{language}{extension}", write(language, rows), cells=cells)


def save(document: object) -> bytes:
    """Return what a document of an office library saves."""
    buffer = BytesIO()
    document.save(buffer)  # type: ignore[attr-defined]  # they share the method, no base
    return buffer.getvalue()


def write_docx(sentences: list[str]) -> bytes:
    """Return paragraphs, headings and lists."""
    document = docx.Document()
    for number, sentence in enumerate(sentences):
        if number % 10 == 0:
            document.add_heading(f"{number // 10 + 1}", 1)
        style = "List Bullet" if number % 4 == 3 else None
        document.add_paragraph(sentence, style)
    return save(document)


def write_pptx(sentences: list[str]) -> bytes:
    """Return slides with notes."""
    show = pptx.Presentation()
    for start in range(0, len(sentences), 4):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = f"{start}"
        slide.placeholders[1].text_frame.text = "\n".join(sentences[start : start + 3])
        slide.notes_slide.notes_text_frame.text = "\n".join(sentences[start + 3 : start + 4])
    return save(show)


def write_xlsx(sentences: list[str]) -> bytes:
    """Return sheets of two columns."""
    book = openpyxl.Workbook()
    for start in range(0, len(sentences), 20):
        sheet = book.create_sheet(f"s{start}")
        sheet.append(["#", "text"])
        for number, sentence in enumerate(sentences[start : start + 20]):
            sheet.append([number, sentence])
    return save(book)


def write_html(sentences: list[str]) -> bytes:
    """Return paragraphs and a list."""
    body = "".join(f"<p>{sentence}</p>" for sentence in sentences[:30])
    items = "".join(f"<li>{sentence}</li>" for sentence in sentences[30:])
    return f"<html><meta charset=utf-8><body>{body}<ul>{items}</ul></body></html>".encode()


def write_markdown(sentences: list[str]) -> bytes:
    """Return Markdown with headings."""
    parts = [
        f"# {n}\n\n{sentence}" if n % 8 == 0 else sentence for n, sentence in enumerate(sentences)
    ]
    return "\n\n".join(parts).encode()


def write_text(sentences: list[str]) -> bytes:
    """Return plain text in UTF-8."""
    return "\n\n".join(sentences).encode()


def write_legacy(sentences: list[str]) -> bytes:
    """Return plain text in the encoding that Windows once used."""
    text = "\r\n\r\n".join(sentences)
    try:
        return text.encode("cp1252")
    except UnicodeEncodeError:
        return text.encode("gb18030")


def write_csv(sentences: list[str]) -> bytes:
    """Return rows of a number and a sentence."""
    return "".join(f'{n},"{sentence}"\n' for n, sentence in enumerate(sentences)).encode()


def write_json(sentences: list[str]) -> bytes:
    """Return a list of objects."""
    return json.dumps([{"id": n, "text": text} for n, text in enumerate(sentences)]).encode()


def write_mail(sentences: list[str]) -> bytes:
    """Return a mail, half of the sentences in an attachment."""
    message = EmailMessage()
    message["Subject"] = "Sentences"
    message["From"] = "a@example.org"
    message.set_content("\n\n".join(sentences[:20]))
    message.add_attachment("\n\n".join(sentences[20:]), filename="more.txt")
    return message.as_bytes()


WRITERS: dict[str, Callable[[list[str]], bytes]] = {
    ".txt": write_text,
    ".legacy.txt": write_legacy,
    ".md": write_markdown,
    ".html": write_html,
    ".csv": write_csv,
    ".json": write_json,
    ".eml": write_mail,
    ".docx": write_docx,
    ".pptx": write_pptx,
    ".xlsx": write_xlsx,
}


def write_docx_table(language: str, rows: list[tuple[str, str, str, str]]) -> bytes:
    """Return a Word table."""
    document: DocxDocument = docx.Document()
    product, sales, first, second, remark = LABELS[language]
    table = document.add_table(rows=2, cols=4)
    for column, text in enumerate((product, sales, "", remark)):
        table.cell(0, column).text = text
    for column, text in ((1, first), (2, second)):
        table.cell(1, column).text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(0, 3).merge(table.cell(1, 3))
    for row in table.rows:
        mark = OxmlElement("w:tblHeader")
        row._tr.get_or_add_trPr().append(mark)
    for values in rows:
        for cell, value in zip(table.add_row().cells, values, strict=True):
            cell.text = value
    return save(document)


def write_xlsx_table(language: str, rows: list[tuple[str, str, str, str]]) -> bytes:
    """Return a sheet."""
    book = openpyxl.Workbook()
    sheet = book.active
    product, sales, first, second, remark = LABELS[language]
    sheet.append([product, sales, None, remark])
    sheet.append([None, first, second, None])
    for name, early, late, note in rows:
        sheet.append([name, int(early), int(late), note])
    for merged in ("A1:A2", "B1:C1", "D1:D2"):
        sheet.merge_cells(merged)
    return save(book)


def write_html_table(language: str, rows: list[tuple[str, str, str, str]]) -> bytes:
    """Return a table of HTML."""
    product, sales, first, second, remark = LABELS[language]
    head = (
        f"<tr><th rowspan=2>{product}</th><th colspan=2>{sales}</th>"
        f"<th rowspan=2>{remark}</th></tr>"
        f"<tr><th>{first}</th><th>{second}</th></tr>"
    )
    body = "".join(f"<tr>{''.join(f'<td>{value}</td>' for value in row)}</tr>" for row in rows)
    return f"<html><meta charset=utf-8><table>{head}{body}</table></html>".encode()


TABLE_WRITERS: dict[str, Callable[[str, list[tuple[str, str, str, str]]], bytes]] = {
    ".docx": write_docx_table,
    ".xlsx": write_xlsx_table,
    ".html": write_html_table,
}
