"""``/api/v1/knowledge_bases/{name}/sources``: pages and queries that it is kept in step with."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from server.container import Container
from server.datatypes import Language
from server.db.models import SourceRow
from server.errors.records import read_error
from server.routes.dependencies import Objects, Wanted
from server.routes.errors import ERRORS
from server.routes.uploads import describe_error
from server.schemas.sources import CreateSource, KbSource

router = APIRouter(
    prefix="/api/v1/knowledge_bases/{name}/sources", tags=["sources"], responses=ERRORS
)
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", summary="List sources")
def list_sources(objects: Objects, wanted: Wanted, name: str) -> list[KbSource]:
    """Return the sources of a knowledge base by name."""
    return [describe_source(objects, row, wanted) for row in objects.sources.list_all(name)]


@router.post("", status_code=201, summary="Add a source")
def add_source(objects: Objects, wanted: Wanted, name: str, body: CreateSource) -> KbSource:
    """Add a source; nothing is fetched before it is synchronised."""
    row = objects.sources.add(name, body.kind, body.name, body.options.model_dump())
    return describe_source(objects, row, wanted)


@router.get("/{source_id}", summary="Show a source")
def show_source(objects: Objects, wanted: Wanted, name: str, source_id: Id) -> KbSource:
    """Return a source and how its last synchronisation ended."""
    return describe_source(objects, objects.sources.get(name, source_id), wanted)


@router.delete("/{source_id}", status_code=204, summary="Delete a source")
def delete_source(
    objects: Objects,
    name: str,
    source_id: Id,
    documents: Annotated[
        Literal["keep", "delete"], Query(description="What becomes of its files")
    ] = "keep",
) -> None:
    """Delete a source; its files stay unless ``documents=delete``."""
    objects.sources.delete(name, source_id, with_documents=documents == "delete")


@router.post("/{source_id}/sync", status_code=202, summary="Synchronise with a source")
def sync_source(
    objects: Objects,
    wanted: Wanted,
    name: str,
    source_id: Id,
    delete_many: Annotated[
        bool, Query(description="Delete what is gone even if that is most of the files")
    ] = False,
) -> KbSource:
    """Begin to add what is new there, to replace what changed and to delete what is gone."""
    begun = objects.sources.sync(name, source_id, delete_many=delete_many)
    return describe_source(objects, begun, wanted)


def describe_source(objects: Container, row: SourceRow, wanted: Language) -> KbSource:
    """Return a source as it is shown, without passwords."""
    return KbSource.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "name": row.name,
            "options": objects.sources.shown(row),
            "state": row.state,
            "job": row.job_id,
            "counts": row.counts,
            "error": describe_error(read_error(row.error), wanted) if row.error else None,
            "problems": [
                {"file": each["file"], "error": describe_error(read_error(each["error"]), wanted)}
                for each in (row.counts or {}).get("problems", [])
            ],
            "created_at": row.created_at,
            "synced_at": row.synced_at,
        }
    )
