"""Equations of Office documents as lines of text. Knows no document."""

from collections.abc import Callable

from lxml import etree

MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
EQUATION = f"{MATH}oMath"


def linear(element: etree._Element) -> str:
    """Return an equation, or a part of one, as it is typed: ``(a+b)/c``, ``x^2``, ``√(x)``."""
    if element.tag == f"{MATH}t":
        return element.text or ""
    shape = SHAPES.get(element.tag)
    return shape(element) if shape else "".join(map(linear, element))


def part(element: etree._Element, name: str) -> str:
    """Return what a named part of a shape holds."""
    found = element.find(f"{MATH}{name}")
    return "" if found is None else linear(found)


def unit(element: etree._Element, name: str) -> str:
    """Return what a part holds, in brackets unless it is one word."""
    text = part(element, name)
    return text if text.isalnum() else f"({text})"


def setting(element: etree._Element, name: str, default: str) -> str:
    """Return a sign that the properties of a shape name."""
    found = element.find(f"{element.tag}Pr/{MATH}{name}")
    return default if found is None else found.get(f"{MATH}val", "")


def scripted(element: etree._Element) -> str:
    """Return a base with what stands below and above it; a sum or an integral with its bounds."""
    is_sum = element.tag == f"{MATH}nary"
    text = setting(element, "chr", "∫") if is_sum else part(element, "e")
    for name, sign in (("sub", "_"), ("sup", "^")):
        if part(element, name):
            text += sign + unit(element, name)
    return f"{text} {part(element, 'e')}" if is_sum else text


def radical(element: etree._Element) -> str:
    """Return a root with its degree."""
    return f"{part(element, 'deg')}√({part(element, 'e')})"


def bracketed(element: etree._Element) -> str:
    """Return what is in brackets with them."""
    inner = setting(element, "sepChr", "|").join(map(linear, element.findall(f"{MATH}e")))
    return setting(element, "begChr", "(") + inner + setting(element, "endChr", ")")


def matrix(element: etree._Element) -> str:
    """Return the rows of a matrix or of a group of equations."""
    rows = element.findall(f"{MATH}mr")
    if not rows:
        return "; ".join(map(linear, element.findall(f"{MATH}e")))
    return f"[{'; '.join(', '.join(map(linear, row)) for row in rows)}]"


SHAPES: dict[object, Callable[[etree._Element], str]] = {
    f"{MATH}f": lambda each: f"{unit(each, 'num')}/{unit(each, 'den')}",
    f"{MATH}sSup": scripted,
    f"{MATH}sSub": scripted,
    f"{MATH}sSubSup": scripted,
    f"{MATH}nary": scripted,
    f"{MATH}rad": radical,
    f"{MATH}d": bracketed,
    f"{MATH}m": matrix,
    f"{MATH}eqArr": matrix,
    f"{MATH}func": lambda each: f"{part(each, 'fName')} {part(each, 'e')}",
    f"{MATH}limLow": lambda each: f"{part(each, 'e')}_{unit(each, 'lim')}",
    f"{MATH}limUpp": lambda each: f"{part(each, 'e')}^{unit(each, 'lim')}",
}
