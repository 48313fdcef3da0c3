"""Which answers of a web server are documents, and of which format. Knows no network."""

import codecs
from email.message import Message
from pathlib import PurePosixPath

OFFICE = "application/vnd.openxmlformats-officedocument"
EXTENSIONS = {  # by media type
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/x-rst": ".rst",
    "application/pdf": ".pdf",
    "application/json": ".json",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "application/epub+zip": ".epub",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.oasis.opendocument.text": ".odt",
    f"{OFFICE}.wordprocessingml.document": ".docx",
    f"{OFFICE}.spreadsheetml.sheet": ".xlsx",
    f"{OFFICE}.presentationml.presentation": ".pptx",
}
# What servers call files that they do not know; the address then says more.
PLAIN = {".md", ".markdown", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".toml", ".srt"}
VAGUE = {"application/octet-stream", "binary/octet-stream", "application/download"}
# Of every text, so that nothing is seen from it; the page itself may know better.
TELLS_NOTHING = {"iso-8859-1", "latin-1", "us-ascii", "utf-8"}


def read_type(header: str) -> tuple[str, str]:
    """Return the media type and the character set of a header, "" for what it does not say."""
    message = Message()
    message["content-type"] = header
    charset = message.get_content_charset("")
    return (message.get_content_type() if header else ""), str(charset)


def extension_of(media_type: str, path: str) -> str | None:
    """Return the extension of a document by its type and the path of its address, None if none."""
    suffix = PurePosixPath(path).suffix.lower()
    if media_type == "text/plain" and suffix in PLAIN:
        return suffix
    if media_type in VAGUE and suffix in {*PLAIN, *EXTENSIONS.values()}:
        return suffix
    return EXTENSIONS.get(media_type)


def to_utf8(data: bytes, media_type: str, charset: str) -> bytes:
    """Return a text with its encoding marked where only the server said it, else the same bytes."""
    if not media_type.startswith("text/") or charset.lower() in {"", *TELLS_NOTHING}:
        return data
    try:
        return codecs.BOM_UTF8 + data.decode(charset).encode()
    except (LookupError, UnicodeError):  # unknown or wrong: who reads the file finds out
        return data
