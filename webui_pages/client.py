"""The REST API as typed methods. Knows HTTP, not what the pages show."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from configs import Settings
from server.datatypes import Language
from server.network import base_url
from server.schemas import native
from webui_pages.api_errors import (
    ApiError,
    Unreachable,
    describe_refusal,
    describe_silence,
    read_body,
)
from webui_pages.asking import Asking

__all__ = ["ApiClient", "ApiError", "Unreachable", "api_url", "file_path"]

T = TypeVar("T")
TIMEOUT = httpx.Timeout(60, connect=5)
UPLOAD_TIMEOUT = httpx.Timeout(None, connect=5)  # a large file is read and indexed meanwhile


def api_url(settings: Settings) -> str:
    """Return where the API answers, as seen from the UI."""
    if settings.ui.api_url:
        return settings.ui.api_url
    return base_url(settings.server.host, settings.server.port)


@cache
def connect(url: str) -> httpx.Client:
    """Return the connections that all sessions share; proxies of the machine do not apply."""
    return httpx.Client(base_url=url, trust_env=False, timeout=TIMEOUT)


def file_path(knowledge_base: str, file_name: str) -> str:
    """Return the path of a file in the API."""
    return f"/api/v1/knowledge_bases/{quote(knowledge_base, safe='')}/files/{quote(file_name)}"


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
        self._send("DELETE", f"/api/v1/knowledge_bases/{quote(name, safe='')}")

    def files(self, knowledge_base: str) -> list[native.File]:
        """Return the files of a knowledge base."""
        path = f"/api/v1/knowledge_bases/{quote(knowledge_base, safe='')}/files"
        return self._get(path, list[native.File])

    def upload(
        self, knowledge_base: str, files: Sequence[tuple[str, bytes]], *, override: bool = False
    ) -> list[native.UploadedFile]:
        """Add files, given as names with their bytes; each tells its own error.

        Raises:
            ApiError: the request as a whole was refused.
        """
        answer = self._request(
            "POST",
            f"/api/v1/knowledge_bases/{quote(knowledge_base, safe='')}/files",
            files=[("files", file) for file in files],
            data={"override": str(override).lower()},
            timeout=UPLOAD_TIMEOUT,
        )
        if "files" not in (body := read_body(answer)):
            self._refuse(answer)
        return TypeAdapter(list[native.UploadedFile]).validate_python(body["files"])

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
        path = f"/api/v1/knowledge_bases/{quote(knowledge_base, safe='')}/search"
        answer = self._send("POST", path, json={"query": query, "top_k": top_k})
        return native.SearchAnswer.model_validate(answer.json())

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

    def _get(self, path: str, kind: type[T], **query: int | None) -> T:
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
