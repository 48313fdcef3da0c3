"""reStructuredText. Does not know the extensions of Sphinx: their texts are kept all the same."""

import re
from threading import Lock
from typing import Any, BinaryIO, ClassVar

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.languages import en
from docutils.utils import SystemMessage, unescape

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.markup import add_markup, parse
from server.knowledge_base.loaders.outline import Outline

DIRECTIVE = re.compile(r"^\s*\.\.\s+(?:\|[^|]+\|\s+)?([\w:+-]+)::", re.MULTILINE)
ROLE = re.compile(r":([\w:+-]+):`")
TARGET = re.compile(r"\s+<[^<>]*>$")
DOCUTILS = Lock()  # it keeps its directives, roles and warnings for all threads together
SETTINGS = {
    "file_insertion_enabled": False,  # a document must not name files of this machine
    "raw_enabled": False,
    "embed_stylesheet": False,
    "stylesheet_path": None,
    "report_level": 5,  # what is not understood is kept as it is, without messages
    "halt_level": 5,
    "_disable_config": True,
    "input_encoding": "unicode",
    "output_encoding": "unicode",
    "line_length_limit": 10_000_000,
}


class AnyOptions(dict[str, Any]):
    """Takes every option of a directive as text."""

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return str


class Unknown(Directive):  # type: ignore[misc]  # docutils has no types
    """A directive of somebody else: its arguments and its content are text."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[Any] = AnyOptions()

    def run(self) -> list[nodes.Node]:
        """Return the argument as a paragraph and what the content holds."""
        container = nodes.container()
        for argument in self.arguments:
            text, messages = self.state.inline_text(argument, self.lineno)
            container += nodes.paragraph("", "", *text, *messages)
        self.state.nested_parse(self.content, self.content_offset, container)
        return [container]


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read headings, paragraphs, lists and tables."""
    text = decode(file.read(), name)
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        with DOCUTILS:
            learn(text)
            tree = publish_doctree(text, settings_overrides=SETTINGS)
            page = publish_from_doctree(tree, writer="html5", settings_overrides=SETTINGS)
        add_markup(outline, parse(page))
    except (RecursionError, SystemMessage) as error:
        raise UnreadableDocument(
            name=name,
            reason_en="its parts are nested too deeply.",
            reason_zh="内容嵌套过深。",
        ) from error
    return outline.document(tree.get("title", ""))


def learn(text: str) -> None:
    """Make docutils keep the text of the directives and roles that it does not know."""
    for directive in set(DIRECTIVE.findall(text)) - set(en.directives):
        directives.register_directive(directive, Unknown)
    for role in set(ROLE.findall(text)) - set(en.roles):
        roles.register_local_role(role, keep_text)


def keep_text(
    name: str, source: str, text: str, *_: Any, **__: Any
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """Return the text of a role of somebody else, without the target that it links to."""
    label = TARGET.sub("", unescape(text))
    return [nodes.inline(source, label)], []
