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
