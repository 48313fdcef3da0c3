import io
import json
from base64 import b64encode
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.datatypes import Block, Document
from server.errors import TooLarge, UnknownFile, UnknownPage, UnreadableDocument, ZhiwenError
from server.knowledge_base import parse_wire
from server.knowledge_base.parse_wire import BadMessage, DocumentReader, PictureReader
from server.knowledge_base.rendering import MAX_SIDE, PNG_END, PNG_HEAD, Picture

MAX_CHARS = 10_000
MAX_BYTES = 1 << 20
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
BLOCKS = st.builds(
    Block,
    TEXT,
    st.sampled_from(sorted(parse_wire.KINDS)),
    st.none() | st.integers(1, 5000),
    st.lists(TEXT, max_size=4).map(tuple),
)


def send(document: Document) -> Document | None:
    reader = DocumentReader(max_chars=MAX_CHARS)
    buffer = bytearray()
    for message in parse_wire.document_messages(document):
        buffer += parse_wire.pack(message)
    received = None
    while buffer:
        message = parse_wire.take(buffer, max_bytes=MAX_BYTES)
        assert message is not None
        received = reader.read(message)
    return received


@given(TEXT, st.lists(BLOCKS, max_size=30))
def test_document_arrives_as_it_was(title: str, blocks: list[Block]) -> None:
    document = Document(title, tuple(blocks))
    assert send(document) == document


def test_long_document_travels_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_wire, "PORTION_CHARS", 500)
    document = Document("手册", tuple(Block(f"第 {i} 条", headings=("章",)) for i in range(50)))
    assert len(list(parse_wire.document_messages(document))) > 5
    assert send(document) == document


def test_blocks_under_the_same_headings_share_them() -> None:
    received = send(Document("手册", tuple(Block("文字", headings=("章", "节")) for _ in range(3))))
    assert received is not None
    assert len({id(block.headings) for block in received.blocks}) == 1


def test_kinds_are_those_of_a_block() -> None:
    assert set(parse_wire.KINDS) == set(get_args(get_type_hints(Block)["kind"]))


def test_incomplete_frame_is_left_in_the_buffer() -> None:
    frame = parse_wire.pack({"title": "手册"})
    for length in range(len(frame)):
        buffer = bytearray(frame[:length])
        assert parse_wire.take(buffer, max_bytes=MAX_BYTES) is None
        assert buffer == frame[:length]


def test_error_arrives_with_its_class_and_texts() -> None:
    sent = TooLarge(param="file", what_en="It", what_zh="它", limit="5 MiB", setting="kb.x")
    with pytest.raises(TooLarge) as caught:
        DocumentReader(max_chars=1).read(parse_wire.error_message(sent))
    got = caught.value
    assert (got.param, got.values, str(got)) == (sent.param, sent.values, str(sent))
    assert got.message("zh") == sent.message("zh")


def block(*fields: Any) -> dict[str, Any]:
    return {"blocks": [list(fields)]}


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"blocks": None},
        {"blocks": ["text"]},
        {"title": 5},
        block("x", "text", None, 0),
        block(5, "text", None, 0, []),
        block("x", "picture", None, 0, []),
        block("x", ["text"], None, 0, []),
        block("x", "text", 0, 0, []),
        block("x", "text", True, 0, []),
        block("x", "text", 1.5, 0, []),
        block("x", "text", None, 1, []),
        block("x", "text", None, -1, []),
        block("x", "text", None, 0, [5]),
        block("x", "text", None, 0, "headings"),
        block("x" * (MAX_CHARS + 1), "text", None, 0, []),
        {"blocks": [["", "text", None, 0, []]] * 200},
        {"blocks": [["", "text", None, 0, ["章" * 100]]] * 70},
        block("x", "text", None, 0, ["章" * 201]),
        block("x", "text", None, 0, ["章"] * 17),
        {"title": "手" * 301},
        {"error": "SystemExit", "values": {}},
        {"error": ["TooLarge"], "values": {}},
        {"error": UnknownFile.__name__, "values": {"knowledge_base": "x", "name": "y"}},
        {"error": UnreadableDocument.__name__, "values": {"name": "y"}},
        {"error": UnreadableDocument.__name__, "values": ["y"]},
        {"error": "EmptyDocument", "values": {"name": {"x": "y"}}},
        {"error": "EmptyDocument", "values": {"name": "y"}, "param": 5},
    ],
    ids=str,
)
def test_message_of_a_hostile_process_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(BadMessage):
        DocumentReader(max_chars=MAX_CHARS).read(message)


