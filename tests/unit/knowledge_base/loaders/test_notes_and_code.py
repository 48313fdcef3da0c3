"""Notebooks, exported notes, Python and subtitles."""

import json

import pytest

from server.errors import UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read


def test_cells_of_a_notebook_and_what_they_put_out(read: Read) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# 分析\n", "\n", "The *mean* of all pumps."]},
        {
            "cell_type": "code",
            "source": "mean(pumps)",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31mwarm\x1b[0m\n", "up\n"]},
                {"output_type": "execute_result", "data": {"text/plain": "12.5"}},
                {
                    "output_type": "display_data",
                    "data": {
                        "text/html": "<table><tr><th>name</th><th>price</th></tr>"
                        "<tr><td>pump</td><td>7</td></tr></table>",
                        "text/plain": "other",
                    },
                },
                {"output_type": "error", "ename": "ValueError", "evalue": "no pump"},
            ],
        },
    ]
    document = read("a.ipynb", json.dumps({"nbformat": 4, "cells": cells}))
    assert document.title == "分析"
    assert [block.text for block in document.blocks] == [
        "分析",
        "The mean of all pumps.",
        "mean(pumps)",
        "warm\nup",
        "12.5",
        "name: pump; price: 7",
        "ValueError: no pump",
    ]


def test_an_old_notebook_is_read(read: Read) -> None:
    cells = [
        {"cell_type": "heading", "level": 1, "source": ["Pumps"]},
        {"cell_type": "code", "input": "1 + 1", "outputs": [{"text": "2"}]},
    ]
    text = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]})
    assert read("a.ipynb", text).text == "Pumps\n\n1 + 1\n\n2"


def test_outputs_that_are_no_plain_text(read: Read) -> None:
    def show(**data: object) -> dict[str, object]:
        return {"data": {key.replace("_", "/"): value for key, value in data.items()}}

    outputs = [
        show(text_markdown="**Seven** pumps", text_plain="<IPython.core.display.Markdown object>"),
        show(text_html="<p>Eight lamps</p>"),
        show(text_plain="<Figure size 640x480 with 1 Axes>"),
        {"text": " 10%\r 50%\r100% done\x1b[2K\n"},
    ]
    cells = [
        {"cell_type": "code", "source": "1", "outputs": outputs},
        {"cell_type": "code", "source": "2", "outputs": None},
    ]
    document = read("a.ipynb", json.dumps({"cells": cells, "n": 0}).replace("0}", "9" * 5000 + "}"))
    assert [block.text for block in document.blocks] == [
        "1",
        "Seven pumps",
        "Eight lamps",
        "100% done",
        "2",
    ]


@pytest.mark.parametrize("text", ["{}", "[1]", '{"cells": [{}]}', '{"cells": 3}', "no"])
def test_other_json_is_no_notebook(read: Read, text: str) -> None:
    with pytest.raises(UnreadableDocument, match="Jupyter"):
        read("a.ipynb", text)


def test_notes_are_read_under_their_titles(read: Read) -> None:
    note = (
        "<note><title>{}</title><content><![CDATA[<?xml version='1.0'?><en-note><h1>Part</h1>"
        "<div>{}</div></en-note>]]></content><tag>home</tag><tag>garden</tag></note>"
    )
    text = f"<en-export>{note.format('泵', '每年换油')}{note.format('Lamp', 'red')}</en-export>"
    document = read("笔记.enex", text)
    assert document.title == "笔记"
    assert [(block.text, block.headings) for block in document.blocks[:4]] == [
        ("泵", ()),
        ("home, garden", ("泵",)),
        ("Part", ("泵",)),
        ("每年换油", ("泵", "Part")),
    ]
    assert document.blocks[-1].headings == ("Lamp", "Part")
    with pytest.raises(UnreadableDocument, match="Evernote"):
        read("a.enex", "<html/>")


SOURCE = '''"""Pumps."""

import os


@cached
class Pump:
    """It hums."""

    def start(self):
        return "on"  # 启动

    AGE = 7


# About stopping.\f
def stop():
    pass
'''


