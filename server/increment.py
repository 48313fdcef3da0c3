"""``python init_database.py --increment``: takes in what lies in the folders ``content/``.

By the REST API: that of the service on the data folder, or one that lives in this process until the
work is done. What is begun is durable; interrupted, it goes on with the next start of either.
"""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from tqdm import tqdm

from configs import Settings
from server.app import create_app
from server.container import INTERNAL_TOKEN
from server.datatypes import Language
from server.errors import DataDirectoryInUse, UnknownKnowledgeBase
from server.knowledge_base.lock import FolderLock
from server.knowledge_base.paths import DataFolder
from server.language import choose_language
from server.network import base_url
from server.readiness import Progress, Readiness

LOOK_EVERY_S = 0.5
PATIENT = httpx.Timeout(None, connect=5)  # files are copied while the API answers
PAGE = 1000  # failures that are fetched at once
BASES = "/api/v1/knowledge_bases"


class RequestFailed(Exception):
    """The service refused a request; the message says why."""


@dataclass(slots=True)
class Summary:
    """What became of the files of a knowledge base."""

    done: int = 0
    unchanged: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)  # file and reason


def increment(settings: Settings, names: Sequence[str]) -> int:
    """Take in the folders of these knowledge bases, or of all, and return the exit status.

    0: all files are searchable; 1: some are not, and were named with their reasons.

    Raises:
        ZhiwenError: not all folders were looked at.
    """
    language = choose_language(settings.server.language)
    try:
        summaries = asyncio.run(take_in_all(settings, names, language))
    except RequestFailed as error:
        print(error, file=sys.stderr)
        return 1
    for name, summary in summaries.items():
        print_summary(name, summary, language)
    return int(any(summary.failures for summary in summaries.values()))


async def take_in_all(
    settings: Settings, names: Sequence[str], language: Language
) -> dict[str, Summary]:
    """Take in folder after folder, then wait for all jobs with a progress bar."""
    summaries: dict[str, Summary] = {}
    jobs: dict[str, str] = {}  # job to knowledge base
    async with open_api(settings, language) as api:
        folders = names or folders_in(DataFolder(settings.paths.data))
        known = {base["name"] for base in await ask(api, "GET", BASES)}
        for name in sorted(folders):
            if name not in known:
                await make_base(api, DataFolder(settings.paths.data), name)
            found = await ask(api, "POST", f"{BASES}/{quote(name, safe='')}/scan")
            summaries[name] = Summary(unchanged=found["unchanged"])
            summaries[name].failures += [
                (file["name"], file["error"]["message"]) for file in found["refused"]
            ]
            jobs |= dict.fromkeys(found["jobs"], name)
        await follow(api, jobs, summaries)
    return summaries


def folders_in(data: DataFolder) -> list[str]:
    """Return the names of the folders that may be knowledge bases: those with ``content/``."""
    return [path.parent.name for path in data.root.glob("[!.]*/content") if path.is_dir()]


async def make_base(api: httpx.AsyncClient, data: DataFolder, name: str) -> None:
    """Make a knowledge base of a folder that somebody made by hand.

    Raises:
        UnknownKnowledgeBase: there is no such folder.
        ZhiwenError, RequestFailed: it cannot have that name.
    """
    if not data.content_folder(name).is_dir():
        raise UnknownKnowledgeBase(param="knowledge_base", name=name)
    await ask(api, "POST", BASES, {"name": name})


