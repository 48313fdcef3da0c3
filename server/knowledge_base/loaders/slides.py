"""PowerPoint presentations. Does not know how a slide looks: shapes are read as people do."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO
from zipfile import BadZipFile

import pptx
from pptx.enum.shapes import MSO_SHAPE_TYPE

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits, too_many_pages
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold, sensible_title
from server.knowledge_base.loaders.tables import Row, has_header, row_lines
from server.knowledge_base.loaders.zipped import open_package

MAX_GROUPS = 20  # groups inside of groups


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the slides, which count as pages, with their notes."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        open_package(file, name, limits)
        show = pptx.Presentation(file)
        if len(show.slides) > limits.max_pages:
            raise too_many_pages(name, limits.max_pages)
        for page, slide in enumerate(show.slides, 1):
            add_slide(outline, slide, page)
        title = sensible_title(show.core_properties.title or "")
    except (
        AttributeError,
        BadZipFile,
        EOFError,
        IndexError,
        KeyError,
        NotImplementedError,
        OSError,
        SyntaxError,
        TypeError,
        ValueError,
        zlib.error,
    ) as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the presentation is damaged. Open it in PowerPoint, save it and upload it "
            "again.",
            reason_zh="演示文稿已损坏。请用 PowerPoint 打开并重新保存后再上传。",
        ) from error
    return outline.document(title)


def add_slide(outline: Outline, slide: Any, page: int) -> None:
    """Add what is on a slide, from the top to the bottom, and its notes."""
    title = slide.shapes.title
    if title is not None and title.has_text_frame:
        outline.heading(1, title.text_frame.text, page=page)
    else:
        outline.end_headings()
    for shape in in_order(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            add_shape(outline, shape, page)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        outline.add(slide.notes_slide.notes_text_frame.text, page=page)


def in_order(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    """Yield shapes by their place, those of a group together."""
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP and depth < MAX_GROUPS:
            yield from in_order(shape.shapes, depth + 1)
        else:
            yield shape


def add_shape(outline: Outline, shape: Any, page: int) -> None:
    """Add the text, table or data of a shape."""
    if getattr(shape, "has_table", False) and shape.has_table:
        rows = list(grid_rows(shape.table))
        is_headed = bool(shape.table.first_row) or has_header(rows)
        outline.table(row_lines(rows, header_rows=int(is_headed)), page=page)
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        add_chart(outline, shape.chart, page)
    elif shape.has_text_frame:
        lines = [f"{'  ' * each.level}{each.text.strip()}" for each in shape.text_frame.paragraphs]
        outline.add("\n".join(filter(str.strip, lines)), page=page)


def grid_rows(table: Any) -> Iterator[Row]:
    """Yield the cells of each row; merged ones are repeated down and None to the right."""
    above: list[str | None] = []
    for row in table.rows:
        cells: list[str | None] = []
        for column, cell in enumerate(row.cells):
            if cell.is_spanned:
                is_beside = cell._tc.get("hMerge") is not None
                cells.append(None if is_beside else above[column])
            else:
                cells.append(fold(cell.text))
        yield cells
        above = cells


def add_chart(outline: Outline, chart: Any, page: int) -> None:
    """Add the data of a chart as a table: a row for each category."""
    caption = fold(chart.chart_title.text_frame.text) if chart.has_title else ""
    for plot in chart.plots:
        series = list(plot.series)
        rows: list[Row] = [["", *(fold(str(each.name)) for each in series)]]
        for index, category in enumerate(plot.categories):
            values = [each.values[index] if index < len(each.values) else None for each in series]
            cells = ["" if value is None else f"{value:.15g}" for value in values]
            rows.append([fold(str(category)), *cells])
        outline.table(row_lines(rows, header_rows=1), caption=caption, page=page)
