"""Requests and answers of ``/api/v1``."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from server.schemas.fields import (
    ChunkOverlap,
    ChunkSize,
    KbName,
    MaxTokens,
    Question,
    Request,
    Temperature,
    Text,
    Threshold,
    TopK,
    Turn,
)


class CreateKnowledgeBase(Request):
    """A new knowledge base; what is left out comes from the settings."""

    name: KbName
    info: Text = Field(default="", max_length=2000)
    embedding_model: Text | None = None
    chunk_size: ChunkSize | None = None
    chunk_overlap: ChunkOverlap | None = None


class KnowledgeBase(BaseModel):
    """A knowledge base; ``languages`` are those that its embedding model knows."""

    name: str
    info: str
    embedding_model: str
    languages: list[str]
    chunk_size: int
    chunk_overlap: int
    files: int
    revision: int
    created_at: datetime


class File(BaseModel):
    """A file of a knowledge base."""

    name: str
    title: str
    size: int = Field(description="bytes")
    sha256: str
    chunks: int
    revision: int
    updated_at: datetime


class UploadedFile(BaseModel):
    """What became of one file of an upload; ``error`` says why it was not added."""

    name: str
    file: File | None = None
    error: "ErrorDetail | None" = None


class ChunkText(BaseModel):
    """A chunk of a file; offsets count characters of the file's text."""

    id: int
    order: int
    text: str
    start: int
    end: int
    page: int | None
    headings: list[str]


class SearchRequest(Request):
    """A search in one knowledge base."""

    query: Question
    top_k: TopK | None = None
    score_threshold: Threshold | None = None


class Quotation(BaseModel):
    """A sentence that an answer quotes; offsets count characters of the file's text."""

    text: str
    start: int
    end: int
    page: int | None


class Source(BaseModel):
    """A passage behind an answer; ``number`` is what citations such as [1] refer to."""

    number: int
    knowledge_base: str
    file_name: str
    title: str
    page: int | None
    headings: list[str]
    chunk_id: int
    start: int
    end: int
    text: str
    score: float = Field(description="0 to 1 within this answer, higher is closer")
    relevance: float = Field(description="0 to 1, comparable between questions")
    quotes: list[Quotation] = []
    url: str = Field(description="where the file can be downloaded")


class SearchAnswer(BaseModel):
    """Hits, best first; ``covered`` says whether the knowledge base is about the question."""

    covered: bool
    hits: list[Source]
    trace: dict[str, Any]


class ChatRequest(Request):
    """A question to a knowledge base."""

    question: Question
    knowledge_base: KbName | None = None
    top_k: TopK | None = None
    score_threshold: Threshold | None = None
    history: list[Turn] = Field(default_factory=list, max_length=1000)
    stream: bool = True
    model: Text | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    prompt_name: Text = "default"
    return_trace: bool = False


class ChatAnswer(BaseModel):
    """An answer with its sources.

    ``mode``: "llm" written by a model, "extractive" quoted from the sources, "refusal" when the
    knowledge base has nothing on the question; ``grounded`` says whether sources stand behind it.
    """

    message_id: str
    answer: str
    mode: Literal["llm", "extractive", "refusal"]
    grounded: bool
    notice: str | None = None
    sources: list[Source]
    trace: dict[str, Any] | None = None


class Message(ChatAnswer):
    """A stored answer with its question."""

    question: str
    knowledge_base: str
    created_at: datetime


class ErrorDetail(BaseModel):
    """What was wrong, for programs (``code``) and people (``message``)."""

    code: str
    message: str
    param: str | None = None


class ErrorAnswer(BaseModel):
    """The body of every answer with a status of 400 or more."""

    error: ErrorDetail


class Status(BaseModel):
    """What runs and how it is set up."""

    version: str
    knowledge_bases: int
    embedding_model: str
    embedding_languages: list[str]
    llm: str | None = Field(
        description="the OpenAI-style endpoint in use; null: extractive answers"
    )
