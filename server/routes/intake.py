"""``/api/v1/knowledge_bases/{name}/scan``: take in what lies in its folder ``content/``."""

from fastapi import APIRouter

from server.routes.dependencies import Objects, Wanted
from server.routes.errors import ERRORS
from server.routes.uploads import describe_error
from server.schemas.intake import Intake, RefusedFile

router = APIRouter(prefix="/api/v1/knowledge_bases", tags=["files"], responses=ERRORS)


@router.post("/{name}/scan", status_code=202, summary="Take in what lies in content/")
def scan(objects: Objects, wanted: Wanted, name: str) -> Intake:
    """Begin jobs for the files in the folder ``content/`` that are new or were edited there.

    Files that are gone from the folder stay in the knowledge base.
    """
    found = objects.knowledge_bases.content.take_in(name)
    refused = [
        RefusedFile(name=file.name, error=describe_error(file.error, wanted))
        for file in found.refused
    ]
    return Intake(jobs=found.jobs, files=found.files, unchanged=found.unchanged, refused=refused)