def test_source_is_kept_as_it_is_under_the_names_of_its_parts(read: Read) -> None:
    document = read("pump.py", SOURCE)
    assert document.title == "pump"
    places = {block.text: block.headings for block in document.blocks if block.kind == "text"}
    assert places['"""Pumps."""\n\nimport os'] == ()
    assert places['    def start(self):\n        return "on"  # 启动'] == ("Pump", "Pump.start")
    assert places["    AGE = 7"] == ("Pump",)
    assert places["# About stopping."] == ()
    assert places["def stop():\n    pass"] == ("stop",)
    for line in SOURCE.splitlines():
        assert line in document.text


def test_source_is_read_in_the_encoding_that_it_names(read: Read) -> None:
    text = "# -*- coding: shift_jis -*-\nNAME = 'ポンプ'\n"
    assert "ポンプ" in read("a.py", text.encode("shift_jis")).text
    assert (
        "水泵" in read("a.py", "# coding: utf-8\nNAME = '水泵的保养手册'\n".encode("gb18030")).text
    )


@pytest.mark.parametrize("text", ["print 'old'\n", "(" * 10_000, "def f(:\n  pass # 注\n"])
def test_source_that_is_broken_is_text(read: Read, text: str) -> None:
    if any(character.isalnum() for character in text):
        assert read("a.py", text).text == text.strip("\n")
    else:
        with pytest.raises(Exception, match="no text"):
            read("a.py", text)


def test_a_pause_ends_a_paragraph_of_subtitles(read: Read) -> None:
    text = """1
00:00:01,000 --> 00:00:04,000
The pump hums.

2
00:00:05,000 --> 00:00:06,000
It is old.

3
00:00:40,000 --> 00:00:42,000
The valve leaks.
"""
    assert [block.text for block in read("a.srt", text).blocks] == [
        "[00:00:01] The pump hums. It is old.",
        "[00:00:40] The valve leaks.",
    ]


def test_another_speaker_begins_a_paragraph_of_subtitles(read: Read) -> None:
    text = """1
00:00:01,000 --> 00:00:02,000
张工：水泵漏水了。

2
00:00:02,000 --> 00:00:03,000
张工：先停机。

3
00:00:03,000 --> 00:00:04,000
李工：密封圈换过吗？
"""
    assert [block.text for block in read("a.srt", text).blocks] == [
        "[00:00:01] 张工：水泵漏水了。 张工：先停机。",
        "[00:00:03] 李工：密封圈换过吗？",
    ]


def test_subtitles_are_sentences_with_their_times(read: Read) -> None:
    text = (
        "\ufeff1\r\n00:00:01,000 --> 00:00:04,000\r\n<i>The pump</i>\r\nhums.\r\n\r\n"
        "2\r\n00:00:05,000 --> 00:00:08,000\r\n{\\an8}It is 7 years old.\r\n"
    )
    assert read("a.srt", text).text == "[00:00:01] The pump hums. It is 7 years old."


def test_subtitles_of_an_hour_are_many_paragraphs(read: Read) -> None:
    text = "".join(
        f"{n}\n00:{n // 60:02}:{n % 60:02},000 --> 00:{n // 60:02}:{n % 60:02},900\n第{n}句，"
        f"讲的是水泵的保养。\n\n"
        for n in range(1, 600)
    )
    blocks = read("a.srt", text).blocks
    assert 10 < len(blocks) < 100
    assert all(block.text.startswith("[00:") for block in blocks)
    assert "第599句，讲的是水泵的保养。" in blocks[-1].text
    assert "第1句，讲的是水泵的保养。 第2句" in blocks[0].text


def test_captions_that_are_numbers_are_kept(read: Read) -> None:
    text = "00:01,000 --> 00:02,000\n42\n\n00:03,000 --> 00:04,000\n2024\n\n"
    assert read("a.srt", text).text == "[00:00:01] 42 2024"
    counted = "7\n00:01.000 --> 00:02.000 align:left\nseven\n00:03.000 --> 00:04.000\n8\n"
    assert "seven 8" in read("a.srt", counted).text


def test_text_without_times_is_no_file_of_subtitles(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="no times"):
        read("a.srt", "The pump hums.")
