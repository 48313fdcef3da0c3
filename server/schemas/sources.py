"""Sources that a knowledge base is synchronised with, as ``/api/v1`` takes and shows them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from server.schemas.fields import Request, Text
from server.schemas.native import ErrorDetail

MAX_PAGES = 500
MAX_DEPTH = 3
MAX_ROWS = 100_000

Column = Annotated[Text, Field(min_length=1, max_length=200)]
State = Literal["new", "syncing", "done", "incomplete", "failed", "interrupted"]


class WebOptions(Request):
    """A page, with ``depth`` also those that it leads to, below its own path."""

    url: Annotated[Text, Field(min_length=1, max_length=2000)]
    depth: int = Field(0, ge=0, le=MAX_DEPTH, description="links to follow one after the other")
    max_pages: int = Field(100, ge=1, le=MAX_PAGES)


class SqlOptions(Request):
    """A query; each row is a document, or with ``group`` all rows are one table."""

    url: Annotated[Text, Field(min_length=1, max_length=2000)] = Field(
        description="as SQLAlchemy writes it: sqlite:////path or postgresql://user:password@host/db"
    )
    query: Annotated[Text, Field(min_length=1, max_length=20_000)] = Field(
        description="one SELECT, with WITH before it if it needs that"
    )
    id_column: Column = Field(description="tells rows apart, and stays the same")
    title_column: Column | None = None
    text_columns: list[Column] = Field(min_length=1, max_length=100)
    group: bool = False


SourceName = Annotated[Text, Field(description="also the folder of its files")]


class CreateWebSource(Request):
    """A new source of web pages."""

    kind: Literal["web"]
    name: SourceName
    options: WebOptions


class CreateSqlSource(Request):
    """A new source of rows."""

    kind: Literal["sql"]
    name: SourceName
    options: SqlOptions


CreateSource = Annotated[CreateWebSource | CreateSqlSource, Field(discriminator="kind")]


class SyncCounts(BaseModel):
    """What the last synchronisation found and did; all but ``skipped`` are files."""

    found: int
    changed: int = Field(description="new ones too")
    unchanged: int
    deleted: int
    failed: int = Field(description="could not be added")
    kept: int = Field(description="left alone, since somebody uploaded or edited them")
    skipped: int = Field(description="links that lead to nothing that can be read")
    missed: int = Field(description="could not be fetched")


class SyncProblem(BaseModel):
    """Why the last synchronisation did not bring a document, or not delete files."""

    file: str | None = Field(description="that stays as it is; null: it is none of a file")
    error: ErrorDetail


class KbSource(BaseModel):
    """A source; passwords in its options are masked."""

    id: int
    kind: str
    name: str
    options: dict[str, Any]
    state: State
    job: str | None = Field(description="the id of the job that adds what changed last")
    counts: SyncCounts | None
    error: ErrorDetail | None = Field(description="why the last synchronisation was not complete")
    problems: list[SyncProblem] = Field(
        [], description="what the last synchronisation could not do, and files that it left alone"
    )
    created_at: datetime
    synced_at: datetime | None = Field(description="when it was complete the last time")
