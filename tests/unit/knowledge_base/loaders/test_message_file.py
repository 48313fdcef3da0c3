"""Messages of Outlook."""

from datetime import UTC, datetime

import pytest

from server.datatypes import Gap
from server.errors import TooLarge, UnreadableDocument
from server.knowledge_base.loaders.packed_rtf import unpack_rtf
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.mails import make_mail
from tests.unit.knowledge_base.loaders.makers import make_docx
from tests.unit.knowledge_base.loaders.ole import folder, make_msg, make_ole, message

SUBJECT, BODY, HTML, RTF = 0x0037, 0x1000, 0x1013, 0x1009
SENDER, SMTP, SENT, CODE_PAGE = 0x0C1A, 0x5D01, 0x0039, 0x3FFD
DATA, FILE_NAME = 0x3701, 0x3707
# The example of [MS-OXRTFCP] 3.1: "{\rtf1\ansi\ansicpg1252\pard hello world}".
PACKED = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af3206865"
    "6c090020627705b06c647d0a800fa0"
)


def test_head_and_text_of_a_message(read: Read) -> None:
    head = {
        SUBJECT: "Re: 保修",
        SENDER: "Åsa",
        SMTP: "asa@example.org",
        SENT: datetime(2024, 5, 1, 13, 30, tzinfo=UTC),
        BODY: "水泵保修三年。\r\n\r\nRegards",
    }
    document = read("a.msg", make_msg(head, to=[("Bo", "bo@example.org"), ("Cy", "")]))
    assert document.title == "Re: 保修"
    assert [block.text for block in document.blocks] == [
        "Re: 保修",
        "From: Åsa <asa@example.org>\nTo: Bo <bo@example.org>; Cy\nDate: 2024-05-01 13:30 UTC",
        "水泵保修三年。",
        "Regards",
    ]


def test_html_is_read_rather_than_its_copy_as_text(read: Read) -> None:
    html = "<table><tr><th>name</th><th>price</th></tr><tr><td>泵</td><td>7</td></tr></table>"
    content = make_msg({SUBJECT: "s", BODY: "name price", HTML: html.encode()})
    assert read("a.msg", content).text == "s\n\nname: 泵; price: 7"


def test_text_in_the_code_page_of_old_programs(read: Read) -> None:
    streams = {
        "__substg1.0_0037001E": "保修".encode("gbk"),
        "__substg1.0_1000001E": "水泵保修三年。".encode("gbk"),
    }
    tree = folder({CODE_PAGE: 936}, head=32, more=streams)
    assert read("a.msg", make_ole(tree)).text == "保修\n\n水泵保修三年。"


def test_text_that_is_only_there_as_packed_rtf(read: Read) -> None:
    assert unpack_rtf(PACKED) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert read("a.msg", make_msg({SUBJECT: "s", RTF: PACKED})).text == "s\n\nhello world"


def test_attachments_are_read_under_their_names(read: Read) -> None:
    word = make_docx(lambda document: document.add_heading("保养", 1))
    attached = [
        {FILE_NAME: "价格.csv", DATA: "名称,价格\n泵,7\n".encode()},
        {FILE_NAME: "plan.docx", DATA: word},
    ]
    blocks = read("a.msg", make_msg({SUBJECT: "报价"}, attached=attached)).blocks
    assert (blocks[2].text, blocks[2].headings) == ("名称：泵；价格：7", ("报价", "价格.csv"))
    assert (blocks[-1].text, blocks[-1].headings) == ("保养", ("报价", "plan.docx"))


def test_attachments_that_cannot_be_read_are_noted(read: Read) -> None:
    attached = [
        {FILE_NAME: "photo.psd", DATA: b"x"},
        {FILE_NAME: "all.zip", DATA: b"PK\3\4"},
        {FILE_NAME: "broken.docx", DATA: b"x"},
        {FILE_NAME: "linked.docx"},
        {FILE_NAME: "a.txt", DATA: b"The lamp."},
    ]
    document = read("a.msg", make_msg({SUBJECT: "s"}, attached=attached))
    assert document.blocks[-1].text == "The lamp."
    assert document.coverage.gaps == (
        Gap("attachment", "unsupported", "photo.psd"),
        Gap("attachment", "unsupported", "all.zip"),
        Gap("attachment", "damaged", "broken.docx"),
        Gap("attachment", "unsupported", "linked.docx"),
    )


def test_a_message_in_a_message_is_read(read: Read) -> None:
    inner = message(
        {SUBJECT: "Inner", BODY: "The lamp."}, attached=[{FILE_NAME: "a.txt", DATA: b"The valve."}]
    )
    content = make_msg({SUBJECT: "Outer"}, attached=[{0x3001: "Inner", DATA: inner}])
    blocks = read("a.msg", content).blocks
    assert (blocks[-1].text, blocks[-1].headings) == ("The valve.", ("Outer", "Inner", "a.txt"))


def test_messages_in_messages_without_end_are_noted(read: Read) -> None:
    inner = message({SUBJECT: "innermost"})
    for depth in range(10):
        inner = message({SUBJECT: str(depth)}, attached=[{FILE_NAME: f"m{depth}", DATA: inner}])
    document = read("a.msg", make_msg({SUBJECT: "s"}, attached=[{DATA: inner}]))
    assert document.coverage.gaps == (Gap("attachment", "too_large", "m5"),)


def test_mails_and_messages_hold_each_other(read: Read) -> None:
    mail = make_mail("The pump.", subject="mail").as_bytes()
    content = make_msg({SUBJECT: "s"}, attached=[{FILE_NAME: "a.eml", DATA: mail}])
    outer = make_mail("See below.", attached={"b.msg": content}).as_bytes()
    assert read("c.eml", outer).blocks[-1].text == "The pump."


def test_attachments_count_against_the_limit_together(read: Read) -> None:
    attached = [{FILE_NAME: f"{n}.txt", DATA: b"word " * 100} for n in range(5)]
    with pytest.raises(TooLarge):
        read("a.msg", make_msg({SUBJECT: "s"}, attached=attached), max_chars=2000)


def test_other_ole_files_are_refused(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="no Outlook message"):
        read("a.msg", make_ole({"WordDocument": b"x" * 5000}))


def test_a_stream_that_claims_to_be_longer_than_the_file_is_refused(read: Read) -> None:
    content = make_msg({SUBJECT: "s", BODY: "word " * 1000})
    size = (10_000).to_bytes(4, "little")
    assert content.count(size) == 2  # in the properties and in the directory
    with pytest.raises(UnreadableDocument, match="damaged"):
        read("a.msg", content.replace(size, (1 << 30).to_bytes(4, "little")))