def make_png(width: int, height: int, *, size: int = 100) -> bytes:
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return PNG_HEAD + sides + b"\0" * size + PNG_END


def show(png: bytes, pages: Any = 1) -> dict[str, Any]:
    return {"picture": b64encode(png).decode(), "pages": pages}


def test_a_picture_arrives_as_it_was() -> None:
    sent = Picture(make_png(MAX_SIDE, 1), 12)
    frame = bytearray(parse_wire.pack(parse_wire.picture_message(sent)))
    message = parse_wire.take(frame, max_bytes=PictureReader.max_bytes)
    assert message is not None
    assert PictureReader().read(message) == sent


def test_an_error_comes_in_place_of_a_picture() -> None:
    with pytest.raises(UnknownPage, match="no page 9: it has 3"):
        PictureReader().read(
            parse_wire.error_message(UnknownPage(name="a.pdf", page="9", pages="3"))
        )


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"title": "手册", "coverage": {}},
        {"picture": 5, "pages": 1},
        {"picture": "no base64!", "pages": 1},
        {"picture": "页", "pages": 1},
        show(b""),
        show(b"<svg onload=alert(1)>"),
        show(make_png(MAX_SIDE + 1, 1)),
        show(make_png(1, 2**31)),
        show(make_png(0, 1)),
        show(make_png(1, 1, size=parse_wire.MAX_PICTURE_BYTES)),
        show(make_png(1, 1)[:-1]),
        show(make_png(1, 1), 0),
        show(make_png(1, 1), "1"),
        show(make_png(1, 1), True),
        {"error": "SystemExit", "values": {}},
    ],
    ids=lambda message: str(message)[:60],
)
def test_a_picture_of_a_hostile_process_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(BadMessage):
        PictureReader().read(message)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"5", b"[" * 100_000, b"\0" * 9])
def test_frame_of_something_else_is_refused(body: bytes) -> None:
    frame = len(body).to_bytes(parse_wire.LENGTH_BYTES, "big") + body
    with pytest.raises(BadMessage):
        parse_wire.take(bytearray(frame), max_bytes=MAX_BYTES)


def test_frame_that_says_it_is_too_long_is_refused_before_it_comes() -> None:
    with pytest.raises(BadMessage):
        parse_wire.take(bytearray(b"\xff\xff\xff\xff"), max_bytes=MAX_BYTES)


def test_stream_ends_between_frames_or_is_refused() -> None:
    frame = parse_wire.pack({"name": "手册"})
    stream = io.BytesIO(frame + frame[:-1])
    assert parse_wire.read(stream) == {"name": "手册"}
    with pytest.raises(BadMessage):
        parse_wire.read(stream)
    assert parse_wire.read(stream) is None


@pytest.mark.parametrize("error", parse_wire.ERRORS.values())
def test_every_error_that_travels_has_texts_as_values(error: type[ZhiwenError]) -> None:
    names = ("name", "reason_en", "reason_zh", "what_en", "what_zh", "limit", "setting")
    values = {name: name for name in (*names, "supported", "page", "pages")}
    message = json.loads(json.dumps(parse_wire.error_message(error(**values))))
    assert str(parse_wire.read_error(message)) == str(error(**values))
