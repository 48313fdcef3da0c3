"""Build the sample documents that are not written by hand: PDF, DOCX and GB18030 text.

A maintainer's tool; the product never imports it. It needs

    pip install weasyprint python-docx fonttools
    apt-get install fonts-noto-cjk fonts-noto-core    (Noto Sans, Noto Sans/Serif CJK SC)

and is run as `python samples/sources/build.py`. The output goes to samples/documents/. Dates
and identifiers are fixed, so that the same package and font versions give the same bytes.

The DOCX sources are a small subset of Markdown: `#` title, `##` and `###` headings, `-` and
`1.` lists (one numbered list per document, since Word would go on counting), tables, plain
paragraphs on one line, and `**bold**`.
"""

import io
import re
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from docx import Document
from docx.document import Document as WordDocument
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph
from fontTools import subset
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration

SOURCES = Path(__file__).resolve().parent
DOCUMENTS = SOURCES.parent / "documents"

PDF = {
    "annual-report-2024.html": "2024年度报告.pdf",
    "nf-d7-datasheet.html": "nf-d7-datasheet.pdf",
}
FONT_FOLDER = Path("/usr/share/fonts/opentype/noto")
FONTS = [  # family and weight in print.css, font collection
    ("Sample Sans", 400, "NotoSansCJK-Regular.ttc"),
    ("Sample Sans", 700, "NotoSansCJK-Bold.ttc"),
    ("Sample Serif", 400, "NotoSerifCJK-Regular.ttc"),
]
SIMPLIFIED_CHINESE = 2  # index of the SC font in the collections

GB18030 = "安全守则.txt"

STYLES = {"# ": "Title", "## ": "Heading 1", "### ": "Heading 2", "- ": "List Bullet"}


WORD = [  # source, language, Latin font, date
    ("保修条款.md", "zh-CN", "Arial", datetime(2024, 12, 20, tzinfo=UTC)),
    ("onboarding-guide.md", "en-GB", "Calibri", datetime(2025, 1, 13, tzinfo=UTC)),
]
TEXT_WIDTH = 16.2  # in cm


def build_pdf(source: str, target: str) -> None:
    html = (SOURCES / source).read_text(encoding="utf-8")
    stylesheet = (SOURCES / "print.css").read_text(encoding="utf-8")  # its bullets need a glyph
    with tempfile.TemporaryDirectory() as folder:
        fonts = FontConfiguration()
        faces = CSS(string=subset_fonts(html + stylesheet, Path(folder)), font_config=fonts)
        HTML(string=html, base_url=str(SOURCES / source)).write_pdf(
            DOCUMENTS / target,
            stylesheets=[faces],
            font_config=fonts,
            pdf_identifier=source.encode(),
        )


def subset_fonts(text: str, folder: Path) -> str:
    """Write small fonts with the characters of the text; return their `@font-face` rules.

    WeasyPrint keeps the numbering of the glyphs, which costs 120 kB for each CJK font of 65,535
    glyphs, however few are used; a font cut down beforehand has no such gaps.
    """
    rules = []
    options = subset.Options(font_number=SIMPLIFIED_CHINESE, desubroutinize=True)
    for family, weight, collection in FONTS:
        font = subset.load_font(str(FONT_FOLDER / collection), options)
        cutter = subset.Subsetter(options)
        cutter.populate(text=text)
        cutter.subset(font)
        path = folder / f"{collection}.otf"
        subset.save_font(font, str(path), options)
        name = f"font-family: '{family}'; font-weight: {weight}"
        rules.append(f"@font-face {{ {name}; src: url('{path.as_uri()}') }}")
    return "\n".join(rules)


def build_docx(source: str, language: str, latin_font: str, created: datetime) -> None:
    document = Document()
    set_styles(document, language, latin_font)
    add_footer(document)
    table: list[list[str]] = []
    for line in [*(SOURCES / source).read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                table.append(cells)
            continue
        if table:
            add_table(document, table)
            table = []
        if line:
            add_line(document, line)
    properties = document.core_properties
    properties.author = "NorthFurrow"
    properties.title = document.paragraphs[0].text
    properties.created = properties.modified = created
    properties.comments = ""
    target = (DOCUMENTS / source).with_suffix(".docx")
    write_reproducibly(document, target, created)


def set_styles(document: WordDocument, language: str, latin_font: str) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.4)
    section.top_margin = section.bottom_margin = Cm(2)
    for name in ["Normal", *STYLES.values()]:
        style = document.styles[name]
        style.font.name = latin_font
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{theme}"), None)
        fonts.set(qn("w:eastAsia"), "Microsoft YaHei")
        if name.startswith(("Title", "Heading")):
            style.font.color.rgb = RGBColor(0x17, 0x54, 0x3A)
    document.styles["Normal"].font.size = Pt(10.5)
    document.styles["Normal"].paragraph_format.space_after = Pt(6)
    document.styles["Heading 1"].paragraph_format.space_before = Pt(14)
    for default in document.styles.element.iter(qn("w:lang")):
        default.set(qn("w:val"), language)
        default.set(qn("w:eastAsia"), "zh-CN")


def add_line(document: WordDocument, line: str) -> None:
    for marker, style in STYLES.items():
        if line.startswith(marker):
            add_text(document.add_paragraph(style=style), line.removeprefix(marker))
            return
    numbered = re.match(r"\d+\. ", line)
    style = "List Number" if numbered else "Normal"
    add_text(document.add_paragraph(style=style), line[numbered.end() :] if numbered else line)


def add_text(paragraph: Paragraph, text: str) -> None:
    for index, piece in enumerate(text.split("**")):
        if piece:
            paragraph.add_run(piece).bold = True if index % 2 else None


def add_table(document: WordDocument, rows: list[list[str]]) -> None:
    table = document.add_table(rows=0, cols=len(rows[0]), style="Light Grid Accent 3")
    lengths = [max(6, *map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        for cell, text, length in zip(table.add_row().cells, row, lengths, strict=True):
            add_text(cell.paragraphs[0], text)
            cell.paragraphs[0].paragraph_format.space_after = Pt(2)
            cell.paragraphs[0].paragraph_format.keep_with_next = row is not rows[-1]
            cell.width = Cm(TEXT_WIDTH * length / sum(lengths))
    for column, length in zip(table.columns, lengths, strict=True):
        column.width = Cm(TEXT_WIDTH * length / sum(lengths))
    document.add_paragraph().paragraph_format.line_spacing = Pt(6)


def add_footer(document: WordDocument) -> None:
    paragraph = document.sections[0].footer.paragraphs[0]
    paragraph.add_run("NorthFurrow  ·  ")
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    paragraph._p.append(field)


def write_reproducibly(document: WordDocument, target: Path, created: datetime) -> None:
    """Save the document with one fixed date on every part, in place of the time of the build."""
    buffer = io.BytesIO()
    document.save(buffer)
    with zipfile.ZipFile(buffer) as built, zipfile.ZipFile(target, "w") as packed:
        for part in sorted(built.namelist()):
            info = zipfile.ZipInfo(part, created.timetuple()[:6])
            packed.writestr(info, built.read(part), zipfile.ZIP_DEFLATED)


def main() -> None:
    for source, target in PDF.items():
        build_pdf(source, target)
    text = (SOURCES / GB18030).read_text(encoding="utf-8")
    (DOCUMENTS / GB18030).write_bytes(text.encode("gb18030"))
    for item in WORD:
        build_docx(*item)


if __name__ == "__main__":
    main()
