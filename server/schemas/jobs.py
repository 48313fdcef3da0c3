"""Jobs and versions of files as ``/api/v1`` shows them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from server.schemas.fields import (
    Cutting,
    Text,
)
from server.schemas.native import ErrorDetail

Stage = Literal["reading", "embedding", "storing"]
Outcome = Literal["added", "replaced", "unchanged", "superseded", "gone"]


class WorkingFile(BaseModel):
    """A file in work; ``done`` and ``total`` count chunks embedded, or pages read by OCR."""

    name: str
    stage: Stage | None
    done: int
    total: int


class FailedFile(BaseModel):
    """A file that could not be done, and why."""

    name: str
    error: ErrorDetail


class Job(BaseModel):
    """Work on files; ``failed``: it ended, and at least one file could not be done."""

    id: str
    kind: Literal["add", "reindex", "model"]
    knowledge_base: str
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    total: int = Field(description="files")
    queued: int
    done: int
    skipped: int = Field(description="files for which there was nothing to do")
    failed: int
    cancelled: int
    progress: float = Field(description="how much is done by the bytes of the files, 0 to 1")
    working: list[WorkingFile]
    failures: list[FailedFile] = Field(description="the first 100")
    created_at: datetime
    finished_at: datetime | None


class JobFile(BaseModel):
    """A file of a job."""

    name: str
    size: int = Field(description="bytes")
    status: Literal["queued", "done", "skipped", "failed", "cancelled"]
    stage: Stage | None
    done: int
    total: int
    outcome: Outcome | None
    same_content_as: str | None
    error: ErrorDetail | None


class Reindex(Cutting):
    """How all files are read again; what is left out stays as it is."""

    embedding_model: Text | None = None


class FileVersion(BaseModel):
    """A version of a file whose bytes are kept."""

    version: int
    size: int = Field(description="bytes")
    sha256: str
    chunks: int
    created_at: datetime
    is_current: bool
