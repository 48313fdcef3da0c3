from collections.abc import Sequence

import pytest

from server.model_workers.token_text import Detokenizer, StopStrings


def decode_bytes(tokens: Sequence[int]) -> str:
    """Decode tokens that are bytes, as the byte-level tokenizers do."""
    return bytes(tokens).decode("utf-8", "replace")


def decode_words(tokens: Sequence[int]) -> str:
    """Decode words with spaces between, and none at the start, as SentencePiece does."""
    return " ".join(("", "one", "two")[token] for token in tokens if token).strip()


def push_bytes(text: bytes) -> list[str]:
    detokenizer = Detokenizer(decode_bytes)
    return [*(detokenizer.push(byte) for byte in text), detokenizer.flush()]


def test_no_piece_holds_half_a_character() -> None:
    assert push_bytes("a知é".encode()) == ["a", "", "", "知", "", "é", ""]


def test_bytes_that_are_no_character_come_out_as_the_whole_text_has_them() -> None:
    noise = b"a\xe4\xe4\xbd\xa0\xff\xffz\x80b"
    assert "".join(push_bytes(noise)) == noise.decode("utf-8", "replace")


def test_half_a_character_at_the_end_is_left_out() -> None:
    assert "".join(push_bytes("你好".encode()[:-1])) == "你"


def test_spaces_between_words_survive() -> None:
    detokenizer = Detokenizer(decode_words)
    assert [detokenizer.push(token) for token in (1, 2, 2)] == ["one", " two", " two"]


def test_a_token_without_text_does_not_cost_the_next_one_its_space() -> None:
    detokenizer = Detokenizer(decode_words)
    assert [detokenizer.push(token) for token in (1, 0, 2)] == ["one", "", " two"]


def push_all(stops: StopStrings, pieces: list[str]) -> tuple[str, bool]:
    text = ""
    for piece in pieces:
        shown, is_stopped = stops.push(piece)
        text += shown
        if is_stopped:
            return text, True
    return text + stops.flush(), False


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["abc END def"], ("abc ", True)),
        (["abc E", "N", "D def"], ("abc ", True)),
        (["abc EN", "EN", "D"], ("abc EN", True)),
        (["E", "E", "END"], ("EE", True)),
        (["abc EN"], ("abc EN", False)),
        (["一二。", "\n", "\n三"], ("一二。", True)),
        (["END, then \n\n"], ("", True)),
        ([], ("", False)),
    ],
)
def test_text_ends_before_the_first_stop_string(
    pieces: list[str], expected: tuple[str, bool]
) -> None:
    assert push_all(StopStrings(("END", "\n\n")), pieces) == expected


def test_text_that_cannot_become_a_stop_string_is_shown_at_once() -> None:
    assert StopStrings(("END",)).push("abc EX") == ("abc EX", False)


def test_empty_stop_strings_stop_nothing() -> None:
    assert push_all(StopStrings(("",)), ["abc"]) == ("abc", False)
