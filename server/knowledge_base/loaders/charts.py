"""Charts of Office documents: the numbers behind them. Knows no document format."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta

from lxml import etree

from server.knowledge_base.loaders.drawings import paragraph_lines
from server.knowledge_base.loaders.numbers import show_number
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.tables import Row, row_lines
from server.knowledge_base.loaders.xml_tree import local_name

CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
DAY_0 = date(1899, 12, 30)  # from which office programs count
MAX_DAYS = 2_900_000  # the year 9999
AXES = ("catAx", "dateAx", "serAx", "valAx")


def add_chart(outline: Outline, root: etree._Element, *, page: int | None = None) -> None:
    """Add the stored data of a chart: a row for each category, or each point."""
    area = root.find(f"{CHART}chart/{CHART}plotArea")
    if area is None:
        return
    title = title_of(root.find(f"{CHART}chart"))
    for plot in area:
        if not local_name(plot).endswith("Chart"):
            continue
        across, up = axis_titles(area, plot)
        if local_name(plot) in ("scatterChart", "bubbleChart"):
            caption, rows = title, point_rows(plot, across or "x", up or "y")
        else:
            caption = f"{title} ({up})" if title and up else title or up
            rows = category_rows(plot, across)
        outline.table(row_lines(list(rows), header_rows=1), caption=caption, page=page)


def chart_titles(root: etree._Element) -> list[str]:
    """Return the titles of a chart and of its axes."""
    titled = (each.getparent() for each in root.iter(f"{CHART}title"))
    return [title for title in map(title_of, titled) if title]


def title_of(element: etree._Element | None) -> str:
    """Return the title of a chart or an axis, "" where it has none."""
    title = None if element is None else element.find(f"{CHART}title")
    if title is None:
        return ""
    return " ".join(paragraph_lines(title)) or fold(" ".join(values_in(title).values()))


def axis_titles(area: etree._Element, plot: etree._Element) -> tuple[str, str]:
    """Return the titles of the axes that a plot uses: of its categories or x, of its values."""
    used = {each.get("val") for each in plot.findall(f"{CHART}axId")}
    across = up = ""
    is_points = local_name(plot) in ("scatterChart", "bubbleChart")
    for axis in area:
        number = axis.find(f"{CHART}axId")
        if local_name(axis) not in AXES or number is None or number.get("val") not in used:
            continue
        place = axis.find(f"{CHART}axPos")
        is_flat = place is not None and place.get("val") in ("b", "t")
        if is_flat if is_points else local_name(axis) != "valAx":
            across = across or title_of(axis)
        else:
            up = up or title_of(axis)
    return across, up


def values_in(element: etree._Element | None) -> dict[int, str]:
    """Return the texts of the points in an element by their numbers; without one, a lone text."""
    if element is None:
        return {}
    points = {
        int(point.get("idx", "0")[:9]): value.text or ""
        for point in element.iter(f"{CHART}pt")
        for value in point.iter(f"{CHART}v")
        if point.get("idx", "0").isdecimal()
    }
    alone = next(element.iter(f"{CHART}v"), None)
    return points or ({} if alone is None else {0: alone.text or ""})


def form_of(element: etree._Element | None) -> str:
    """Return the format in which the numbers in an element are shown."""
    found = None if element is None else next(element.iter(f"{CHART}formatCode"), None)
    return "" if found is None else found.text or ""


def name_of(series: etree._Element) -> str:
    """Return the name of a series."""
    return fold(" ".join(values_in(series.find(f"{CHART}tx")).values()))


def category_rows(plot: etree._Element, label: str) -> Iterator[Row]:
    """Yield the series as labels, then for each category its name on all levels and the values."""
    series = plot.findall(f"{CHART}ser")
    yield [label, *map(name_of, series)]
    named = (each.find(f"{CHART}cat") for each in series)
    names = category_names(next((each for each in named if each is not None), None))
    columns = [shown_values(each.find(f"{CHART}val")) for each in series]
    for index in sorted({index for column in (names, *columns) for index in column}):
        yield [names.get(index, ""), *(column.get(index, "") for column in columns)]


def category_names(element: etree._Element | None) -> dict[int, str]:
    """Return the names of the categories by their numbers, those of outer levels before them."""
    if element is None:
        return {}
    levels = [values_in(level) for level in element.iter(f"{CHART}lvl")]
    if not levels:
        is_date = "y" in form_of(element).lower()
        found = values_in(element)
        return {index: show_date(text) if is_date else fold(text) for index, text in found.items()}
    starts = [sorted(level) for level in levels]
    names = {}
    for index in starts[0]:
        parts = []
        for level, begins in reversed(list(zip(levels, starts, strict=True))):
            last = bisect_right(begins, index)  # an outer name reaches to the next one
            parts.append(level[begins[last - 1]] if last else "")
        names[index] = fold(" ".join(parts))
    return names


def point_rows(plot: etree._Element, across: str, up: str) -> Iterator[Row]:
    """Yield labels, then the numbers of each point."""
    yield ["", across, up, "size"]
    for series in plot.findall(f"{CHART}ser"):
        parts = [series.find(f"{CHART}{tag}") for tag in ("xVal", "yVal", "bubbleSize")]
        columns = [shown_values(part, form="") for part in parts]
        for index in sorted({index for column in columns for index in column}):
            yield [name_of(series), *(column.get(index, "") for column in columns)]


def shown_values(element: etree._Element | None, form: str | None = None) -> dict[int, str]:
    """Return the numbers in an element as the chart shows them."""
    form = form_of(element) if form is None else form
    return {index: show(text, form) for index, text in values_in(element).items()}


def show(text: str, form: str) -> str:
    """Return a number as a chart shows it, and as it is what is none, such as #N/A."""
    try:
        return show_number(float(text), form)
    except (ValueError, OverflowError):
        return fold(text)


def show_date(text: str) -> str:
    """Return the date that a number stands for, other text as it is."""
    try:
        days = int(float(text))
    except (ValueError, OverflowError):
        return fold(text)
    return str(DAY_0 + timedelta(days)) if 0 <= days < MAX_DAYS else text
