import pytest

from server.datatypes import Block
from server.errors import EmptyDocument, TooLarge, UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.makers import Text, make_pdf

FULL = "本制度适用于中国大陆全体员工的国内外出差单程不足六十公里且当日往"


def column(*texts: str, left: float = 72, top: float = 740, size: float = 12) -> list[Text]:
    return [(left, top - 18 * index, size, text) for index, text in enumerate(texts)]


def test_wrapped_chinese_is_joined_without_a_space(read: Read) -> None:
    document = read("a.pdf", make_pdf([column(FULL, "返的，按市内交通报销。")]))
    assert document.text == FULL + "返的，按市内交通报销。"


def test_wrapped_english_is_joined_with_a_space(read: Read) -> None:
    lines = ("The unit mixes nutrient solution from up to five stock", "tanks and corrects it.")
    assert read("a.pdf", make_pdf([column(*lines)])).text == " ".join(lines)


def test_hyphen_of_a_wrapped_word_is_undone(read: Read) -> None:
    lines = ("The unit mixes solution from up to five stock con-", "tainers at once.")
    assert "stock containers at once." in read("a.pdf", make_pdf([column(*lines)])).text


def test_hyphen_of_a_compound_is_kept(read: Read) -> None:
    lines = ("A well-known rule. The unit has a shape that is well-", "known to everyone.")
    assert "that is well-known to" in read("a.pdf", make_pdf([column(*lines)])).text


def test_line_that_ends_early_ends_its_paragraph(read: Read) -> None:
    document = read("a.pdf", make_pdf([column(FULL, "返。", "第二段从这里开始")]))
    assert [block.text for block in document.blocks] == [FULL + "返。", "第二段从这里开始"]


def test_blocks_know_their_page(read: Read) -> None:
    document = read("a.pdf", make_pdf([column("one"), [], column("three")]))
    assert [(block.text, block.page) for block in document.blocks] == [("one", 1), ("three", 3)]


def test_larger_lines_are_headings(read: Read) -> None:
    page = [
        (72, 780, 20, "产品手册"),
        (72, 740, 16, "保修"),
        *column(FULL, "返。", top=700),
    ]
    document = read("a.pdf", make_pdf([page]))
    assert document.title == "产品手册"
    assert document.blocks[-1].headings == ("产品手册", "保修")


def test_numbered_lines_are_headings(read: Read) -> None:
    page = column("第三章 保修", "3.1 期限", FULL, "返。")
    assert read("a.pdf", make_pdf([page])).blocks[-1].headings == ("第三章 保修", "3.1 期限")


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("年度报告", "年度报告"),
        ("Microsoft Word - a.doc", "首行"),
        ("untitled", "首行"),
        ("about:blank", "首行"),
        ("(anonymous)", "首行"),
        ("(unspecified)", "首行"),
        ("Microsoft Word - 年度报告", "首行"),
        ("Annual report.docx - Word", "首行"),
        ("Document1", "首行"),
        ("新建 Microsoft Word 文档", "首行"),
        (r"C:\Users\li\Desktop\report", "首行"),
        ("/home/li/drafts/report", "首行"),
        ("file:///tmp/print", "首行"),
        ("report_final.pdf", "首行"),
        ("HubOS 4.12", "HubOS 4.12"),
        ("Document control policy", "Document control policy"),
        ("新建厂房管理办法", "新建厂房管理办法"),
        ("Input/output modules", "Input/output modules"),
        ("", "首行"),
    ],
)
def test_title_of_the_properties_counts_if_a_person_wrote_it(
    read: Read, title: str, expected: str
) -> None:
    content = make_pdf([[*column("首行"), *column(FULL, "返。", top=600)]], title=title)
    assert read("a.pdf", content).title == expected


def test_the_title_is_on_the_first_page_that_has_text(read: Read) -> None:
    plain = [*column(FULL, "返。", top=700)]
    large = [(72.0, 700.0, 30.0, "扫描件的大标题"), *column(FULL, "返。", top=600)]
    assert read("a.pdf", make_pdf([plain, large])).title == "a"
    named = [*column("首行"), *column(FULL, "返。", top=600)]
    assert read("a.pdf", make_pdf([[], named, large])).title == "首行"


def test_broken_title_does_not_keep_the_text_out(read: Read) -> None:
    content = make_pdf([column("首行")], title="xx").replace(b"<feff00780078>", b"<feffdc00dc00>")
    assert read("a.pdf", content).text == "首行"


def test_rows_of_a_table_stay_on_their_lines(read: Read) -> None:
    rows = [("项目", "数值"), ("质量", "148 kg"), ("层数", "5")]
    page = [
        (left, 700 - 18 * index, 12, text)
        for index, row in enumerate(rows)
        for left, text in zip((72, 250), row, strict=True)
    ]
    (block,) = read("a.pdf", make_pdf([page])).blocks
    assert block == Block("项目  数值\n质量  148 kg\n层数  5", "table", page=1)


def test_items_of_a_list_stay_on_their_lines(read: Read) -> None:
    page = column("1. " + FULL, "返回。", "2. 提交申请")
    (block,) = read("a.pdf", make_pdf([page])).blocks
    assert block == Block(f"1. {FULL}返回。\n2. 提交申请", "list", page=1)


def page_of_a_book(number: int) -> list[Text]:
    return [
        (72, 800, 9, "北垄科技 年度报告"),
        *column(f"正文之{'甲乙丙丁戊'[number]}。", FULL, "完。"),
        (290, 40, 9, f"- {number + 1} -"),
    ]


def test_running_heads_and_page_numbers_are_dropped(read: Read) -> None:
    text = read("a.pdf", make_pdf([page_of_a_book(number) for number in range(5)])).text
    assert "年度报告" not in text
    assert "-" not in text
    assert text.count("正文") == 5


def test_what_repeats_on_two_pages_is_kept(read: Read) -> None:
    text = read("a.pdf", make_pdf([page_of_a_book(number) for number in range(2)])).text
    assert text.count("年度报告") == 2


def test_numbers_that_do_not_count_pages_are_kept(read: Read) -> None:
    pages = [[*column("某年", FULL), (72, 60, 12, str(year))] for year in (1998, 2003, 2024, 7)]
    assert "2003" in read("a.pdf", make_pdf(pages)).text


def test_pages_that_are_all_alike_are_kept(read: Read) -> None:
    assert read("a.pdf", make_pdf([column("同样的话")] * 4)).text.count("同样的话") == 4


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a pdf", "damaged"),
        (make_pdf([column("x")])[:200], "damaged"),
        (
            make_pdf(
                [column("x")],
                extra=b"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <"
                + b"41" * 32
                + b"> /U <"
                + b"42" * 32
                + b"> >>",
            ),
            "password",
        ),
    ],
    ids=["text", "cut", "encrypted"],
)
def test_unreadable_file_is_refused_with_the_reason(
    read: Read, content: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableDocument, match=reason):
        read("a.pdf", content)


def test_pages_without_text_are_empty(read: Read) -> None:
    with pytest.raises(EmptyDocument):
        read("a.pdf", make_pdf([[], []]))


def test_pages_up_to_the_limit_are_read(read: Read) -> None:
    content = make_pdf([column(f"page {number}") for number in range(3)])
    assert read("a.pdf", content, max_pages=3).text.count("page") == 3
    with pytest.raises(TooLarge, match=r"kb\.max_pages"):
        read("a.pdf", content, max_pages=2)
