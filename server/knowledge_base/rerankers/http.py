"""A reranker behind an HTTP endpoint. Knows the two formats that the servers speak.

``jina``: Jina, Cohere, vLLM, Xinference, SiliconFlow, llama.cpp. ``tei``:
text-embeddings-inference of Hugging Face.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, BaseModel, Field, FiniteFloat, TypeAdapter, ValidationError

from configs.model_settings import RerankerSettings
from server.datatypes import Language
from server.errors import RerankingFailed
from server.knowledge_base.rerankers import PairScorer, Scores
from server.llm.client import FAULTS, describe_error, describe_fault
from server.network import is_loopback

CONNECT_S = 10
ROUNDED = 0.01  # half precision makes 1.0005 of a sure yes
TEI_TEXTS = 32  # of one request: more are refused unless the server was started otherwise


class RankedText(BaseModel):
    """The score of the text that has that place in the request."""

    index: int
    score: FiniteFloat = Field(validation_alias=AliasChoices("relevance_score", "score"))


class Ranking(BaseModel):
    """An answer in the format ``jina``; that of ``tei`` is the bare list."""

    results: list[RankedText]


BARE_RANKING = TypeAdapter(list[RankedText])


class HttpReranker:
    """Asks the endpoint of the settings; its connections are kept for the next question."""

    def __init__(self, name: str, settings: RerankerSettings, *, score_pairs: PairScorer) -> None:
        """Open no connection; ``score_pairs`` is for rerankers of this machine."""
        self.name = name
        self.settings = settings
        self.languages: frozenset[Language] = frozenset(settings.languages)
        self.url = settings.base_url.rstrip("/").removesuffix("/rerank") + "/rerank"
        self._gives_odds = False
        key = settings.api_key
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(settings.timeout_s, connect=min(CONNECT_S, settings.timeout_s)),
            # A proxy for the internet must not be asked for services on this machine.
            trust_env=not is_loopback(urlsplit(self.url).hostname or ""),
        )

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Return float32 (n,), each 0..1, higher is closer."""
        size = TEI_TEXTS if self.settings.format == "tei" else max(1, len(texts))
        parts = [
            self._ask(question, list(texts[start : start + size]))
            for start in range(0, len(texts), size)
        ]
        return self._to_shares(np.concatenate([np.zeros(0), *parts]))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, question: str, texts: list[str]) -> NDArray[np.float64]:
        """Return what the endpoint says of each text: float64 (n,), finite."""
        try:
            response = self._http.post(self.url, json=self._body(question, texts))
        except FAULTS as error:
            raise self._failure(*describe_fault(error, self.settings.timeout_s)) from error
        if not response.is_success:
            raise self._refusal(response)
        ranked = self._read(response)
        if sorted(one.index for one in ranked) != list(range(len(texts))):
            raise self._failure(
                f"it gave {len(ranked)} scores for {len(texts)} texts, or not one for each",
                f"共 {len(texts)} 段文本，返回了 {len(ranked)} 个分数，未能一一对应",
            )
        scores = np.zeros(len(texts))
        scores[[one.index for one in ranked]] = [one.score for one in ranked]
        return scores

    def _to_shares(self, scores: NDArray[np.float64]) -> Scores:
        """Return scores as float32 from 0 to 1: as they are, or by the sigmoid.

        Some servers pass on what the model says, the logarithm of the odds. A score outside 0..1
        by more than was rounded gives them away, and later answers without one are then read in
        the same way.
        """
        is_share = (scores >= -ROUNDED) & (scores <= 1 + ROUNDED)
        self._gives_odds = self._gives_odds or not is_share.all()
        if self._gives_odds:
            scores = 0.5 + 0.5 * np.tanh(0.5 * scores)  # the sigmoid, without its overflow
        return scores.clip(0, 1).astype(np.float32)

    def _body(self, question: str, texts: list[str]) -> dict[str, Any]:
        if self.settings.format == "tei":
            return {"query": question, "texts": texts, "truncate": True}
        model = self.settings.model or self.name
        return {"model": model, "query": question, "documents": texts, "top_n": len(texts)}

    def _read(self, response: httpx.Response) -> list[RankedText]:
        try:
            if self.settings.format == "tei":
                return BARE_RANKING.validate_json(response.content)
            return Ranking.model_validate_json(response.content).results
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            problem = f"{where}: {first['msg']}" if where else first["msg"]
            raise self._failure(
                f"its answer is not in the format {self.settings.format!r} ({problem})",
                f"返回内容不符合 {self.settings.format!r} 格式（{problem}）",
            ) from error

    def _refusal(self, response: httpx.Response) -> RerankingFailed:
        en, zh = describe_error(response)
        if response.status_code == httpx.codes.NOT_FOUND:
            en += "; base_url mostly ends in /v1 for the format jina, and in the port for tei"
            zh += "；jina 格式的 base_url 通常以 /v1 结尾，tei 格式则以端口结尾"
        return self._failure(en, zh)

    def _failure(self, reason_en: str, reason_zh: str) -> RerankingFailed:
        return RerankingFailed(
            model=self.name,
            reason_en=f"{reason_en} ({self.url}).",
            reason_zh=f"{reason_zh}（{self.url}）。",
        )
