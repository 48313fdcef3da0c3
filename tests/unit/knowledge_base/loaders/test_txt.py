import pytest

from tests.unit.knowledge_base.loaders.conftest import Read


def test_blank_lines_part_paragraphs(read: Read) -> None:
    document = read("a.txt", "第一段\n还是第一段\n\n \n第二段。")
    assert [block.text for block in document.blocks] == ["第一段\n还是第一段", "第二段。"]


def test_numbered_lines_head_what_follows(read: Read) -> None:
    document = read(
        "a.txt", "第一章 总则\n一、范围\n适用于全体员工。\n二、期限\n一年。\n第二章 附则\n无。"
    )
    assert [(block.kind, block.headings) for block in document.blocks] == [
        ("heading", ()),
        ("heading", ("第一章 总则",)),
        ("text", ("第一章 总则", "一、范围")),
        ("heading", ("第一章 总则",)),
        ("text", ("第一章 总则", "二、期限")),
        ("heading", ()),
        ("text", ("第二章 附则",)),
    ]


def test_numbered_items_without_text_are_a_list_and_no_headings(read: Read) -> None:
    document = read("a.txt", "水果：\n一、苹果\n二、香蕉\n三、梨子。")
    assert [block.kind for block in document.blocks] == ["text"]


def test_sentence_that_begins_like_a_heading_is_text(read: Read) -> None:
    document = read("a.txt", "第三条规定了保修期限。\n\n1.2 万元以下的合同由主管批准")
    assert {block.kind for block in document.blocks} == {"text"}


def test_short_lines_over_the_text_are_the_title(read: Read) -> None:
    text = "北垄科技有限公司\n差旅制度\n文件编号：FIN-014\n\n" + "本制度适用于全体员工。" * 5
    assert read("a.txt", text).title == "北垄科技有限公司 差旅制度"


def test_file_name_is_the_title_where_the_text_begins_at_once(read: Read) -> None:
    assert read("值班表.txt", "周一，王强。\n周二，李明。").title == "值班表"


ENGLISH = """\
Customers mainly ask for longer tube life and for a way to prime a channel
without unscrewing the cover. Everything is packed on Friday. The movers come
at seven in the morning. Old and new tubes must not be mixed in one pump head;
Tom Birkett sees to that."""
CHINESE = """\
本制度适用于公司在中国大陆境内的全体正式员工和试用期员工，实习生及
外聘顾问出差时参照执行。员工出差前应在系统中填写申请单，注明出差的
目的、地点和起止日期，由直属主管批准。"""


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        (ENGLISH, ENGLISH.replace("\n", " ")),
        (ENGLISH.replace("\n", "\r\n"), ENGLISH.replace("\n", " ")),
        ("  " + ENGLISH, ENGLISH.replace("\n", " ")),
        (CHINESE, CHINESE.replace("\n", "")),
        ("　　" + CHINESE, CHINESE.replace("\n", "")),
    ],
    ids=["english", "crlf", "indented", "chinese", "indented chinese"],
)
def test_hard_wrapped_lines_of_a_paragraph_are_one(read: Read, text: str, folded: str) -> None:
    assert [block.text for block in read("a.txt", text).blocks] == [folded]


def test_a_word_that_was_wrapped_at_its_hyphen_keeps_it_without_a_space(read: Read) -> None:
    text = "The enclosure goes from IP54 to IP65 and all the plugs become gold-\nplated ones."
    assert "gold-plated ones." in read("a.txt", text).text


def test_wrapped_items_of_a_list_stay_apart(read: Read) -> None:
    items = [
        "- Old and new tubes must not be mixed in one pump head, as the rollers\n"
        "  have another gap.",
        "- The price list keeps the tube sets of both revisions until the end of\n  the year 2029.",
        "- No change.",
    ]
    (block,) = read("a.txt", "\n".join(items)).blocks
    assert block.text.split("\n") == [" ".join(item.split()) for item in items]


def test_what_hangs_under_its_key_goes_on_with_it(read: Read) -> None:
    text = """\
Date:      Wednesday 12 March 2025, 10:00-12:45
Present:   Daniel Osei (integration), Tom Birkett (field service),
           Aisha Rahman (electronics), Luo Liheng (CTO, video)
Apologies: Helen Ashcombe"""
    lines = read("a.txt", f"{text}\n\n{ENGLISH}").text.split("\n")
    assert lines[1] == (
        "Present: Daniel Osei (integration), Tom Birkett (field service), "
        "Aisha Rahman (electronics), Luo Liheng (CTO, video)"
    )


def test_an_indented_line_begins_a_paragraph(read: Read) -> None:
    text = f"　　{CHINESE}\n　　{CHINESE}"
    assert read("a.txt", text).text.split("\n") == 2 * [CHINESE.replace("\n", "")]


@pytest.mark.parametrize(
    "text",
    [
        "Tyger Tyger, burning bright,\nIn the forests of the night;\nWhat immortal hand or eye",
        "床前明月光\n疑是地上霜\n举头望明月\n低头思故乡",
        "North Furrow Ltd\n14 Harbour Road\nBristol\nBS1 4QA",
        "A1  Endurance test up to 1,600 hours of running   Solheim    30 April 2025\n"
        "A2  ferrite and short cable, then a new EMC scan  Rahman     4 April 2025",
        "name = the full name of the person who is responsible for this server\n"
        "mail = the address to which the alarms of this server are sent at once",
        "负责人：李静，分管华东地区全部门店的售后服务、备件供应和安装培训工作\n"
        "联系人：王强，分管华南地区全部门店的售后服务、备件供应和安装培训工作",
        "2025-03-12 10:00:01 INFO server started with three workers on port 80\n"
        "2025-03-12 10:00:07 INFO the first client connected from 10.0.0.7:5121\n"
        "2025-03-12 10:00:09 WARN the first client disconnected without a word",
        "| the lamp of the steriliser | is replaced after 9,000 hours of use |\n"
        "| the tubes of the two pumps | are replaced after 800 hours of use  |",
        "The lamp is replaced after 9,000 hours of use by the field service\n"
        "Clean the tank weekly\n"
        "Check the seals of the doors and of the two hatches every month or\n"
        "Never mind",
        "x" * 300 + "\n" + "y" * 300,
    ],
    ids=[
        *("verse", "chinese verse", "address", "columns", "settings", "keys", "log", "bars"),
        *("lines of all lengths", "one line a paragraph"),
    ],
)
def test_lines_that_were_meant_as_lines_are_kept(read: Read, text: str) -> None:
    assert read("a.txt", text).text == text


def test_a_table_in_a_wrapped_file_keeps_its_columns(read: Read) -> None:
    table = (
        "  Prototype build, 12 units        Jiaxing     22 April\n  Start of sales        Europe"
    )
    assert read("a.txt", f"{ENGLISH}\n\n{table}").blocks[-1].text == table
