"""The REST API as typed methods. Knows HTTP, not what the pages show."""

from collections.abc import Sequence
from functools import cache
from typing import Any, BinaryIO, NoReturn, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from configs import Settings
from server.datatypes import Language
from server.network import base_url
from server.schemas import native
from server.schemas.intake import RefusedFile
from server.schemas.jobs import FileVersion, Job, JobFile, Reindex
from server.schemas.sources import CreateWebSource, KbSource
from webui_pages.api_errors import (
    ApiError,
    Unreachable,
    describe_refusal,
    describe_silence,
    read_body,
)
from webui_pages.asking import Asking

__all__ = [
    "ApiClient",
    "ApiError",
    "Unreachable",
    "api_url",
    "file_path",
    "page_path",
    "version_path",
]

T = TypeVar("T")
TIMEOUT = httpx.Timeout(60, connect=5)
PATIENT = httpx.Timeout(None, connect=5)  # a large file is sent, or read and indexed, meanwhile


def api_url(settings: Settings) -> str:
    """Return where the API answers, as seen from the UI."""
    if settings.ui.api_url:
        return settings.ui.api_url
    return base_url(settings.server.host, settings.server.port)


@cache
def connect(url: str) -> httpx.Client:
    """Return the connections that all sessions share; proxies of the machine do not apply."""
    return httpx.Client(base_url=url, trust_env=False, timeout=TIMEOUT)


def base_path(knowledge_base: str) -> str:
    """Return the path of a knowledge base in the API."""
    return f"/api/v1/knowledge_bases/{quote(knowledge_base, safe='')}"


def file_path(knowledge_base: str, file_name: str) -> str:
    """Return the path of a file in the API."""
    return f"{base_path(knowledge_base)}/files/{quote(file_name)}"


def version_path(knowledge_base: str, file_name: str, version: int) -> str:
    """Return the path of a version of a file in the API."""
    return f"{file_path(knowledge_base, file_name)}/versions/{version}"


def page_path(knowledge_base: str, file_name: str, page: int) -> str:
    """Return the path of the picture of a page in the API."""
    return f"{file_path(knowledge_base, file_name)}/pages/{page}"


