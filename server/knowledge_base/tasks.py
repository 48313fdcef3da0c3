"""What the runner of jobs and the work itself say to each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from server.errors import Unavailable


class ServiceStopping(Unavailable):
    """The process ends before the job does; it goes on at the next start."""

    code = "stopping"
    en = "The service is being stopped. What was accepted goes on at the next start."
    zh = "服务正在停止，已接收的任务将在下次启动后继续。"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is; the counts are chunks, or pages while they are read by OCR."""

    stage: str  # reading, embedding, storing
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One file of a job, as the function that works on it sees it."""

    id: int  # of the file in the job; greater means sent later
    job_id: str
    kb_id: int
    name: str
    blob: str | None
    options: Mapping[str, Any]
    tell: Callable[[Progress], None]
    is_cancelled: Callable[[], bool]
    is_last: Callable[[], bool]  # no other file of the job is waiting for its turn
    origin: str | None = None  # of a file that comes from a source


Work = Callable[[Task], bool]  # returns whether the job has ended with this file
