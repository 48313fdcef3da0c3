"""``/api/v1/knowledge_bases/{name}/scan``: take in what lies in its folder ``content/``."""

from collections.abc import Sequence

from fastapi import APIRouter

from server.datatypes import Language
from server.knowledge_base.content_folder import Refused
from server.routes.dependencies import Objects, Wanted
from server.routes.errors import ERRORS
from server.routes.uploads import describe_error
from server.schemas.intake import Intake, RefusedFile

router = APIRouter(prefix="/api/v1/knowledge_bases", tags=["files"], responses=ERRORS)


@router.get("/{name}/scan", summary="List what in content/ could not be read")
def list_unread(objects: Objects, wanted: Wanted, name: str) -> list[RefusedFile]:
    """Return the files that lie in the folder ``content/`` as they are, and why no job took them.

    A file of that name in the knowledge base is an earlier one.
    """
    return describe_refused(objects.knowledge_bases.content.list_unread(name), wanted)


@router.post("/{name}/scan", status_code=202, summary="Take in what lies in content/")
def scan(objects: Objects, wanted: Wanted, name: str) -> Intake:
    """Begin jobs for the files in the folder ``content/`` that are new or were edited there.

    Files that are gone from the folder stay in the knowledge base.
    """
    found = objects.knowledge_bases.content.take_in(name)
    refused = describe_refused(found.refused, wanted)
    return Intake(jobs=found.jobs, files=found.files, unchanged=found.unchanged, refused=refused)


def describe_refused(refused: Sequence[Refused], wanted: Language) -> list[RefusedFile]:
    """Return refused files as they are shown."""
    return [
        RefusedFile(name=file.name, error=describe_error(file.error, wanted)) for file in refused
    ]
