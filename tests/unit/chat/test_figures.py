"""Figures in one spelling."""

import pytest

from server.chat.figures import find_figures, known_figures


def values(text: str) -> list[str]:
    return [value for figure in find_figures(text) for value in figure.values]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9,000 hours or ９，０００", ["9000", "9000"]),
        ("2.50 and 2.5 and 007", ["2.5", "2.5", "7"]),
        ("3.5亿，3 万，1.2 million", ["350000000", "30000", "1200000"]),
        ("2024-01-05 or 2024.1.5 or 2024/1/5", ["2024", "1", "5"] * 3),
        ("2024年1月5日", ["2024", "1", "5"]),
        ("35% and 8:30", ["35", "8", "30"]),
        ("NF-A320 and iso9001", ["nfa320", "iso9001"]),
        ("v0.2.10 and 192.168.1.10", ["0.2.10", "192.168.1.10"]),
        ("5kg, 50Hz/60Hz, 10-15 m²", ["5", "50", "60", "10", "15"]),
        ("三十五、二〇二四、一百零五、一百五", ["35", "2024", "105", "150"]),
        ("三千五百万和一亿二千万和壹万", ["35000000", "120000000", "10000"]),
        ("八天，两年", ["8", "2"]),
        ("百分之三十五", ["35"]),
        ("一般，三个方面，千万不要，万一，第三天，三四天，五六十人，十分", []),
        ("words only, m²", []),
    ],
)
def test_figures_have_one_spelling(text: str, expected: list[str]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("twenty-four months", "24"),
        ("five million", "5,000,000"),
        ("On January 5, 2024", "2024-01-05"),
        ("the P-200", "200"),
        ("NF-A320-B", "NF-A320"),
        ("NF A320", "NF-A320"),
        ("ISO 9001", "ISO9001"),
        ("八天", "8"),
        ("八点半", "8:30"),
    ],
)
def test_a_source_has_its_figures_in_other_words_too(text: str, answer: str) -> None:
    assert set(values(answer)) <= known_figures(text)


@pytest.mark.parametrize(
    ("text", "answer"), [("P-200", "P-20"), ("10-15", "1015"), ("1月5日", "15"), ("2.50", "250")]
)
def test_a_part_of_a_figure_is_another_one(text: str, answer: str) -> None:
    assert not set(values(answer)) <= known_figures(text)


def test_a_figure_is_shown_as_it_is_written() -> None:
    text = "约 3.5亿元，即 ９，０００ 股"
    shown = [figure.text for figure in find_figures(text)]
    assert shown == ["3.5亿", "９，０００"]
    assert all(text.startswith(figure.text, figure.start) for figure in find_figures(text))
