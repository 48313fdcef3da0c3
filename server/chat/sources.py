"""Sources as plain values, for the wire and for storage. Knows no routes but the file's URL."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote as percent_encode

from server.chat.events import SourceFound
from server.datatypes import Hit, Quote


def describe_sources(sources: Sequence[SourceFound]) -> list[dict[str, Any]]:
    """Return sources as JSON values, with the fields of ``schemas.native.Source``."""
    return [describe_source(source) for source in sources]


def number_hits(hits: Sequence[Hit], quotes: Sequence[Quote] = ()) -> tuple[SourceFound, ...]:
    """Return hits as sources, numbered from 1 in their order, each with what is quoted from it."""
    return tuple(
        SourceFound(number, hit, tuple(quote for quote in quotes if quote.citation == number))
        for number, hit in enumerate(hits, 1)
    )


def describe_source(source: SourceFound) -> dict[str, Any]:
    """Return one source as JSON values."""
    hit = source.hit
    passage = hit.passage
    chunk = passage.chunk
    return {
        "number": source.number,
        "knowledge_base": passage.knowledge_base,
        "file_name": passage.file_name,
        "title": passage.title,
        "page": chunk.page,
        "headings": list(chunk.headings),
        "chunk_id": passage.chunk_id,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "score": round(hit.score, 4),
        "relevance": round(hit.relevance, 4),
        "quotes": [
            {
                "text": quote.text,
                "start": quote.start,
                "end": quote.end,
                "page": chunk.page_at(quote.start),
            }
            for quote in source.quotes
        ],
        "url": content_url(passage.knowledge_base, passage.file_name),
        "origin": passage.origin,
    }


def content_url(knowledge_base: str, file_name: str) -> str:
    """Return where a file can be downloaded, relative to the service."""
    kb, name = percent_encode(knowledge_base, safe=""), percent_encode(file_name)
    return f"/api/v1/knowledge_bases/{kb}/files/{name}/content"
