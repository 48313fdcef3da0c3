"""Cuts at the best border that fits: section, block, line, sentence, clause, word, character.

Does not know file formats.
"""

from server.datatypes import Chunk, Document
from server.knowledge_base.splitters import Tokenize
from server.knowledge_base.splitters.borders import Borders
from server.knowledge_base.splitters.cutting import Cutter
from server.knowledge_base.splitters.sections import top_sections


def split(
    document: Document,
    *,
    chunk_size: int,
    chunk_overlap: int,
    tokenize: Tokenize | None = None,
) -> tuple[Chunk, ...]:
    """Cut a document as ``Splitter`` says.

    Sections of the highest level do not share a chunk, unless one of them is small. A heading
    stays with the text below it, a row of a table in one piece. Neighbours within a section
    overlap by what fits into ``chunk_overlap``: sentences, or what a cut inside one left before.
    """
    borders = Borders(document, chunk_size=chunk_size)
    return Cutter(borders, overlap=chunk_overlap).cut_all(top_sections(borders))
