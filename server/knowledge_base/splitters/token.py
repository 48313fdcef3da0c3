"""Cuts as "recursive" does, counting tokens. Does not know whose tokens they are."""

from collections.abc import Iterator

from embeddings.words import find_words
from server.datatypes import Chunk, Document
from server.knowledge_base.splitters import Tokenize
from server.knowledge_base.splitters.borders import Borders
from server.knowledge_base.splitters.cutting import Cutter
from server.knowledge_base.splitters.lengths import Tokens, divide_long
from server.knowledge_base.splitters.sections import top_sections

PORTION = 50_000  # characters that are tokenized at once; a tokenizer keeps 200 bytes for a token
LOOK_BACK = 1000  # characters within which a portion ends with white space, so that it cuts no word


def split(
    document: Document,
    *,
    chunk_size: int,
    chunk_overlap: int,
    tokenize: Tokenize = find_words,
) -> tuple[Chunk, ...]:
    """Cut a document as ``Splitter`` says; a chunk has at most ``chunk_size`` tokens.

    Tokens are counted in the text as a whole. A chunk that begins inside a word, because the word
    alone is longer than a chunk, may have a few more when it is tokenized by itself.
    """
    text = document.text
    lengths = Tokens(list(divide_long(text, list(find_tokens(text, tokenize)))), len(text))
    borders = Borders(document, chunk_size=chunk_size, lengths=lengths)
    return Cutter(borders, overlap=chunk_overlap).cut_all(top_sections(borders))


def find_tokens(text: str, tokenize: Tokenize) -> Iterator[int]:
    """Yield where the tokens of a text begin, each place once; bounds the memory that takes."""
    start, last = 0, -1
    while start < len(text):
        end = portion_end(text, start)
        for place in tokenize(text[start:end]):
            if start + place > last:  # several tokens may stand for one character
                last = start + place
                yield last
        start = end


def portion_end(text: str, start: int) -> int:
    """Return where the portion from ``start`` ends: after white space, if that is near."""
    end = start + PORTION
    if end >= len(text):
        return len(text)
    for place in range(end, end - LOOK_BACK, -1):
        if text[place - 1].isspace():
            return place
    return end
