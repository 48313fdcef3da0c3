"""Parses XML that may be hostile. Knows no vocabulary."""

from lxml import etree

from server.errors import UnreadableDocument

RESOURCE_LIMIT = 114  # libxml2's code for depth, long texts and entities; lxml has no name for it


def parse_xml(data: bytes, name: str) -> etree._Element:
    """Return the root of an XML document; nothing outside of it is looked up.

    Raises:
        UnreadableDocument: it is not well-formed, nested too deeply, or blown up by entities.
    """
    # Without "huge_tree", libxml2 itself limits depth and what entities grow to. Instructions that
    # stay in the tree would have the text after them as their tail.
    parser = etree.XMLParser(
        resolve_entities="internal",
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise not_parsed(name, error) from error


def not_parsed(name: str, error: etree.XMLSyntaxError) -> UnreadableDocument:
    """Return the error about data that is no XML, or goes beyond the limits of libxml2."""
    if error.code == RESOURCE_LIMIT or "too big" in error.msg:
        return UnreadableDocument(
            name=name,
            reason_en="its XML has a text of more than 10 MB, more than 256 elements inside each "
            "other, or entities that grow without end.",
            reason_zh="其中的 XML 有超过 10 MB 的单段文本、超过 256 层的嵌套，或无限膨胀的实体。",
        )
    line, column = error.position
    return UnreadableDocument(
        name=name,
        reason_en=f"it is not well-formed XML: {error.msg}.",
        reason_zh=f"第 {line} 行第 {column} 列不是格式正确的 XML。",
    )


def local_name(element: etree._Element) -> str:
    """Return the name of an element without its namespace, "" for what is no element."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
