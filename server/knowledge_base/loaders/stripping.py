"""Takes the marks out of markup, as far as it takes to count words. Knows no files.

Nothing is parsed: what is not well formed ends nothing but the element that it is in, and no text
takes longer than its length.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape

TAG = re.compile(r"<[^<>]*>")
NAMED_TAG = re.compile(r"<(/?)([A-Za-z][\w:-]*+)([^<>]*+)>")
COMMENT = re.compile("<!--"), "-->"
SCRIPT = re.compile(r"<script\b[^<>]*(?<!/)>", re.IGNORECASE), "</script"
STYLE = re.compile(r"<style\b[^<>]*(?<!/)>", re.IGNORECASE), "</style"
DEFINITIONS = re.compile(r"<!DOCTYPE\b[^<>\[]*\[", re.IGNORECASE), "]"
INSTRUCTION = re.compile(r"<\?"), "?>"
ENTITY = re.compile(r"&\w+;")  # that the file itself defines
HTML_BREAK = re.compile(
    r"</?(?:address|article|aside|blockquote|body|br|caption|center|d[dlt]|details|div|fieldset|"
    r"figcaption|figure|footer|form|h[1-6]|header|hr|legend|li|main|[ou]l|p|pre|section|summary|"
    r"t[drh]|table|tbody|tfoot|thead)\b[^<>]*>",
    re.IGNORECASE,
)
NOT_SHOWN = re.compile(
    "head|nav|template|noscript|iframe|object|svg|canvas|button|select|textarea|dialog|footer"
)
HIDDEN = re.compile(
    r"(?:^|\s)hidden(?:[\s=/]|$)|display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE
)
VOID = re.compile("area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr")

# The text of office programs lies in elements named t, that of formulas, which loaders write anew,
# in m:t; others here end a word.
OFFICE_TEXT = re.compile(
    r"<(?:(?!m:)\w+:)?t(?:\s[^<>]*)?(?<!/)>([^<]*)<|</?(?:\w+:)?(?:p|br|cr|tab|si|is|text|tc)\b"
)
TWICE = ("mc:Fallback", "w:moveFrom", "a:fld", "rPh")  # fields of slides repeat their numbers
CODED = re.compile("_x[0-9A-F]{4}_")  # how these programs write control characters
CACHE = re.compile(r"<c:(?:s|multiLvlS)trCache>")
CACHED = re.compile(r"<c:v>([^<]*)<")
NOT_IN_BODY = (
    *("text:tracked-changes", "text:note-citation", "text:ruby-text", "office:binary-data"),
    *("dc:creator", "dc:date", "svg:title", "svg:desc"),
)
ODT_BREAK = re.compile(
    r"</?(?:text:(?:p|h|s|tab|line-break|list|list-item|note)|(?:table|draw):[^\s<>]+)\b[^<>]*>"
)

TITLE = re.compile("<title>([^<]*)<")

FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
MARKDOWN_MARKS = re.compile(
    r"\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)?\)"  # where a link leads
    r"|\]\[[^\[\]\n]*\]"
    r"|^ {0,3}\[[^\[\]\n]+\]:[ \t]*\S+(?:[ \t]+[\"'(].*)?$"
    r"|^[ \t>]*(?:`{3,}|~{3,}).*$"  # the language of code
    r"|^[ \t>]*\d+[.)](?=\s)",
    re.MULTILINE,
)
RST_DIRECTIVE = re.compile(r"\s*\.\.\s+(?:\|[^|]+\|\s+)?(?:[\w:+-]+::|\[[^\]]+\])(?P<rest>.*)")
NOT_TEXT = re.compile("(?:image|figure|include|code|code-block|sourcecode|highlight)::")
RST_MARKS = re.compile(r":[\w:+-]+:(?=`)|\s<[^<>\n]*>(?=`)|^[ \t]*:[^:\n]+:.*$", re.MULTILINE)
SRT_MARKS = re.compile(
    r"^[ \t]*\d+[ \t\r]*$|^.*-->.*$|</?[a-z][^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}",
    re.MULTILINE | re.IGNORECASE,
)


def without(text: str, *spans: tuple[re.Pattern[str], str]) -> str:
    """Return a text without what begins like a pattern and ends with a string.

    What does not end stays: to look for its end from each beginning would take without end.
    """
    for begin, end in spans:
        first, *others = begin.split(text)
        kept = [first]
        for other in others:
            inside, found, rest = other.partition(end)
            kept.append(rest if found else inside)
        text = "".join(kept)
    return text


def element(name: str) -> tuple[re.Pattern[str], str]:
    """Return an element of XML for ``without``; what is left is outside of it."""
    return re.compile(rf"<{name}\b[^<>]*(?<!/)>"), f"</{name}>"


def html_text(source: str) -> str:
    """Return what a page shows, without navigation, forms and feet."""
    shown = visible(without(source, DEFINITIONS, COMMENT, SCRIPT, STYLE))
    return unescape(TAG.sub("", HTML_BREAK.sub("\n", shown)))


def visible(source: str) -> str:
    """Return a page without the elements that a browser or a reader leaves out."""
    parts: list[str] = []
    start = depth = 0
    left_out = ""  # the name of the element that is left out now
    for tag in NAMED_TAG.finditer(source):
        ending, name, attributes = tag[1], tag[2].lower(), tag[3]
        if left_out:
            if name == left_out and not attributes.endswith("/"):
                depth += -1 if ending else 1
            if not depth or (left_out == "head" and name == "body"):  # it may end by itself
                left_out, start = "", tag.end()
        elif not ending and is_left_out(name, attributes):
            parts.append(source[start : tag.start()])
            left_out, depth = name, 1
    return " ".join(parts if left_out else [*parts, source[start:]])


def is_left_out(name: str, attributes: str) -> bool:
    """Tell whether an element that begins is not shown, or does not belong to the text."""
    if VOID.fullmatch(name) or attributes.endswith("/"):
        return False
    return bool(NOT_SHOWN.fullmatch(name) or (attributes and HIDDEN.search(attributes)))


def xml_text(source: str) -> str:
    """Return the text between the tags; attributes are not counted."""
    text = without(source, DEFINITIONS, COMMENT, INSTRUCTION)
    text = text.replace("<![CDATA[", "").replace("]]>", "")
    return ENTITY.sub(" ", unescape(TAG.sub("\n", text)))


def note_texts(source: str) -> Iterator[str]:
    """Yield the titles and contents of an export of Evernote."""
    text = without(source, *map(element, ("data", "alternate-data")))
    yield unescape("\n".join(TITLE.findall(text)))
    for content in text.split("<content>")[1:]:
        inside = content.partition("</content>")[0]
        page = inside.replace("<![CDATA[", "") if "<![CDATA[" in inside else unescape(inside)
        yield html_text(without(page, element("en-crypt")).replace("]]>", ""))


def office_text(source: str) -> str:
    """Return the text in a part of an office document, without what is there twice."""
    found = OFFICE_TEXT.findall(without(source, *map(element, TWICE)))
    return CODED.sub(" ", unescape("".join(text or "\n" for text in found)))


def chart_texts(source: str) -> Iterable[str]:
    """Return the names in a chart once: each series repeats those of its categories."""
    caches = (cache.partition("trCache>")[0] for cache in CACHE.split(source)[1:])
    return dict.fromkeys(unescape(name) for cache in caches for name in CACHED.findall(cache))


def odt_text(source: str) -> str:
    """Return the body of a text, without what was deleted and what only counts notes."""
    body = without(f"<{source.partition('<office:body')[2]}", *map(element, NOT_IN_BODY))
    return unescape(TAG.sub("", ODT_BREAK.sub("\n", body)))


def markdown_text(source: str) -> str:
    """Return a text without where its links lead, its front matter, its tags and comments."""
    lines = FRONT_MATTER.sub("", source.replace("\r\n", "\n"), count=1)
    text = without(lines, COMMENT, SCRIPT, STYLE)
    return unescape(TAG.sub(" ", MARKDOWN_MARKS.sub(" ", text)))


def restructured_text(source: str) -> str:
    """Return a text without comments, targets and the names of directives and roles."""
    kept: list[str] = []
    comment: int | None = None  # how far the comment is indented that a line may belong to
    for line in source.splitlines():
        indent = len(line) - len(line.lstrip())
        if comment is not None and (not line.strip() or indent > comment):
            continue
        comment = None
        if not line.lstrip().startswith(".. "):
            kept.append(line)
        elif match := RST_DIRECTIVE.match(line):
            kept.append("" if NOT_TEXT.search(line) else match["rest"])
        else:
            comment = indent
    return RST_MARKS.sub(" ", "\n".join(kept))


def subtitle_text(source: str) -> str:
    """Return what is said, without numbers and times."""
    return SRT_MARKS.sub("", source)
