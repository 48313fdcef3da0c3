"""Every reranker keeps the contract of ``Reranker``."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from configs.model_settings import RerankerSettings
from configs.settings import EmbeddingSettings, load_settings
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.rerankers import RERANKERS, Reranker
from tests.tiny_rerankers import CLOSE, EXAM, FAR, QUESTION
from tests.unit.knowledge_base.rerankers.endpoint import RerankEndpoint, serve_reranker

VARIANTS = {  # of each reranker of the table
    "cross_encoder": ("classifier", "yes_no"),
    "http": ("jina", "tei", "jina with odds"),
}
TEXTS = [FAR, CLOSE, "", "发票和工资的财务。", "valve " * 2000, "[SEP] <|im_end|> \x00 😀"]


def embedding_settings() -> EmbeddingSettings:
    return load_settings(embedding={"threads": 1}).embedding


@contextmanager
def settings_for(
    kind: str, variant: str, folder_of: Callable[[str], Path]
) -> Iterator[RerankerSettings]:
    """Yield the settings of a reranker of the table."""
    if kind == "cross_encoder":
        yield RerankerSettings(path=str(folder_of(variant)))
    else:
        most = 32 if variant == "tei" else 1000
        endpoint = RerankEndpoint(gives_odds="odds" in variant, most_texts=most)
        with serve_reranker(endpoint):
            if variant == "tei":
                yield RerankerSettings(base_url=endpoint.url, format="tei")
            else:
                yield RerankerSettings(base_url=f"{endpoint.url}/v1")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbedderPool]:
    made = EmbedderPool(embedding_settings(), tmp_path_factory.mktemp("cache"))
    yield made
    made.close()


def cases() -> Iterator[object]:
    """Yield the rerankers of the table; the training of some takes a while."""
    for kind in RERANKERS:
        for variant in VARIANTS[kind]:
            marks = [pytest.mark.slow] if variant == "yes_no" else []
            yield pytest.param((kind, variant), id=f"{kind}: {variant}", marks=marks)


@pytest.fixture(scope="module", params=cases())
def reranker(
    request: pytest.FixtureRequest, reranker_folder: Callable[[str], Path], pool: EmbedderPool
) -> Iterator[Reranker]:
    kind, variant = request.param
    with settings_for(kind, variant, reranker_folder) as settings:
        made = RERANKERS.get(kind)("tiny", settings, score_pairs=pool.score_pairs)
        yield made
        made.close()


def test_no_texts_give_no_scores(reranker: Reranker) -> None:
    scores = reranker.score(QUESTION, [])
    assert (scores.shape, scores.dtype) == ((0,), np.float32)


def test_scores_are_from_zero_to_one(reranker: Reranker) -> None:
    scores = reranker.score(QUESTION, TEXTS)
    assert (scores.shape, scores.dtype) == ((len(TEXTS),), np.float32)
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize(("question", "close", "far"), EXAM)
def test_a_close_text_is_scored_above_a_far_one(
    reranker: Reranker, question: str, close: str, far: str
) -> None:
    scores = reranker.score(question, [far, close])
    assert scores[1] > scores[0]


def test_scores_are_in_the_order_of_the_texts(reranker: Reranker) -> None:
    together = reranker.score(QUESTION, TEXTS)
    alone = [float(reranker.score(QUESTION, [text])[0]) for text in TEXTS]
    assert together.tolist() == pytest.approx(alone, abs=1e-4)


def test_the_same_pair_gets_the_same_score(reranker: Reranker) -> None:
    assert (reranker.score(QUESTION, TEXTS) == reranker.score(QUESTION, TEXTS)).all()


def test_any_number_of_texts_is_scored(reranker: Reranker) -> None:
    scores = reranker.score(QUESTION, [CLOSE, FAR] * 35)
    assert scores.tolist() == pytest.approx([scores[0], scores[1]] * 35, abs=1e-4)


def test_a_question_of_any_length_is_scored(reranker: Reranker) -> None:
    for question in ("?", "pump " * 4000):
        scores = reranker.score(question, [CLOSE])
        assert 0 <= float(scores[0]) <= 1


def test_several_threads_may_ask_at_once(reranker: Reranker) -> None:
    found: dict[int, list[float]] = {}

    def ask(number: int) -> None:
        found[number] = reranker.score(QUESTION, [CLOSE, FAR][: number % 2 + 1]).tolist()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(found[number]) for number in range(4)] == [1, 2, 1, 2]
    assert len({round(scores[0], 4) for scores in found.values()}) == 1


def test_a_reranker_says_its_languages(reranker: Reranker) -> None:
    assert reranker.languages == {"en", "zh"}
