from collections.abc import Iterable

import pytest

from server.model_workers.generator import Piece
from server.model_workers.transcript import Transcript

END = 0


def transcript(max_tokens: int = 100, stop: tuple[str, ...] = ()) -> Transcript:
    return Transcript(
        lambda tokens: bytes(tokens).decode("utf-8", "replace"),
        prompt_tokens=5,
        max_tokens=max_tokens,
        ends={END},
        stop=stop,
    )


def tell(written: Transcript, tokens: Iterable[int]) -> list[Piece]:
    return [piece for token in tokens if (piece := written.add(token)) is not None]


def test_an_end_token_counts_and_ends_the_answer() -> None:
    assert tell(transcript(), b"ab\0") == [
        Piece("a", 5, 1),
        Piece("b", 5, 2),
        Piece("", 5, 3, "stop"),
    ]


def test_the_last_token_allowed_ends_the_answer_with_length() -> None:
    assert tell(transcript(max_tokens=2), b"ab")[-1] == Piece("b", 5, 2, "length")


def test_an_end_token_as_the_last_one_allowed_is_a_stop() -> None:
    assert tell(transcript(max_tokens=2), b"a\0")[-1].finish_reason == "stop"


def test_tokens_inside_a_character_tell_nothing_but_count() -> None:
    assert tell(transcript(), "知".encode()) == [Piece("知", 5, 3)]


def test_a_stop_string_ends_the_answer_and_is_not_told() -> None:
    pieces = tell(transcript(stop=("bc",)), b"abc")
    assert pieces == [Piece("a", 5, 1), Piece("", 5, 3, "stop")]


@pytest.mark.parametrize("tokens", [b"ab\0", b"ab"])
def test_the_beginning_of_a_stop_string_is_told_at_the_end(tokens: bytes) -> None:
    pieces = tell(transcript(max_tokens=len(tokens), stop=("bc",)), tokens)
    assert "".join(piece.text for piece in pieces) == "ab"


def test_a_transcript_is_over_after_its_last_piece() -> None:
    written = transcript()
    tell(written, b"a\0")
    assert written.is_over