async def follow(
    api: httpx.AsyncClient, jobs: dict[str, str], summaries: dict[str, Summary]
) -> None:
    """Wait for all jobs with a progress bar, and add up what became of their files."""
    states = {job: await ask(api, "GET", f"/api/v1/jobs/{job}") for job in jobs}
    total = sum(state["total"] for state in states.values())
    with tqdm(total=total, unit="file", file=sys.stderr, disable=not total) as bar:
        while True:
            bar.update(sum(map(count_settled, states.values())) - bar.n)
            still = [job for job, state in states.items() if state["finished_at"] is None]
            if not still:
                break
            await asyncio.sleep(LOOK_EVERY_S)
            for job in still:
                states[job] = await ask(api, "GET", f"/api/v1/jobs/{job}")
    for job, state in states.items():
        summary = summaries[jobs[job]]
        summary.done += state["done"]
        summary.unchanged += state["skipped"]
        summary.failures += [
            (file["name"], file["error"]["message"])
            for status in ("failed", "cancelled")
            for start in range(0, state[status], PAGE)
            for file in await ask(
                api, "GET", f"/api/v1/jobs/{job}/files?{status=!s}&offset={start}&limit={PAGE}"
            )
        ]


def count_settled(state: dict[str, Any]) -> int:
    """Return how many files of a job are not waiting any more."""
    return int(state["total"] - state["queued"])


def print_summary(name: str, summary: Summary, language: Language) -> None:
    """Print what became of the files of a knowledge base, each failure with its reason."""
    counts = (summary.done, summary.unchanged, len(summary.failures))
    if language == "zh":
        print(f"{name}：已入库 {counts[0]:,}，未变化 {counts[1]:,}，失败 {counts[2]:,}")
    else:
        print(f"{name}: {counts[0]:,} added, {counts[1]:,} unchanged, {counts[2]:,} failed")
    for file, reason in sorted(summary.failures):
        print(f"  {file}: {reason}")


@asynccontextmanager
async def open_api(settings: Settings, language: Language) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the service on the data folder; it runs here if it runs nowhere.

    Raises:
        ZhiwenError: the data folder cannot be used.
    """
    if is_served(DataFolder(settings.paths.data)):
        async with open_service(settings, language) as api:
            yield api
        return
    token = os.environ.setdefault(INTERNAL_TOKEN, secrets.token_hex(16))
    headers = {"Accept-Language": language, "Authorization": f"Bearer {token}"}
    bare = settings.kb.model_copy(update={"create_samples": False})
    app = create_app(settings.model_copy(update={"kb": bare}))
    async with app.router.lifespan_context(app):
        state = await asyncio.to_thread(wait_until_prepared, app.state.container.readiness)
        if state.error is not None:
            raise state.error
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=headers, timeout=PATIENT
        ) as api:
            yield api


def is_served(folder: DataFolder) -> bool:
    """Tell whether another process has the data folder."""
    try:
        with FolderLock(folder).hold():
            return False
    except DataDirectoryInUse:
        return True


@asynccontextmanager
async def open_service(settings: Settings, language: Language) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the service that runs on the data folder."""
    headers: dict[str, str] = {"Accept-Language": language}
    if settings.auth.api_key:  # the one that was made at the first start is not stored
        headers["Authorization"] = f"Bearer {settings.auth.api_key}"
    url = base_url(settings.server.host, settings.server.port)
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=PATIENT, trust_env=False
    ) as api:
        yield api


def wait_until_prepared(readiness: Readiness) -> Progress:
    """Return the state in which the preparation ends."""
    while not (state := readiness.read()).is_ready and state.error is None:
        time.sleep(0.05)
    return state


async def ask(api: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    """Return what the API answers.

    Raises:
        RequestFailed: it answers with an error, or not at all.
    """
    try:
        answer = await api.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise RequestFailed(f"{api.base_url}: {error}") from error
    return read_answer(answer)


def read_answer(answer: httpx.Response) -> Any:
    """Return what an answer holds.

    Raises:
        RequestFailed: it is an error, or another program answered.
    """
    try:
        body = answer.json()
        message = body["error"]["message"] if answer.is_error else ""
    except (ValueError, LookupError, TypeError) as error:
        raise RequestFailed(
            f"{answer.url}: HTTP {answer.status_code}, not the answer of this service "
            "应答并非来自本服务"
        ) from error
    if answer.is_error:
        raise RequestFailed(str(message))
    return body
