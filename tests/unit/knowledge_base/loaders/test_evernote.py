"""Exports of Evernote beyond their notes."""

import base64

from tests.unit.knowledge_base.loaders.conftest import Read


def note(title: str, text: str, further: str = "") -> str:
    content = f"<content><![CDATA[<en-note>{text}</en-note>]]></content>"
    return f"<note><title>{title}</title>{content}{further}</note>"


def test_large_attachments_are_passed_over(read: Read) -> None:
    data = base64.encodebytes(b"x" * 8_000_000).decode()
    resource = (
        f'<resource><data encoding="base64">{data}</data><mime>a/b</mime>'
        f'<alternate-data encoding="base64">{data}</alternate-data></resource>'
    )
    text = f"<en-export>{note('Pump', 'red', resource)}</en-export>"
    assert read("a.enex", text).text == "Pump\n\nred"


def test_tags_of_data_without_end_cost_no_time(read: Read) -> None:
    text = f"<en-export>{note('Pump', 'red' + '<data' * 500_000)}</en-export>"
    assert "red" in read("a.enex", text).text


def test_a_note_without_a_title_is_not_under_the_note_before(read: Read) -> None:
    text = f"<en-export>{note('Pump', 'red')}{note(' ', 'blue', '<tag>lost</tag>')}</en-export>"
    document = read("a.enex", text)
    assert [(block.text, block.headings) for block in document.blocks[1:]] == [
        ("red", ("Pump",)),
        ("lost", ()),
        ("blue", ()),
    ]


def test_encrypted_parts_of_a_note_are_left_out(read: Read) -> None:
    secret = '<en-crypt hint="x">RU5DMI<en-crypt>k3</en-crypt></en-crypt>'
    text = f"<en-export>{note('Pump', f'<div>red {secret}and blue</div>')}</en-export>"
    assert read("a.enex", text).text == "Pump\n\nred and blue"


def test_tasks_of_a_note_are_kept(read: Read) -> None:
    tasks = "<task><title>Oil it</title><created>1</created></task><task><title>泵</title></task>"
    text = f"<en-export>{note('Pump', 'red', tasks)}</en-export>"
    assert read("a.enex", text).text == "Pump\n\nred\n\n- Oil it\n- 泵"
