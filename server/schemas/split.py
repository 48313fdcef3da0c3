"""Previews of chunks as ``/api/v1`` shows them."""

from pydantic import BaseModel, Field

from server.schemas.fields import (
    Cutting,
    KbName,
    Text,
)


class SplitText(Cutting):
    """A text whose chunks are wanted; options that are left out are those of an upload.

    With ``knowledge_base`` they are its own, otherwise those of the settings.
    """

    text: Text
    file_name: Text = Field(
        default="text.txt", description="what it would be called; the extension says how to read it"
    )
    knowledge_base: KbName | None = None


class PreviewedChunk(BaseModel):
    """A chunk that is stored nowhere; offsets count characters of the extracted text."""

    order: int
    text: str
    start: int
    end: int
    page: int | None
    headings: list[str]


class SplitPreview(BaseModel):
    """How a document would be cut; ``chunks`` are some of ``total``."""

    title: str
    length: int = Field(description="characters of the extracted text")
    splitter: str
    chunk_size: int
    chunk_overlap: int
    zh_title_enhance: bool
    total: int = Field(description="chunks of the document")
    chunks: list[PreviewedChunk]