class ApiClient:
    """The API as one person sees it: with their key and in their language."""

    def __init__(self, url: str, *, key: str = "", language: Language = "en") -> None:
        self.url = url
        self.language = language
        self._http = connect(url)
        self._headers: dict[str, str] = {"Accept-Language": language}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def status(self) -> native.Status:
        """Return what runs and how it is set up."""
        return self._get("/api/v1/status", native.Status)

    def models(self) -> list[native.ServedModel]:
        """Return the language models that serve now."""
        return self._get("/api/v1/models", list[native.ServedModel])

    def knowledge_bases(self) -> list[native.KnowledgeBase]:
        """Return all knowledge bases."""
        return self._get("/api/v1/knowledge_bases", list[native.KnowledgeBase])

    def create_knowledge_base(self, body: native.CreateKnowledgeBase) -> native.KnowledgeBase:
        """Create a knowledge base; what is None comes from the settings."""
        values = body.model_dump(exclude_none=True)
        answer = self._send("POST", "/api/v1/knowledge_bases", json=values)
        return native.KnowledgeBase.model_validate(answer.json())

    def delete_knowledge_base(self, name: str) -> None:
        """Delete a knowledge base with everything in it."""
        self._send("DELETE", base_path(name))

    def files(self, knowledge_base: str) -> list[native.File]:
        """Return the files of a knowledge base."""
        return self._get(f"{base_path(knowledge_base)}/files", list[native.File])

    def add_files(
        self,
        knowledge_base: str,
        files: Sequence[tuple[str, BinaryIO]],
        *,
        override: bool = False,
    ) -> Job:
        """Send files and return the job that adds them; what is sent survives a restart.

        Raises:
            ApiError: nothing was accepted.
        """
        answer = self._send(
            "POST",
            f"{base_path(knowledge_base)}/files",
            files=[("files", file) for file in files],
            data={"override": str(override).lower(), "background": "true"},
            timeout=PATIENT,
        )
        return Job.model_validate(answer.json())

    def reindex(self, knowledge_base: str, body: Reindex) -> Job:
        """Read all files again, with other sizes or another model if the body names them."""
        values = body.model_dump(exclude_none=True)
        answer = self._send("POST", f"{base_path(knowledge_base)}/reindex", json=values)
        return Job.model_validate(answer.json())

    def jobs(
        self, knowledge_base: str, *, active: bool = False, limit: int | None = None
    ) -> list[Job]:
        """Return the jobs of a knowledge base, newest first; or the ``active`` ones only."""
        return self._get(
            "/api/v1/jobs",
            list[Job],
            knowledge_base=knowledge_base,
            active="true" if active else None,
            limit=limit,
        )

    def job(self, job_id: str) -> Job:
        """Return a job as it is now."""
        return self._get(f"/api/v1/jobs/{quote(job_id, safe='')}", Job)

    def job_files(
        self, job_id: str, *, status: str | None = None, offset: int = 0, limit: int
    ) -> list[JobFile]:
        """Return files of a job, or those with a status, in the order in which they were sent."""
        path = f"/api/v1/jobs/{quote(job_id, safe='')}/files"
        return self._get(path, list[JobFile], status=status, offset=offset, limit=limit)

    def cancel_job(self, job_id: str) -> Job:
        """End a job; files that are done stay done."""
        answer = self._send("POST", f"/api/v1/jobs/{quote(job_id, safe='')}/cancel")
        return Job.model_validate(answer.json())

    def unread(self, knowledge_base: str) -> list[RefusedFile]:
        """Return what lies in the folder ``content/`` and could not be read."""
        return self._get(f"{base_path(knowledge_base)}/scan", list[RefusedFile])

    def versions(self, knowledge_base: str, file_name: str) -> list[FileVersion]:
        """Return the versions of a file that are kept, newest first."""
        path = f"{file_path(knowledge_base, file_name)}/versions"
        return self._get(path, list[FileVersion])

    def restore(self, knowledge_base: str, file_name: str, version: int) -> native.File:
        """Make an earlier version of a file the newest one, and return the file."""
        path = f"{version_path(knowledge_base, file_name, version)}/restore"
        return native.File.model_validate(self._send("POST", path, timeout=PATIENT).json())

    def delete_file(self, knowledge_base: str, file_name: str) -> None:
        """Delete a file with its chunks."""
        self._send("DELETE", file_path(knowledge_base, file_name))

    def text(
        self,
        knowledge_base: str,
        file_name: str,
        *,
        start: int | None = None,
        end: int | None = None,
    ) -> native.FileText:
        """Return the text of a file, or the characters of it from ``start`` up to ``end``."""
        path = f"{file_path(knowledge_base, file_name)}/text"
        return self._get(path, native.FileText, start=start, end=end)

    def draw_page(self, knowledge_base: str, file_name: str, page: int) -> int:
        """Let the API draw a page, for a browser to fetch, and return how many there are.

        Raises:
            ApiError: there is no such page, or it cannot be drawn.
        """
        answer = self._send("GET", page_path(knowledge_base, file_name, page))
        return int(answer.headers["X-Page-Count"])

    def chunks(
        self, knowledge_base: str, file_name: str, *, offset: int = 0, limit: int | None = None
    ) -> list[native.ChunkText]:
        """Return the chunks of a file in order, or ``limit`` of them."""
        path = f"{file_path(knowledge_base, file_name)}/chunks"
        return self._get(path, list[native.ChunkText], offset=offset, limit=limit)

    def search(
        self, knowledge_base: str, query: str, *, top_k: int | None = None
    ) -> native.SearchAnswer:
        """Return the passages that are closest to a question, best first."""
        path = f"{base_path(knowledge_base)}/search"
        answer = self._send("POST", path, json={"query": query, "top_k": top_k})
        return native.SearchAnswer.model_validate(answer.json())

    def sources(self, knowledge_base: str) -> list[KbSource]:
        """Return what a knowledge base is kept in step with."""
        return self._get(f"{base_path(knowledge_base)}/sources", list[KbSource])

    def add_source(self, knowledge_base: str, body: CreateWebSource) -> KbSource:
        """Add web pages; nothing is fetched yet."""
        path = f"{base_path(knowledge_base)}/sources"
        return KbSource.model_validate(self._send("POST", path, json=body.model_dump()).json())

    def sync_source(
        self, knowledge_base: str, source_id: int, *, delete_many: bool = False
    ) -> KbSource:
        """Begin to bring a knowledge base in step with a source."""
        path = f"{base_path(knowledge_base)}/sources/{source_id}/sync"
        wanted = {"delete_many": delete_many}
        return KbSource.model_validate(self._send("POST", path, params=wanted).json())

    def delete_source(self, knowledge_base: str, source_id: int, *, with_documents: bool) -> None:
        """Delete a source, with its files or without."""
        path = f"{base_path(knowledge_base)}/sources/{source_id}"
        wanted = {"documents": "delete" if with_documents else "keep"}
        self._send("DELETE", path, params=wanted)

    def conversations(self, *, offset: int = 0, limit: int = 50) -> list[native.Conversation]:
        """Return the conversations, newest first; ``limit`` is 200 at most."""
        path = "/api/v1/conversations"
        return self._get(path, list[native.Conversation], offset=offset, limit=limit)

    def conversation(self, conversation_id: str) -> native.ConversationWithMessages:
        """Return a conversation with its messages, oldest first."""
        path = f"/api/v1/conversations/{quote(conversation_id, safe='')}"
        return self._get(path, native.ConversationWithMessages)

    def create_conversation(self, knowledge_base: str | None) -> native.Conversation:
        """Begin a conversation; its first question becomes its title."""
        values = {"knowledge_base": knowledge_base}
        answer = self._send("POST", "/api/v1/conversations", json=values)
        return native.Conversation.model_validate(answer.json())

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        """Give a conversation another title."""
        path = f"/api/v1/conversations/{quote(conversation_id, safe='')}"
        self._send("PATCH", path, json={"title": title})

    def delete_conversation(self, conversation_id: str) -> None:
        """Delete a conversation with its messages."""
        self._send("DELETE", f"/api/v1/conversations/{quote(conversation_id, safe='')}")

    def ask(self, request: native.ChatRequest) -> Asking:
        """Return a question, to be asked by entering it."""
        body = request.model_dump(exclude_none=True)
        return Asking(self._http, body, self._headers, self.language)

    def _get(self, path: str, kind: type[T], **query: int | str | None) -> T:
        wanted = {name: value for name, value in query.items() if value is not None}
        return TypeAdapter(kind).validate_python(self._send("GET", path, params=wanted).json())

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:  # httpx's own
        answer = self._request(method, path, **options)
        if answer.status_code >= 400:
            self._refuse(answer)
        return answer

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:  # httpx's own
        try:
            return self._http.request(method, path, headers=self._headers, **options)
        except httpx.HTTPError as error:
            raise describe_silence(self.url, self.language) from error

    def _refuse(self, answer: httpx.Response) -> NoReturn:
        raise describe_refusal(read_body(answer), answer.status_code, self.language)
