"""A worker's talk with the controller: registering, reporting, leaving. Knows no models."""

import logging
import threading
from typing import Any

import httpx

from configs.settings import WorkerSettings
from server.model_workers.generator import Trouble
from server.model_workers.shared_secret import HEADER
from server.model_workers.troubles import describe
from server.model_workers.worker import ModelWorker

logger = logging.getLogger(__name__)

RETRY_S = 1.0  # while the controller cannot be reached
ANSWER_WITHIN_S = 5.0
GOODBYE_WITHIN_S = 1.0
LOADING = "loading", "加载中"


class Attendance:
    """Keeps a worker on the controller's list from its load to its end, in a thread."""

    def __init__(
        self, worker: ModelWorker, settings: WorkerSettings, *, controller: str, secret: str
    ) -> None:
        self.worker = worker
        self.heartbeat_s = settings.heartbeat_s
        self.controller = controller.rstrip("/")
        self.options: dict[str, Any] = {"headers": {HEADER: secret}, "trust_env": False}
        self.registering = threading.Lock()
        self.is_over = threading.Event()
        self.is_registered = False
        self.told: Trouble | None = LOADING

    def begin(self) -> None:
        """Load and register in the background; the worker's port must listen already."""
        threading.Thread(target=self.run, name="attendance", daemon=True).start()

    def run(self) -> None:
        """Load, then register and report until the end."""
        self.leave()  # an earlier life at this address may still be listed
        if not self.worker.load():
            return
        pause_s = 0.0
        with httpx.Client(timeout=ANSWER_WITHIN_S, **self.options) as http:
            while not self.is_over.wait(pause_s):
                pause_s = self.report(http)

    def report(self, http: httpx.Client) -> float:
        """Register or send a heartbeat; return the seconds until the next time."""
        try:
            if not (self.is_registered and self.is_known(http)):
                with self.registering:
                    self.register(http)
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            self.is_registered = False
            en, zh = describe(error)
            self.tell(
                (f"the controller {self.controller}: {en}", f"控制器 {self.controller}：{zh}")
            )
            return min(RETRY_S, self.heartbeat_s)
        self.tell(self.worker.generator.trouble)
        return self.heartbeat_s

    def is_known(self, http: httpx.Client) -> bool:
        """Send a heartbeat; return whether the controller still knows this worker."""
        worker = self.worker
        queue = {"worker_name": worker.worker_addr, "queue_length": worker.get_queue_length()}
        answer = http.post(f"{self.controller}/receive_heart_beat", json=queue)
        return answer.raise_for_status().json()["exist"] is True

    def register(self, http: httpx.Client) -> None:
        """Put this worker on the controller's list, unless it is about to end."""
        worker = self.worker
        if self.is_over.is_set():
            return
        told = {"worker_name": worker.worker_addr, "worker_status": worker.get_status()}
        http.post(f"{self.controller}/register_worker", json=told).raise_for_status()
        self.is_registered = True
        logger.info("registered %s at the controller %s", worker.name, self.controller)

    def tell(self, trouble: Trouble | None) -> None:
        """Say once what keeps the worker from serving, and once that nothing does."""
        if trouble == self.told:
            return
        self.told = trouble
        if trouble is None:
            self.worker.readiness.finish()
        else:
            logger.warning("%s", trouble[0])
            self.worker.readiness.report(*trouble)

    def leave(self) -> None:
        """Take this worker off the controller's list; it does not matter if nobody answers."""
        url, told = f"{self.controller}/deregister_worker", {"worker_name": self.worker.worker_addr}
        try:
            httpx.post(url, json=told, timeout=GOODBYE_WITHIN_S, **self.options)
        except httpx.HTTPError as error:
            logger.debug("could not deregister: %s", error)

    def end(self) -> None:
        """Leave, and report no more."""
        self.is_over.set()
        with self.registering:  # one under way would come after the good-bye
            self.leave()
