"""Cuts between sentences only, Chinese and English. Does not know file formats."""

from server.datatypes import Chunk, Document
from server.knowledge_base.splitters import Tokenize
from server.knowledge_base.splitters.borders import SENTENCE_ENDS, Borders
from server.knowledge_base.splitters.cutting import Cutter
from server.knowledge_base.splitters.sections import top_sections


def split(
    document: Document,
    *,
    chunk_size: int,
    chunk_overlap: int,
    tokenize: Tokenize | None = None,
) -> tuple[Chunk, ...]:
    """Cut a document as ``Splitter`` says, into as many whole sentences as fit a chunk.

    A line and a row count as sentences. Neighbours share whole sentences or nothing. Only a
    sentence that is longer than a chunk is cut, as "recursive" does it.
    """
    borders = Borders(document, chunk_size=chunk_size)
    cutter = Cutter(borders, overlap=chunk_overlap, pieces=borders.merged(SENTENCE_ENDS))
    return cutter.cut_all(top_sections(borders))
