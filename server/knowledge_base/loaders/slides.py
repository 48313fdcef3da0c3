"""PowerPoint presentations. Does not know how a slide looks: shapes are read as people do."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import zip_longest
from typing import Any, BinaryIO

import pptx
from pptx.chart.plot import BubblePlot, XyPlot
from pptx.oxml.ns import qn

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits, too_many_pages
from server.knowledge_base.loaders.numbers import show_number
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold, sensible_title
from server.knowledge_base.loaders.tables import Row, has_header, row_lines
from server.knowledge_base.loaders.zipped import DAMAGED_OFFICE, open_package

MAX_GROUPS = 20  # groups inside of groups
TEXT = qn("a:t")
PLACES, SIZES = (f"{qn(tag)}//{qn('c:pt')}/{qn('c:v')}" for tag in ("c:xVal", "c:bubbleSize"))
FORM = f"{qn('c:val')}//{qn('c:formatCode')}"
CATEGORY_FORM = f"{qn('c:cat')}//{qn('c:formatCode')}"
DAY_0 = date(1899, 12, 30)  # from which office programs count


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
    except DAMAGED_OFFICE as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the presentation is damaged. Open it in PowerPoint, save it and upload it "
            "again.",
            reason_zh="演示文稿已损坏。请用 PowerPoint 打开并重新保存后再上传。",
        ) from error
    return outline.document(title)


def add_slide(outline: Outline, slide: Any, page: int) -> None:
    """Add what is on a slide, from the top to the bottom, and its notes."""
    outline.end_headings()
    title = slide.shapes.title
    if title is not None:
        outline.heading(1, title.text_frame.text, page=page)
    for shape in in_order(slide.shapes):
        if title is None or shape._element is not title._element:
            add_shape(outline, shape, page)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        outline.add(slide.notes_slide.notes_text_frame.text, page=page)


def in_order(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    """Yield shapes by their place, those of a group together."""
    for shape in sorted(shapes, key=place_of):
        if hasattr(shape, "shapes") and depth < MAX_GROUPS:
            yield from in_order(shape.shapes, depth + 1)
        else:
            yield shape


def place_of(shape: Any) -> tuple[int, int]:
    """Return how far down and right a shape is, the corner where the file does not say so right."""
    try:
        return shape.top or 0, shape.left or 0
    except (AttributeError, ValueError):
        return 0, 0


def add_shape(outline: Outline, shape: Any, page: int) -> None:
    """Add the text, table or data of a shape."""
    if getattr(shape, "has_table", False):
        rows = list(grid_rows(shape.table))
        is_headed = bool(shape.table.first_row) or has_header(rows)
        outline.table(row_lines(rows, header_rows=int(is_headed)), page=page)
    elif getattr(shape, "has_chart", False):
        add_chart(outline, shape.chart, page)
    elif getattr(shape, "has_text_frame", False):
        lines = [f"{'  ' * each.level}{each.text.strip()}" for each in shape.text_frame.paragraphs]
        outline.add("\n".join(filter(str.strip, lines)), page=page)
    elif hasattr(shape, "shapes"):  # a group in too many others
        texts = (part.text for part in shape._element.iter(TEXT) if part.text)
        outline.add("\n".join(texts), page=page)


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
    """Add the data of a chart as a table: a row for each category, or each point."""
    caption = fold(chart.chart_title.text_frame.text) if chart.has_title else ""
    for plot in chart.plots:
        rows = point_rows(plot) if isinstance(plot, (XyPlot, BubblePlot)) else category_rows(plot)
        outline.table(row_lines(list(rows), header_rows=1), caption=caption, page=page)


def category_rows(plot: Any) -> Iterator[Row]:
    """Yield the series as labels, then for each category its name on all levels and the values."""
    series = list(plot.series)
    yield ["", *(fold(str(each.name)) for each in series)]
    form = plot._element.find(f".//{CATEGORY_FORM}")
    are_dates = form is not None and "y" in (form.text or "").lower()
    for index, category in enumerate(plot.categories):
        levels = plot.categories.flattened_labels[index] if plot.categories.depth > 1 else ()
        name = " ".join(map(str, levels)) or label_of(category, are_dates=are_dates)
        values = [each.values[index] if index < len(each.values) else None for each in series]
        forms = [form_of(each) for each in series]
        yield [fold(name), *map(show, values, forms)]


def point_rows(plot: Any) -> Iterator[Row]:
    """Yield labels, then the numbers of each point."""
    yield ["", "x", "y", "size"]
    for series in plot.series:
        sizes = [float(each.text) for each in series._element.iterfind(SIZES)]
        points = zip_longest(series.iter_values(), x_values(series), sizes)
        for y, x, size in points:
            yield [fold(str(series.name)), *(show(number, "") for number in (x, y, size))]


def x_values(series: Any) -> list[float]:
    """Return where the points of a series stand from left to right, as far as that is stored."""
    return [float(each.text) for each in series._element.iterfind(PLACES)]


def label_of(category: Any, *, are_dates: bool) -> str:
    """Return the name of a category."""
    if are_dates:
        return str(DAY_0 + timedelta(days=int(float(str(category)))))
    return str(category)


def form_of(series: Any) -> str:
    """Return the format in which the numbers of a series are shown."""
    code = series._element.find(FORM)
    return "" if code is None else code.text or ""


def show(value: float | None, form: str) -> str:
    """Return a number as a chart shows it."""
    return "" if value is None else show_number(value, form)
