"""What was taken in from a folder, as ``/api/v1`` shows it."""

from pydantic import BaseModel, Field

from server.schemas.native import ErrorDetail


class RefusedFile(BaseModel):
    """A file that no job takes, and why."""

    name: str
    error: ErrorDetail


class Intake(BaseModel):
    """What became of the files in ``content/``."""

    jobs: list[str] = Field(description="ids; those of earlier uploads that are open, too")
    files: int = Field(description="new or changed")
    unchanged: int
    refused: list[RefusedFile]
