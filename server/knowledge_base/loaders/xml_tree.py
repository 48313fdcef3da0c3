"""Parses XML that may be hostile. Knows no vocabulary."""

from lxml import etree

from server.errors import UnreadableDocument


def parse_xml(data: bytes, name: str) -> etree._Element:
    """Return the root of an XML document; nothing outside of it is looked up.

    Raises:
        UnreadableDocument: it is not well-formed, nested too deeply, or blown up by entities.
    """
    # Without "huge_tree", libxml2 itself limits depth and what entities grow to.
    parser = etree.XMLParser(
        resolve_entities="internal", no_network=True, load_dtd=False, remove_comments=True
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableDocument(
            name=name,
            reason_en=f"it is not well-formed XML ({error}).",
            reason_zh=f"它不是格式正确的 XML（{error}）。",
        ) from error


def local_name(element: etree._Element) -> str:
    """Return the name of an element without its namespace, "" for a processing instruction."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
