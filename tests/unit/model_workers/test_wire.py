"""What goes between endpoint and workers comes out as it went in."""

import json

import pytest

from server.errors import InvalidRequest, ModelBusy, ModelFailed, PromptTooLong, ZhiwenError
from server.model_workers import wire
from server.model_workers.dispatch import split_frames
from server.model_workers.generator import Generation, Piece

CHAT = Generation(
    messages=[{"role": "user", "content": "你好"}],
    temperature=0.0,
    max_tokens=5,
    stop=("###",),
    seed=3,
    template_values={"enable_thinking": False},
)


@pytest.mark.parametrize("generation", [CHAT, Generation(messages=[], prompt="Once")])
def test_a_generation(generation: Generation) -> None:
    body = json.dumps(wire.write_generation("tiny", generation)).encode()
    assert wire.read_generation(body) == generation


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"seed": "x"}'])
def test_what_is_no_generation_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        wire.read_generation(body)


def test_what_is_wrong_with_a_generation_is_told_in_both_languages() -> None:
    with pytest.raises(InvalidRequest) as raised:
        wire.read_generation(b'{"seed": "x"}')
    assert raised.value.message("zh").endswith("seed 必须是整数 ('x')")


@pytest.mark.parametrize("piece", [Piece("半", 3, 1), Piece("", 3, 9, "length")])
def test_a_piece(piece: Piece) -> None:
    assert wire.read_piece(wire.frame(wire.write_piece(piece))[:-1], "tiny") == piece


@pytest.mark.parametrize(
    "error",
    [
        PromptTooLong(tokens=9, limit=5),
        ModelBusy(waiting=3, model="tiny"),
        ModelFailed(model="tiny", reason_en="gone", reason_zh="没了"),
        InvalidRequest(param="seed", problem_en="no", problem_zh="否"),
    ],
)
def test_an_error_keeps_its_kind_and_both_texts(error: ZhiwenError) -> None:
    with pytest.raises(type(error)) as raised:
        wire.read_piece(wire.frame(wire.write_error(error))[:-1], "tiny")
    assert raised.value.message("zh") == error.message("zh")
    assert raised.value.param == error.param


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 3, 100])
async def test_frames_are_found_wherever_the_parts_end(size: int) -> None:
    stream = "一\0二三\0四\0".encode()

    async def parts():
        for start in range(0, len(stream), size):
            yield stream[start : start + size]

    found = [frame.decode() async for frame in split_frames(parts())]
    assert found == ["一", "二三", "四"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
