"""Text in the drawings of Office: shapes and SmartArt. Knows no document format."""

from collections import defaultdict
from collections.abc import Iterator

from lxml import etree

from server.knowledge_base.loaders.equations import EQUATION, linear
from server.knowledge_base.loaders.prose import fold

MAIN = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
CHOICES = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
RELATED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
PARAGRAPH, TEXT, BREAK = f"{MAIN}p", f"{MAIN}t", f"{MAIN}br"
ALTERNATIVES, CHOICE, FALLBACK = (
    f"{CHOICES}{name}" for name in ("AlternateContent", "Choice", "Fallback")
)
MAX_LEVELS = 20  # of SmartArt; a damaged file may put boxes into themselves


def paragraph_lines(element: etree._Element) -> list[str]:
    """Return the paragraphs in a shape that have text, each as one line."""
    lines = (fold(text_in(paragraph)) for paragraph in element.iter(PARAGRAPH))
    return [line for line in lines if line]


def text_in(paragraph: etree._Element) -> str:
    """Return the text of a paragraph."""
    parts = []
    for part in paragraph.iter(TEXT, BREAK, EQUATION):
        if part.tag == EQUATION:
            parts.append(linear(part))
        else:
            parts.append(" " if part.tag == BREAK else part.text or "")
    return "".join(parts)


def diagram_lines(model: etree._Element) -> list[str]:
    """Return the texts of SmartArt from the outermost to the innermost box, those inside indented.

    ``model`` is the root of its data part.
    """
    points = {point.get("modelId", ""): point for point in model.iter(f"{DIAGRAM}pt")}
    inside: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for link in model.iter(f"{DIAGRAM}cxn"):
        if link.get("type", "parOf") == "parOf":
            order = link.get("srcOrd", "")
            place = int(order[:6]) if order.isdecimal() else 0
            inside[link.get("srcId", "")].append((place, link.get("destId", "")))
    held = {inner for group in inside.values() for _, inner in group}
    seen: set[str] = set()

    def walk(key: str, depth: int) -> Iterator[str]:
        if key in seen or key not in points or depth > MAX_LEVELS:
            return
        seen.add(key)
        kind = points[key].get("type", "node")
        if kind in ("node", "asst"):
            text = fold(" ".join(paragraph_lines(points[key])))
            if text:
                yield "  " * max(0, depth - 1) + text
        for _, inner in sorted(inside[key]):
            yield from walk(inner, depth + 1)

    roots = [key for key in points if key not in held]
    lines = [line for key in roots for line in walk(key, 0)]
    return lines + [line for key in points for line in walk(key, 1)]  # what hangs in a circle


def choose(root: etree._Element) -> None:
    """Put what a program of today shows in the place of alternatives, all over a tree."""
    for both in list(root.iter(ALTERNATIVES)):
        parent = both.getparent()
        if parent is None:
            continue
        shown = both.find(CHOICE)
        if shown is None or not len(shown):
            shown = both.find(FALLBACK)
        for child in [] if shown is None else list(shown):
            both.addprevious(child)
        parent.remove(both)
