"""The only place where objects are built from settings."""

import logging
import os
import threading

from anyio import CapacityLimiter

from configs.settings import RetrievalSettings, Settings
from server.auth import KeyStore
from server.chat.conversations import ConversationStore
from server.chat.messages import MessageStore
from server.chat.prompts import PromptBook
from server.chat.service import ChatService
from server.db.database import Database
from server.errors import InternalError, ZhiwenError
from server.evaluation.drafter import Drafter
from server.evaluation.runner import Runner
from server.evaluation.test_sets import TestSets
from server.knowledge_base.blobs import BlobStore
from server.knowledge_base.calibration import Calibrator
from server.knowledge_base.derived import IndexPool
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.job_book import JobBook
from server.knowledge_base.lock import FolderLock
from server.knowledge_base.pages import DRAWERS
from server.knowledge_base.paths import DataFolder
from server.knowledge_base.rerankers.pool import RerankerPool
from server.knowledge_base.retrieval import Retriever
from server.knowledge_base.samples import create_samples
from server.knowledge_base.service import KnowledgeBases
from server.knowledge_base.synchroniser import Sources
from server.llm.client import LlmClient
from server.model_workers.shared_secret import prove, shared_secret
from server.network import base_url, is_loopback, needs_key, ui_host
from server.readiness import Readiness

logger = logging.getLogger(__name__)

HANG_UP_AFTER_S = 5.0  # of closing: what needs a service that answers is over by then
INTERNAL_TOKEN = "ZHIWEN_INTERNAL_TOKEN"  # noqa: S105  # the name of a variable


class Container:
    """All objects of one process; building them touches no disk, ``prepare`` does."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.readiness = Readiness()
        self.folder = DataFolder(settings.paths.data)
        self.database = Database(self.folder.database)
        self.keys = KeyStore(
            self.database,
            chosen=settings.auth.api_key,
            internal=os.environ.get(INTERNAL_TOKEN, ""),
        )
        self.indexes = IndexPool(self.folder, self.database)
        self.embedders = EmbedderPool(settings.embedding, self.folder.models)
        self.rerankers = RerankerPool(
            settings.retrieval,
            root=settings.embedding.root,
            score_pairs=self.embedders.score_pairs,
        )
        self.retriever = self.make_retriever(settings.retrieval)
        self.calibrator = Calibrator(self.database, self.retriever.weigh_question)
        self.knowledge_bases = KnowledgeBases(
            self.database,
            BlobStore(self.folder, max_bytes=settings.kb.max_file_mb << 20),
            self.indexes,
            self.embedders,
            settings=settings.kb,
            on_change=self.calibrator.schedule,
        )
        self.sources = Sources(
            self.knowledge_bases, settings=settings.sources, kb_settings=settings.kb
        )
        self.jobs = JobBook(self.database)
        self.llm = open_llm(settings)
        self.prompts = PromptBook(settings.paths.prompts)
        self.messages = MessageStore(self.database)
        self.conversations = ConversationStore(self.database)
        self.chat = ChatService(
            self.retriever,
            self.llm,
            self.prompts,
            self.messages,
            self.conversations,
            settings=settings,
        )
        self.test_sets = TestSets(self.database)
        self.runner = Runner(
            self.database,
            self.make_retriever,
            self.calibrator.refresh,
            settings=settings.retrieval,
        )
        self.drafter = Drafter(self.database, self.test_sets, self.llm, self.prompts)
        self.page_slots = CapacityLimiter(DRAWERS)  # who waits for one of them holds no thread
        # Few, so that long uploads leave threads for questions.
        self.upload_slots = CapacityLimiter(max(1, settings.server.threads // 4))
        self._lock = FolderLock(self.folder)

    def make_retriever(self, settings: RetrievalSettings) -> Retriever:
        """Return a retriever over the same data with other settings, to be measured."""
        return Retriever(
            self.database, self.indexes, self.embedders, self.rerankers, settings=settings
        )

    def prepare(self) -> None:
        """Make the service usable: lock the data, migrate, mint a key, create the samples.

        Reports to ``readiness``; an error ends there too, for the probes and the log to show.
        """
        try:
            self._prepare()
            self.readiness.finish()
        except ZhiwenError as error:
            logger.error("%s", error)
            self.readiness.fail(error)
        except Exception as error:  # the border of the thread: nobody else would see it
            logger.exception("The preparation failed.")
            self.readiness.fail(InternalError(request_id=f"{type(error).__name__}: {error}"))

    def prepare_in_background(self) -> threading.Thread:
        """Start ``prepare`` in a thread of its own, so that probes are answered meanwhile."""
        thread = threading.Thread(target=self.prepare, name="prepare", daemon=True)
        thread.start()
        return thread

    def _prepare(self) -> None:
        self.readiness.report("opening the database", "打开数据库")
        self._lock.acquire()
        self.database.migrate()
        self.keys.load()
        if needs_key(self.settings) and not self.settings.auth.api_key:
            self.keys.mint_first(self._tell_key)
        self.sources.recover()
        self.runner.recover()
        self.knowledge_bases.recover()
        self.calibrator.schedule_outdated()
        if self.settings.kb.create_samples:
            create_samples(
                self.knowledge_bases,
                self.settings.paths.samples,
                report=self.readiness.report,
                calibrate=self.calibrator.refresh,
            )

    def _tell_key(self, key: str) -> None:
        site = base_url(ui_host(self.settings), self.settings.ui.port)
        logger.warning("API key: %s (only its hash is stored; keep it)", key)
        logger.warning("To log in, open %s/login?key=%s", site, key)

    async def close(self) -> None:
        """Give everything back."""
        await self.llm.close()
        self.sources.close()
        # The end must not wait for a service that never answers. For a file in work that is no
        # failure: it goes on at the next start.
        hang_up = threading.Timer(HANG_UP_AFTER_S, self.embedders.hang_up)
        hang_up.daemon = True
        hang_up.start()
        self.knowledge_bases.close()
        self.runner.close()
        self.calibrator.close()
        hang_up.cancel()
        self.rerankers.close()
        self.embedders.close()
        self.indexes.close()
        self.database.close()
        self._lock.release()


def open_llm(settings: Settings) -> LlmClient:
    """Return the client of the endpoint that the user names, else of that over our workers."""
    llm, workers = settings.llm, settings.workers
    if llm.base_url:
        return LlmClient(llm, base_url=llm.base_url, api_key=llm.api_key, is_expected=True)
    # On loopback the endpoint asks for no key.
    key = "" if is_loopback(workers.host) else settings.auth.api_key or shared_secret(settings)
    url = f"{base_url(workers.host, workers.endpoint_port)}/v1"
    return LlmClient(
        llm,
        base_url=url,
        api_key=key,
        is_expected=bool(workers.models),
        prove=lambda nonce: prove(shared_secret(settings), nonce),
    )
