"""Requests and answers of ``/api/v1``."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from server.datatypes import GapKind, GapReason
from server.schemas.fields import (
    Cutting,
    KbName,
    MaxTokens,
    Question,
    Request,
    Share,
    Temperature,
    Text,
    Threshold,
    Title,
    TopK,
    Turn,
)
from server.schemas.filters import Filter, Tags

MAX_SEARCHED = 100  # knowledge bases at once


class CreateKnowledgeBase(Cutting):
    """A new knowledge base; what is left out comes from the settings."""

    name: KbName
    info: Text = Field(default="", max_length=2000)
    embedding_model: Text | None = None


class ChangeKnowledgeBase(Request):
    """What to change of a knowledge base; what is left out stays as it is."""

    info: Text = Field(default="", max_length=2000)
    min_relevance: Share | None = Field(
        None, description="from which on a question counts as covered; null: as the settings say"
    )


class KnowledgeBase(BaseModel):
    """A knowledge base; ``languages`` are those that its embedding model knows."""

    name: str
    info: str
    embedding_model: str
    languages: list[str]
    splitter: str
    chunk_size: int
    chunk_overlap: int
    zh_title_enhance: bool
    min_relevance: float | None = Field(
        None, description="chosen for this one; null: as the settings say"
    )
    files: int
    incomplete_files: int = Field(description="files that were not read in full")
    revision: int
    created_at: datetime


class Gap(BaseModel):
    """A part of a file that was not read; ``name`` is a page's number or what the file calls it."""

    kind: GapKind
    reason: GapReason
    name: str


class Coverage(BaseModel):
    """How much of a file was read; ``is_complete`` goes by ``kb.coverage_limit`` and the gaps."""

    words: int | None = Field(description="in the file, by a count of its own; null: not counted")
    words_read: int
    share: float | None = Field(description="of the words that was read, 0 to 1")
    pages: int
    pages_ocr: int = Field(description="read from their picture")
    pages_blank: int
    gaps: list[Gap]
    is_complete: bool


class File(BaseModel):
    """A file of a knowledge base; ``coverage`` is null if it was read before that was noted."""

    name: str
    title: str
    size: int = Field(description="bytes")
    sha256: str
    chunks: int
    revision: int
    version: int
    updated_at: datetime
    coverage: Coverage | None
    source_id: int | None = Field(None, description="of the source that it is kept in step with")
    origin: str | None = Field(
        None, description='its address, or "sql:" and the id of its row or *'
    )
    tags: list[str] = []


class ChangeFile(Request):
    """What to change of a file; its earlier tags go."""

    tags: Tags


class UploadedFile(BaseModel):
    """What became of one file of an upload; ``error`` says why it was not added."""

    name: str
    file: File | None = None
    outcome: str | None = Field(None, description="added, replaced, unchanged or superseded")
    same_content_as: str | None = Field(None, description="another file with the same bytes")
    error: "ErrorDetail | None" = None


class FileText(BaseModel):
    """The extracted text of a file, or the part of it from character ``start`` on."""

    name: str
    title: str
    text: str
    start: int
    length: int = Field(description="characters of the whole text")


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
    filter: Filter | None = None


class SearchAllRequest(SearchRequest):
    """A search in several knowledge bases."""

    knowledge_bases: list[KbName] = Field(min_length=1, max_length=MAX_SEARCHED)


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
    score: float = Field(description="0 to 1, higher is closer; the reranker's if it was asked")
    relevance: float = Field(description="0 to 1, comparable between questions")
    quotes: list[Quotation] = []
    url: str = Field(description="where the file can be downloaded")
    origin: str | None = Field(None, description="where a source has the file from")


class SearchAnswer(BaseModel):
    """Hits, best first; ``covered`` says whether the knowledge base is about the question."""

    covered: bool
    hits: list[Source]
    trace: dict[str, Any]


class ChatRequest(Request):
    """A question to a knowledge base, on its own or in a conversation.

    Earlier turns of the conversation are the history unless ``history`` is given.
    """

    question: Question
    knowledge_base: KbName | None = None
    conversation_id: Text | None = None
    top_k: TopK | None = None
    score_threshold: Threshold | None = None
    filter: Filter | None = None
    history: list[Turn] = Field(default_factory=list, max_length=1000)
    stream: bool = True
    model: Text | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    prompt_name: Text = "default"
    return_trace: bool = False


class Finding(BaseModel):
    """A sentence of a model, ``answer[start:end]``, that the sources do not bear out."""

    kind: Literal["unknown_number", "quote_not_found", "figure_not_found", "uncited"]
    start: int
    end: int
    text: str = Field(description="the citation, quotation or figure; if uncited, the sentence")
    citations: list[int] = Field(
        description="the unknown number, or the sources that do not hold the text; empty: none does"
    )


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
    findings: list[Finding] = []
    cited_share: float | None = Field(
        default=None, description="of a model's sentences that state something, 0 to 1"
    )
    model: str | None = Field(default=None, description="the language model that wrote it")
    sources: list[Source]
    trace: dict[str, Any] | None = None


class Message(ChatAnswer):
    """A stored answer with its question; ``stopped``: it broke off before its end."""

    question: str
    knowledge_base: str
    stopped: bool
    created_at: datetime


class CreateConversation(Request):
    """A new conversation; a blank title is filled from the first question."""

    knowledge_base: KbName | None = None
    title: Title = ""


class RenameConversation(Request):
    """Another title."""

    title: Title


class Conversation(BaseModel):
    """A conversation; ``knowledge_base`` is the one asked last."""

    id: str
    title: str
    knowledge_base: str | None
    messages: int
    created_at: datetime
    updated_at: datetime


class ConversationWithMessages(Conversation):
    """A conversation with its messages, oldest first."""

    items: list[Message]


class ErrorDetail(BaseModel):
    """What was wrong, for programs (``code``) and people (``message``)."""

    code: str
    message: str
    param: str | None = None


class ErrorAnswer(BaseModel):
    """The body of every answer with a status of 400 or more."""

    error: ErrorDetail


class ServedModel(BaseModel):
    """A language model that serves now."""

    id: str
    is_default: bool


class ServiceState(BaseModel):
    """A process of this installation as its supervisor sees it."""

    name: str
    state: Literal["starting", "ready", "waiting", "failed"]
    doing: str = ""
    pid: int | None = None
    url: str = ""


class Status(BaseModel):
    """What runs and how it is set up."""

    version: str
    python: str
    needs_key: bool
    knowledge_bases: int
    formats: list[str]
    max_file_mb: int
    max_upload_mb: int
    embedding_model: str
    embedding_languages: list[str]
    llm: str | None = Field(
        description="the OpenAI-style endpoint in use; null: extractive answers"
    )
    models: list[str] = Field(description="language models that serve now")
    services: list[ServiceState] = Field(description="empty if nobody supervises this process")
    packages: dict[str, str] = Field(description="versions of the libraries that matter")
    settings: dict[str, dict[str, Any]] = Field(description="all but keys and passwords")
    data: str = Field(description="the data folder")
    disk_free_mb: int
