"""reStructuredText and RTF."""

import pytest

from server.errors import UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.mails import make_rtf


def test_headings_lists_and_tables_of_rst(read: Read) -> None:
    text = """
保养手册
========

Every *year* once.

Parts
-----

- red
- blue

====  =====
name  price
====  =====
pump  7
====  =====
"""
    document = read("a.rst", text)
    assert document.title == "保养手册"
    assert [block.text for block in document.blocks] == [
        "保养手册",
        "Every year once.",
        "Parts",
        "- red\n- blue",
        "name: pump; price: 7",
    ]
    assert document.blocks[-1].headings == ("保养手册", "Parts")


def test_what_only_sphinx_knows_keeps_its_text(read: Read) -> None:
    text = """
.. versionadded:: 3.2
   The *hum* option.

.. py:function:: start(speed)
   :module: pump

   Starts the :py:class:`Pump`, see :ref:`the manual <manual>`.

.. note:: Mind the gap.

.. code-block:: python

   pump.start(7)
"""
    result = read("a.rst", text).text
    for words in ("3.2", "The hum option.", "start(speed)", "Pump", "the manual", "Mind the gap."):
        assert words in result
    assert "pump.start(7)" in result


def test_rst_reads_no_other_file_and_takes_no_raw_html(read: Read, tmp_path: object) -> None:
    text = f".. include:: {tmp_path}/blob\n\n.. raw:: html\n\n   <b>raw</b>\n\nThe pump.\n"
    result = read("a.rst", text).text
    assert result.count("The pump.") == 1


@pytest.mark.parametrize("text", ["*" * 50_000, "=" * 9 + "\n" + "a\n" * 9, ".. " * 9999 + "x"])
def test_broken_rst_is_read_or_refused(read: Read, text: str) -> None:
    try:
        read("a.rst", text + "\n\nThe pump.")
    except UnreadableDocument as error:
        assert "deeply" in error.message("en")  # noqa: PT017  # either will do


def test_paragraphs_and_characters_of_rtf(read: Read) -> None:
    document = read("a.rtf", make_rtf("保养手册", "", "第一章 换油", "每年一次，about 3 l."))
    assert document.title == "保养手册"
    assert document.blocks[-1].text == "每年一次，about 3 l."
    assert document.blocks[-1].headings == ("第一章 换油",)


def test_other_text_is_no_rtf(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="not an RTF"):
        read("a.rtf", "The pump.")
