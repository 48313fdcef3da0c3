"""Prints PDFs and scans with what they say known beforehand. Knows no reader."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from benchmarks.written import CAPTIONS, LABELS, Case, cells_of, write_rows, write_sentences

FONTS = {"en": "Helvetica", "zh": "STSong-Light"}
MARGIN = 60  # points
SCAN_LINES = 22
SCAN_MARGIN = 90  # pixels at 150 dpi


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a scan is."""

    scale: float = 1.0  # of A4 at 150 dpi
    turned: float = 0.0  # degrees
    noise: float = 0.0  # standard deviation, of 255
    blur: float = 0.0  # pixels
    jpeg: int = 95


QUALITIES = {
    "clean": Quality(),
    "fair": Quality(turned=0.4, noise=8, blur=0.6, jpeg=60),
    "poor": Quality(scale=0.75, turned=-0.8, noise=16, blur=0.9, jpeg=35),
}


def prose_case(language: str, pages: int) -> Case:
    """Return a PDF of many pages with running heads, page numbers and footnotes."""
    sentences = write_sentences(language, 24 * pages)
    notes = [
        f"[{n + 1}] {text}" for n, text in enumerate(write_sentences(language, pages, seed=99))
    ]

    def decorate(canvas: Any, template: Any) -> None:
        canvas.setFont(FONTS[language], 8)
        canvas.drawString(MARGIN, A4[1] - 30, "Zhiwen 2026")
        canvas.drawString(A4[0] / 2, 24, str(template.page))
        if template.page <= len(notes):
            canvas.drawString(MARGIN, 50, notes[template.page - 1][:90])

    style = make_style(language)
    story: list[Any] = [
        Paragraph(text, make_style(language, 16) if n % 60 == 0 else style)
        for n, text in enumerate(sentences)
    ]
    content = build(story, [Frame(MARGIN, 70, A4[0] - 2 * MARGIN, A4[1] - 120)], decorate)
    return Case(f"prose-{language}.pdf", content, tuple(sentences))


def columns_case(language: str) -> Case:
    """Return a PDF of two columns."""
    sentences = write_sentences(language, 80)
    width = (A4[0] - 2 * MARGIN - 20) / 2
    frames = [Frame(MARGIN + left * (width + 20), 60, width, A4[1] - 120) for left in (0, 1)]
    story = [Paragraph(sentence, make_style(language)) for sentence in sentences]
    return Case(f"columns-{language}.pdf", build(story, frames), tuple(sentences))


def table_case(language: str) -> Case:
    """Return a PDF with a table of merged cells and two header rows over several pages."""
    product, sales, first, second, remark = LABELS[language]
    rows = write_rows(language, 120)
    data = [[product, sales, "", remark], ["", first, second, ""], *map(list, rows)]
    spans = [("SPAN", (0, 0), (0, 1)), ("SPAN", (1, 0), (2, 0)), ("SPAN", (3, 0), (3, 1))]
    table = Table(
        data,
        style=[
            ("GRID", (0, 0), (-1, -1), 0.5, "black"),
            ("FONT", (0, 0), (-1, -1), FONTS[language]),
            *spans,
        ],
        repeatRows=0,
    )
    before, after = write_sentences(language, 2)
    caption = CAPTIONS[language]
    style = make_style(language)
    story = [Paragraph(before, style), Paragraph(caption, style), table, Paragraph(after, style)]
    content = build(story, [Frame(MARGIN, 60, A4[0] - 2 * MARGIN, A4[1] - 120)])
    cells = tuple(cells_of(language, rows, caption))
    return Case(f"table-{language}.pdf", content, (before, after), cells)


def scan_cases(language: str, pages: int) -> Iterator[tuple[str, Case]]:
    """Yield a scan of each quality, with its name."""
    lines = fit_lines("".join(write_sentences(language, 30 * pages)), language)
    texts = [lines[SCAN_LINES * page : SCAN_LINES * (page + 1)] for page in range(pages)]
    for name, quality in QUALITIES.items():
        pictures = [spoil(draw_page(text), quality) for text in texts]
        buffer = BytesIO()
        pictures[0].save(
            buffer, "PDF", save_all=True, append_images=pictures[1:], resolution=150 * quality.scale
        )
        sentences = tuple("".join(text) for text in texts)
        yield name, Case(f"scan-{name}-{language}.pdf", buffer.getvalue(), sentences)


def make_style(language: str, size: float = 11) -> ParagraphStyle:
    """Return the style of a paragraph."""
    if language == "zh":
        pdfmetrics.registerFont(UnicodeCIDFont(FONTS["zh"]))
    return ParagraphStyle(
        "text",
        fontName=FONTS[language],
        fontSize=size,
        leading=1.4 * size,
        wordWrap="CJK" if language == "zh" else None,
        spaceAfter=6,
    )


def build(story: list[Any], frames: list[Frame], decorate: Any = None) -> bytes:
    """Return the PDF of a story."""
    buffer = BytesIO()
    document = BaseDocTemplate(buffer, pagesize=A4)
    template = PageTemplate("page", frames, onPage=decorate or (lambda canvas, template: None))
    document.addPageTemplates([template])
    document.build([*story, Spacer(1, 1)])
    return buffer.getvalue()


@cache
def find_font(size: int) -> ImageFont.FreeTypeFont:
    """Return a font of the system that has Chinese."""
    ask = ["fc-match", "-f", "%{file}", "sans:lang=zh-cn"]
    path = subprocess.run(ask, capture_output=True, check=True).stdout.decode()
    return ImageFont.truetype(path, size)


def fit_lines(text: str, language: str) -> list[str]:
    """Return the text in lines that fit a page."""
    font = find_font(26)
    width = 1240 - 2 * SCAN_MARGIN
    lines: list[str] = []
    line = ""
    for part in text if language == "zh" else [f"{word} " for word in text.split()]:
        if font.getlength(line + part) > width:
            lines.append(line)
            line = ""
        line += part
    return lines


def draw_page(lines: list[str]) -> Image.Image:
    """Return A4 at 150 dpi with these lines."""
    picture = Image.new("L", (1240, 1754), 255)
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        pen.text((SCAN_MARGIN, SCAN_MARGIN + 60 * number), line, fill=20, font=find_font(26))
    return picture


def spoil(picture: Image.Image, quality: Quality) -> Image.Image:
    """Return the picture as a scanner of that quality gives it."""
    size = (round(picture.width * quality.scale), round(picture.height * quality.scale))
    turned = picture.rotate(quality.turned, fillcolor=255, resample=Image.Resampling.BICUBIC)
    small = turned.resize(size).filter(ImageFilter.GaussianBlur(quality.blur))
    pixels = np.asarray(small, np.float32)
    noise = np.random.default_rng(5).normal(0, quality.noise, pixels.shape)
    noisy = Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    buffer = BytesIO()
    noisy.save(buffer, "JPEG", quality=quality.jpeg)
    return Image.open(buffer).convert("RGB")
