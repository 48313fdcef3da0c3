"""The API as the web server of the UI sees it: who may enter, and is it ready. Knows no pages."""

import asyncio
import time
from typing import Any, Literal
from weakref import WeakValueDictionary

import httpx

Verdict = Literal["open", "accepted", "refused", "waiting"]
KEEP_S = 10.0  # a page load is a hundred requests; a replaced key still works for so long
KEEP_WAITING_S = 0.5
CHEAP_PATH = "/api/v1/conversations?limit=1"  # needs the key, and waits for nothing else
MAX_KEPT = 100  # every wrong key takes a place


class Upstream:
    """Asks the API; one for all requests."""

    def __init__(self, url: str) -> None:
        self.http = httpx.AsyncClient(
            base_url=url, trust_env=False, timeout=httpx.Timeout(30, connect=5)
        )
        self._verdicts: dict[str, tuple[float, Verdict]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def judge(self, key: str) -> Verdict:
        """Return what the API said about a key within the last seconds; "" is none."""
        # A hundred requests wait for one answer, but not for those about other keys.
        async with self._locks.setdefault(key, asyncio.Lock()):
            until, verdict = self._verdicts.get(key, (0.0, "waiting"))
            if time.monotonic() < until:
                return verdict
            verdict = await self.ask(key)
            if len(self._verdicts) >= MAX_KEPT:
                self._verdicts.clear()
            keep_s = KEEP_WAITING_S if verdict == "waiting" else KEEP_S
            self._verdicts[key] = (time.monotonic() + keep_s, verdict)
            return verdict

    async def ask(self, key: str) -> Verdict:
        """Ask the API whether it needs a key and takes this one."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            answer = await self.http.get(CHEAP_PATH, headers=headers)
        except (httpx.HTTPError, UnicodeEncodeError):  # a header holds ASCII only; keys do too
            return "waiting" if key.isascii() else "refused"
        if answer.status_code == 401:
            return "refused"
        if answer.status_code != 200:
            return "waiting"
        return "accepted" if key and await self.judge("") == "refused" else "open"

    async def readiness(self, language: str) -> dict[str, Any] | None:  # JSON of /readyz
        """Return what the API says of its start, None when nothing answers."""
        try:
            answer = await self.http.get("/readyz", headers={"Accept-Language": language})
            state: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError):
            return None
        return state
