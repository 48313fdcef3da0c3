import pytest

from webui_pages.sse import Frame, read_frames

STREAM = (
    ': ping\r\n\r\nevent: delta\r\ndata: {"text": "a\u2028b 知"}\r\n\r\nid: 7\r\ndata: 1\r\n\r\n'
).encode()
FRAMES = [Frame("delta", {"text": "a\u2028b 知"}), Frame("message", 1)]


@pytest.mark.parametrize("size", range(1, 20))
def test_frames_do_not_depend_on_where_the_bytes_are_cut(size: int) -> None:
    parts = [STREAM[i : i + size] for i in range(0, len(STREAM), size)]
    assert list(read_frames(parts)) == FRAMES


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_line_is_understood(end: str) -> None:
    assert list(read_frames([STREAM.replace(b"\r\n", end.encode())])) == FRAMES


def test_several_lines_of_data_are_one_value() -> None:
    assert list(read_frames([b"data: [1,\ndata: 2]\n\n"])) == [Frame("message", [1, 2])]


def test_an_event_that_was_cut_off_is_left_out() -> None:
    assert list(read_frames([b'data: 1\n\ndata: {"te'])) == [Frame("message", 1)]
