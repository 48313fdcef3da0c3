"""Which files a search may find, and the tags by which it may choose them."""

import unicodedata
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from server.datatypes import FileFilter
from server.schemas.fields import Request, Text

MAX_NAMES = 1000  # in one list of a filter
MAX_NAME = 1000  # characters
MAX_TAGS = 50  # of a file
MAX_TAG = 64  # characters
INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def normalize_name(name: str) -> str:
    """Return the name of a file as it is stored; of a folder, without the slash at its end."""
    checked = unicodedata.normalize("NFC", name).rstrip("/")
    if not checked.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return checked


def check_tag(tag: str) -> str:
    """Return a tag as it is stored: without outer space, in one form of Unicode."""
    checked = unicodedata.normalize("NFC", tag).strip()
    if not checked:
        raise PydanticCustomError("blank", "must not be blank")
    if len(checked) > MAX_TAG:
        raise PydanticCustomError(
            "string_too_long", "is longer than {max_length} characters", {"max_length": MAX_TAG}
        )
    if any(unicodedata.category(letter) in INVISIBLE for letter in checked):
        raise PydanticCustomError("invisible", "has control or invisible characters")
    return checked


def check_written(moment: object) -> object:
    """Return a time that is written out: a bare number would be read as seconds since 1970."""
    if isinstance(moment, datetime):
        return moment
    if not isinstance(moment, str):
        raise PydanticCustomError("datetime_type", "must be a time as text")
    try:
        float(moment)
    except ValueError:
        return moment
    raise PydanticCustomError("datetime_parsing", "must be a time such as 2024-05-31T08:00:00Z")


def to_utc(moment: datetime) -> datetime:
    """Return a time in UTC; without a zone it is one already."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:  # in the first or the last hours of the calendar
        raise PydanticCustomError("no_moment", "is outside the calendar") from error


def sort_tags(tags: list[str]) -> list[str]:
    """Return tags without duplicates, in order."""
    return sorted(set(tags))


Name = Annotated[Text, Field(max_length=MAX_NAME), AfterValidator(normalize_name)]
Names = Annotated[list[Name], Field(max_length=MAX_NAMES)]
Tag = Annotated[Text, AfterValidator(check_tag)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(sort_tags)]
Moment = Annotated[datetime, BeforeValidator(check_written), AfterValidator(to_utc)]


class Filter(Request):
    """Which files may be found: those that fulfil every condition; an empty list is none."""

    files: Names = Field([], description="names of files")
    folders: Names = Field([], description="files in one of these folders, at any depth")
    tags: Annotated[list[Tag], Field(max_length=MAX_NAMES)] = Field(
        [], description="files with one of these tags"
    )
    since: Moment | None = Field(None, description="changed then or later; without a zone in UTC")
    until: Moment | None = Field(None, description="changed then or earlier")

    @model_validator(mode="after")
    def check_order(self) -> "Filter":
        """Refuse a span of time that ends before it begins."""
        if self.since and self.until and self.since > self.until:
            raise PydanticCustomError("no_span", "since must not be later than until")
        return self


def to_file_filter(wanted: Filter | None) -> FileFilter:
    """Return the conditions as retrieval takes them."""
    if wanted is None:
        return FileFilter()
    return FileFilter(
        files=frozenset(wanted.files),
        folders=frozenset(wanted.folders),
        tags=frozenset(wanted.tags),
        since=wanted.since,
        until=wanted.until,
    )
