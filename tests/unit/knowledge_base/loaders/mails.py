"""Makes e-mails, saved web pages and RTF. Knows no loader."""

from collections.abc import Mapping
from email.message import EmailMessage


def make_mail(
    text: str,
    *,
    subject: str = "",
    html: str = "",
    attached: Mapping[str, bytes] | None = None,
    forwarded: EmailMessage | None = None,
) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Åsa <asa@example.org>", "bo@example.org"
    message["Subject"] = subject
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, content in (attached or {}).items():
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=name
        )
    if forwarded:
        message.add_attachment(forwarded)
    return message


def make_mhtml(html: str) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "<Saved by a browser>", "page"
    message.set_content(html, subtype="html", charset="gb18030")
    message.add_related(b"\x89PNG", maintype="image", subtype="png", cid="<a>")
    return message.as_bytes()


def make_rtf(*paragraphs: str) -> bytes:
    escaped = (
        "".join(c if c.isascii() else f"\\u{ord(c)}?" for c in paragraph)
        for paragraph in paragraphs
    )
    return ("{\\rtf1\\ansi\\ansicpg936\\uc1 " + "\\par\n".join(escaped) + "}").encode()
