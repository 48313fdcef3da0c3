"""The knowledge base routes of 0.2.x, as adapters without logic of their own."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Form, Query, UploadFile
from fastapi.responses import FileResponse, JSONResponse

from server.errors import ZhiwenError
from server.knowledge_base.ingest import IngestOptions
from server.routes.dependencies import Objects, Wanted
from server.routes.downloads import send_file
from server.routes.legacy.envelope import BaseAnswer, FilesAnswer, ListAnswer, answer_files
from server.routes.uploads import check_count, upload_name
from server.schemas.fields import ChunkOverlap, ChunkSize, KbName
from server.schemas.legacy import (
    CreateKnowledgeBase,
    DeleteDocs,
    DeleteKnowledgeBase,
    SearchDocs,
)

router = APIRouter(prefix="/knowledge_base", tags=["0.2.x: knowledge base"])


@router.get("/list_knowledge_bases", summary="List knowledge bases")
def list_knowledge_bases(objects: Objects) -> ListAnswer:
    """Return the names of all knowledge bases."""
    return ListAnswer(data=[kb.name for kb, _ in objects.knowledge_bases.list_all()])


@router.post("/create_knowledge_base", summary="Create a knowledge base")
def create_knowledge_base(objects: Objects, body: CreateKnowledgeBase) -> BaseAnswer:
    """Create an empty knowledge base."""
    objects.knowledge_bases.create(
        body.knowledge_base_name, info=body.kb_info, embedding_model=body.embed_model
    )
    return BaseAnswer(msg=f"已新增知识库 {body.knowledge_base_name}")


@router.post("/delete_knowledge_base", summary="Delete a knowledge base")
def delete_knowledge_base(
    objects: Objects, body: Annotated[str | DeleteKnowledgeBase, Body(examples=["samples"])]
) -> BaseAnswer:
    """Delete a knowledge base; the body is its name as a bare JSON string, or an object."""
    name = body if isinstance(body, str) else body.knowledge_base_name
    objects.knowledge_bases.delete(name)
    return BaseAnswer(msg=f"成功删除知识库 {name}")


@router.get("/list_files", summary="List files")
def list_files(objects: Objects, knowledge_base_name: KbName) -> ListAnswer:
    """Return the names of the files of a knowledge base."""
    files = objects.knowledge_bases.list_files(knowledge_base_name)
    return ListAnswer(data=[row.name for row in files])


@router.post("/upload_docs", summary="Upload files", response_model=FilesAnswer)
def upload_docs(
    objects: Objects,
    wanted: Wanted,
    files: list[UploadFile],
    knowledge_base_name: Annotated[KbName, Form()],
    override: Annotated[bool, Form()] = False,
    chunk_size: Annotated[ChunkSize | None, Form()] = None,
    chunk_overlap: Annotated[ChunkOverlap | None, Form()] = None,
) -> JSONResponse:
    """Add files; ``failed_files`` says which were not added and why."""
    objects.knowledge_bases.get(knowledge_base_name)
    check_count(files, objects.settings.server.max_files_per_upload)
    options = IngestOptions(override, chunk_size, chunk_overlap)
    failed: dict[str, ZhiwenError] = {}
    for file in files:
        name = upload_name(file)
        try:
            objects.knowledge_bases.add_file(knowledge_base_name, name, file.file, options=options)
        except ZhiwenError as error:
            failed[name[:300]] = error
    always_200 = objects.settings.server.legacy_http_200
    return answer_files(len(files), failed, wanted, always_200=always_200)


@router.post("/delete_docs", summary="Delete files", response_model=FilesAnswer)
def delete_docs(objects: Objects, wanted: Wanted, body: DeleteDocs) -> JSONResponse:
    """Remove files; ``failed_files`` says which were not removed and why."""
    objects.knowledge_bases.get(body.knowledge_base_name)
    failed: dict[str, ZhiwenError] = {}
    for name in body.file_names:
        try:
            objects.knowledge_bases.delete_file(body.knowledge_base_name, name)
        except ZhiwenError as error:
            failed[name[:300]] = error
    always_200 = objects.settings.server.legacy_http_200
    return answer_files(len(body.file_names), failed, wanted, always_200=always_200)


@router.get("/download_doc", summary="Download a file")
def download_doc(
    objects: Objects,
    knowledge_base_name: KbName,
    file_name: str,
    preview: Annotated[bool, Query()] = False,
) -> FileResponse:
    """Return the bytes that were uploaded."""
    row, path = objects.knowledge_bases.find_blob(knowledge_base_name, file_name)
    return send_file(row, path, preview=preview)


@router.post("/search_docs", summary="Search")
def search_docs(objects: Objects, body: SearchDocs) -> list[dict[str, Any]]:
    """Return hits as a bare list; ``score`` is 2 - 2 * relevance, smaller is closer."""
    found = objects.retriever.retrieve(
        body.knowledge_base_name,
        objects.chat.check_question(body.query),
        top_k=body.top_k,
        score_threshold=body.score_threshold,
    )
    return [
        {
            "page_content": hit.passage.chunk.text,
            "metadata": {
                "source": hit.passage.file_name,
                "id": str(hit.passage.chunk_id),
                "title": hit.passage.title,
                "page": hit.passage.chunk.page,
                "start": hit.passage.chunk.start,
                "end": hit.passage.chunk.end,
            },
            "type": "Document",
            "id": str(hit.passage.chunk_id),
            "score": round(2 - 2 * hit.relevance, 4),
            "relevance": round(hit.relevance, 4),
        }
        for hit in found.hits
    ]
