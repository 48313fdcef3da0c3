from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from server.schemas.native import Coverage, Gap
from tests.unit.knowledge_base.loaders.mails import make_mail
from tests.unit.webui_pages.conftest import add
from webui_pages import session
from webui_pages.client import ApiClient
from webui_pages.coverage_words import account, mark, ranges

MAIL = make_mail("See it.", subject="Plan", attached={"a_b.dwg": b"AC1032"}).as_bytes()
SCRIPT = "from webui_pages.knowledge_bases import show\nshow()"


@pytest.fixture
def page(api: str, client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("ZHIWEN_UI__API_URL", api)
    session.settings.cache_clear()
    add(client, "docs", {"mail.eml": MAIL})
    drawn = AppTest.from_string(SCRIPT, default_timeout=60)
    drawn.query_params["kb"] = "docs"
    yield drawn.run()
    client.delete_file("docs", "mail.eml")
    session.settings.cache_clear()


def make(words: int | None = None, read: int = 0, *gaps: Gap, ocr: int = 0) -> Coverage:
    share = read / words if words else None
    return Coverage(
        words=words,
        words_read=read,
        share=share,
        pages=9,
        pages_ocr=ocr,
        pages_blank=0,
        gaps=list(gaps),
        is_complete=not gaps and (share is None or share >= 0.98),
    )


def make_gap(kind: str, reason: str, name: str = "") -> Gap:
    return Gap.model_validate({"kind": kind, "reason": reason, "name": name})


def test_the_account_names_the_share_and_each_cause_once() -> None:
    coverage = make(
        100,
        97,
        make_gap("page", "no_time", "3"),
        make_gap("attachment", "unsupported", "x.dwg"),
        make_gap("page", "no_time", "7"),
        make_gap("page", "no_time", "8"),
        ocr=2,
    )
    assert list(account(coverage)) == [
        "97 % of the text was read",
        "pages 3, 7–8 not read: no time left for OCR",
        "attachment x\\.dwg not read: format not supported",
        "2 of 9 pages were read by OCR",
    ]


def test_what_has_no_name_is_counted() -> None:
    gaps = [make_gap("picture", "no_ocr")] * 3
    assert list(account(make(None, 0, *gaps))) == [
        "pictures (3) not read: pictures are not read here"
    ]
    assert list(account(make(None, 0, gaps[0]))) == ["picture not read: pictures are not read here"]


def test_formulas_without_a_value_are_counted_with_what_to_do() -> None:
    gap = make_gap("formula", "not_computed", "6")
    assert list(account(make(None, 0, gap))) == [
        "formulas without a value (6): open the file in Excel or LibreOffice and save it"
    ]


def test_many_names_are_cut_short() -> None:
    gaps = [make_gap("page", "damaged", str(number)) for number in range(1, 40, 2)]
    (told,) = account(make(None, 0, *gaps))
    assert told.startswith("pages 1, 3, 5,")
    assert "and 10 more not read: damaged" in told


def test_of_a_file_read_in_full_there_is_nothing_to_say() -> None:
    assert list(account(make(1000, 999))) == []


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        (make(1000, 979), "97 %"),
        (make(100, 100, make_gap("part", "damaged")), "in part"),
        (make(None, 0, make_gap("part", "damaged")), "in part"),
    ],
)
def test_the_mark_is_never_rounded_up(coverage: Coverage, expected: str) -> None:
    assert mark(coverage) == expected


def test_neighbouring_pages_are_told_together() -> None:
    assert list(ranges([1, 2, 3, 5, 8, 9])) == ["1–3", "5", "8–9"]


def test_the_list_marks_the_file_and_counts_it(page: AppTest) -> None:
    assert not page.exception
    shown = [text.value for text in page.markdown]
    assert ":orange[:material/warning: 1 of 3 files was not read in full]" in shown
    assert any("in part" in text for text in shown)


def test_the_dialog_of_a_file_tells_what_was_not_read(page: AppTest) -> None:
    next(button for button in page.button if button.label == "mail\\.eml").click().run()
    assert not page.exception
    told = "attachment a\\_b\\.dwg not read: format not supported"
    assert told in {text.value for text in page.warning}
