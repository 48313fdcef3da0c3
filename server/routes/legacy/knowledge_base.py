"""The knowledge base routes of 0.2.x, as adapters without logic of their own."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Form, Query, UploadFile
from fastapi.responses import FileResponse, JSONResponse

from server.datatypes import Passage
from server.errors import ZhiwenError
from server.routes.dependencies import Objects, Wanted
from server.routes.downloads import send_file
from server.routes.legacy.envelope import ERRORS, BaseAnswer, FilesAnswer, ListAnswer, answer_files
from server.routes.uploads import Options, add_files
from server.schemas.fields import KbName
from server.schemas.legacy import (
    CreateKnowledgeBase,
    DeleteDocs,
    DeleteKnowledgeBase,
    SearchDocs,
)

router = APIRouter(prefix="/knowledge_base", tags=["0.2.x: knowledge base"], responses=ERRORS)


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


def refuse_unsupported(
    to_vector_store: Annotated[Literal["true", "True", "1"], Form()] = "true",
    docs: Annotated[Literal["", "{}"], Form()] = "",
) -> None:
    """Refuse what an upload of 0.2.x could ask for and this one does not do yet."""


@router.post(
    "/upload_docs",
    summary="Upload files",
    response_model=FilesAnswer,
    dependencies=[Depends(refuse_unsupported)],
)
async def upload_docs(
    objects: Objects,
    wanted: Wanted,
    files: list[UploadFile],
    knowledge_base_name: Annotated[KbName, Form()],
    options: Options,
) -> JSONResponse:
    """Add files; ``failed_files`` says which were not added and why."""
    _, outcomes = await add_files(objects, knowledge_base_name, files, options)
    failed = {outcome.name: outcome.error for outcome in outcomes if outcome.error}
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
    """Return hits as a bare list; ``score`` is 2 - 2 * relevance, smaller is closer.

    Without a query, but with a file name, the chunks of that file are listed.
    """
    if body.file_name and not body.query:
        chunks = objects.knowledge_bases.list_chunks(body.knowledge_base_name, body.file_name)
        return [describe_passage(passage) for passage in chunks]
    found = objects.retriever.retrieve(
        body.knowledge_base_name,
        objects.chat.check_question(body.query),
        top_k=body.top_k,
        score_threshold=body.score_threshold,
    )
    return [
        {
            **describe_passage(hit.passage),
            "score": round(2 - 2 * hit.relevance, 4),
            "relevance": round(hit.relevance, 4),
        }
        for hit in found.hits
    ]


def describe_passage(passage: Passage) -> dict[str, Any]:
    """Return a chunk in the form of LangChain's documents."""
    chunk = passage.chunk
    return {
        "page_content": chunk.text,
        "metadata": {
            "source": passage.file_name,
            "id": str(passage.chunk_id),
            "title": passage.title,
            "page": chunk.page,
            "start": chunk.start,
            "end": chunk.end,
        },
        "type": "Document",
        "id": str(passage.chunk_id),
    }
