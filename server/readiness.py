"""Whether the service can be used yet, and what it is doing until then. Knows no work itself."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from server.datatypes import Language
from server.errors import Unavailable, ZhiwenError


class StillStarting(Unavailable):
    """The service is being prepared; ``doing_en`` and ``doing_zh`` say how far it is."""

    code = "starting"
    en = "The service is still starting: {doing_en}. Try again in a few seconds."
    zh = "服务正在启动：{doing_zh}。请几秒后重试。"


@dataclass(frozen=True, slots=True)
class Progress:
    """A state of the preparation; ``steps`` only grows."""

    is_ready: bool
    steps: int
    doing_en: str
    doing_zh: str
    error: ZhiwenError | None = None

    def doing(self, language: Language) -> str:
        """Return what is being done, in the language asked for."""
        return self.doing_zh if language == "zh" else self.doing_en


class Readiness:
    """The progress of the preparation; one thread reports, many read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.on_failure: Callable[[], None] = lambda: None  # called once, after the failure is told
        self._progress = Progress(False, 0, "waiting", "等待中")

    def report(self, doing_en: str, doing_zh: str) -> None:
        """Note the next step."""
        with self._lock:
            self._progress = Progress(False, self._progress.steps + 1, doing_en, doing_zh)

    def finish(self) -> None:
        """Note that the service can be used."""
        with self._lock:
            self._progress = Progress(True, self._progress.steps + 1, "ready", "已就绪")

    def fail(self, error: ZhiwenError) -> None:
        """Note that the preparation failed for good."""
        with self._lock:
            self._progress = Progress(
                False, self._progress.steps, error.message("en"), error.message("zh"), error
            )
        self.on_failure()

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
            raise StillStarting(doing_en=progress.doing_en, doing_zh=progress.doing_zh)
