"""Whether the service can be used yet, and what it is doing until then. Knows no work itself."""

import threading
from dataclasses import dataclass

from server.errors import Unavailable, ZhiwenError


class StillStarting(Unavailable):
    """The service is being prepared; ``doing_en`` and ``doing_zh`` say how far it is."""

    code = "starting"
    en = "The service is still starting: {doing}. Try again in a few seconds."
    zh = "服务正在启动：{doing}。请几秒后重试。"


@dataclass(frozen=True, slots=True)
class Progress:
    """A state of the preparation; ``steps`` only grows."""

    is_ready: bool
    steps: int
    doing: str
    error: ZhiwenError | None = None


class Readiness:
    """The progress of the preparation; one thread reports, many read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress = Progress(is_ready=False, steps=0, doing="waiting")

    def report(self, doing: str) -> None:
        """Note the next step."""
        with self._lock:
            steps = self._progress.steps + 1
            self._progress = Progress(is_ready=False, steps=steps, doing=doing)

    def finish(self) -> None:
        """Note that the service can be used."""
        with self._lock:
            self._progress = Progress(is_ready=True, steps=self._progress.steps + 1, doing="ready")

    def fail(self, error: ZhiwenError) -> None:
        """Note that the preparation failed for good."""
        with self._lock:
            steps = self._progress.steps
            self._progress = Progress(is_ready=False, steps=steps, doing=str(error), error=error)

    def read(self) -> Progress:
        """Return the present state."""
        with self._lock:
            return self._progress

    def check(self) -> None:
        """Do nothing if the service can be used.

        Raises:
            StillStarting: not yet.
            ZhiwenError: the preparation failed with it.
        """
        progress = self.read()
        if progress.error is not None:
            raise progress.error
        if not progress.is_ready:
            raise StillStarting(doing=progress.doing)
