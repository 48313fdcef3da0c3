"""E-mail and saved web pages."""

import pytest

from server.datatypes import Gap, GapReason
from server.errors import TooLarge, UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.mails import make_mail, make_mhtml
from tests.unit.knowledge_base.loaders.makers import make_docx


def test_head_and_text_of_a_mail(read: Read) -> None:
    mail = make_mail("水泵保修三年。\n\nRegards", subject="Re: 保修")
    document = read("a.eml", mail.as_bytes())
    assert document.title == "Re: 保修"
    assert [block.text for block in document.blocks] == [
        "Re: 保修",
        "From: Åsa <asa@example.org>\nTo: bo@example.org",
        "水泵保修三年。",
        "Regards",
    ]


def test_html_is_read_rather_than_its_copy_as_text(read: Read) -> None:
    html = "<table><tr><th>name</th><th>price</th></tr><tr><td>pump</td><td>7</td></tr></table>"
    document = read("a.eml", make_mail("name price pump 7", html=html).as_bytes())
    assert document.blocks[-1].text == "name: pump; price: 7"
    assert len(document.blocks) == 2


def test_attachments_are_read_under_their_names(read: Read) -> None:
    word = make_docx(lambda document: document.add_heading("保养", 1))
    attached = {"../../价格.csv": "名称,价格\n泵,7\n".encode(), "plan.docx": word}
    blocks = read("a.eml", make_mail("见附件", subject="报价", attached=attached).as_bytes()).blocks
    assert (blocks[-3].text, blocks[-3].headings) == (
        "名称：泵；价格：7",
        ("报价", "../../价格.csv"),
    )
    assert (blocks[-1].text, blocks[-1].headings) == ("保养", ("报价", "plan.docx"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("photo.psd", "unsupported"),
        ("broken.docx", "damaged"),
        ("empty.pdf", "damaged"),
        ("all.zip", "unsupported"),
        ("all.7z", "unsupported"),
        ("all.tar.gz", "unsupported"),
        ("scan.png", "no_ocr"),
        ("no name", "unsupported"),
    ],
)
def test_an_attachment_that_cannot_be_read_is_noted_and_costs_only_itself(
    read: Read, name: str, reason: GapReason
) -> None:
    mail = make_mail("The pump.", attached={name: b"\0\1\2", "a.txt": b"The lamp."})
    document = read("a.eml", mail.as_bytes())
    assert document.coverage.gaps == (Gap("attachment", reason, name),)
    assert "The pump." in document.text
    assert document.text.endswith("The lamp.")


def test_a_forwarded_mail_is_read_with_what_it_holds(read: Read) -> None:
    inner = make_mail("The lamp.", subject="Inner", attached={"a.txt": b"The valve."})
    blocks = read(
        "a.eml", make_mail("See below.", subject="Outer", forwarded=inner).as_bytes()
    ).blocks
    assert (blocks[-1].text, blocks[-1].headings) == ("The valve.", ("Outer", "Inner", "a.txt"))
    assert sum("The lamp." in block.text for block in blocks) == 1


def test_mails_in_mails_without_end_are_read_or_refused(read: Read) -> None:
    mail = make_mail("The innermost.", subject="0")
    for depth in range(1, 30):
        mail = make_mail(f"Mail {depth}.", subject=str(depth), forwarded=mail)
    document = read("a.eml", mail.as_bytes())
    assert "Mail 29." in document.text
    assert document.coverage.gaps == (Gap("attachment", "too_large", "23"),)


def test_attachments_count_against_the_limit_together(read: Read) -> None:
    mail = make_mail("x", attached={f"{n}.txt": b"word " * 100 for n in range(5)})
    with pytest.raises(TooLarge):
        read("a.eml", mail.as_bytes(), max_chars=2000)


@pytest.mark.parametrize("charset", ["gb2312", "x-unknown", "utf-8"])
def test_text_in_an_encoding_that_is_not_what_it_says(read: Read, charset: str) -> None:
    head = f"From: a@b.c\nContent-Type: text/plain; charset={charset}\n"
    head += "Content-Transfer-Encoding: 8bit\n\n"
    assert "水泵" in read("a.eml", head.encode() + "水泵保修三年。".encode("gb18030")).text


def test_text_that_is_no_mail_is_refused(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="no e-mail"):
        read("a.eml", "The pump is red.\n")


def test_saved_page_is_read_in_its_encoding(read: Read) -> None:
    page = "<html><head><title>保养</title></head><body><h1>换油</h1><p>每年一次</p></body></html>"
    document = read("a.mhtml", make_mhtml(page))
    assert document.title == "保养"
    assert [block.text for block in document.blocks] == ["换油", "每年一次"]
    with pytest.raises(UnreadableDocument, match="no web page"):
        read("a.mhtml", make_mail("text only").as_bytes())
