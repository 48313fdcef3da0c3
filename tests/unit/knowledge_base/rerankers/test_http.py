"""The reranker behind an endpoint: what is asked, and what is said of endpoints that fail."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from configs.model_settings import RerankerSettings
from server.errors import RerankingFailed
from server.knowledge_base.rerankers.http import HttpReranker
from tests.unit.knowledge_base.rerankers.endpoint import RerankEndpoint, serve_reranker

TEXTS = ["the pump", "an invoice"]


@pytest.fixture
def endpoint() -> Iterator[RerankEndpoint]:
    with serve_reranker(RerankEndpoint()) as served:
        yield served


def no_pairs(*_: object) -> Any:
    raise AssertionError("an endpoint needs no process")


def open_reranker(url: str, **settings: Any) -> HttpReranker:
    chosen = RerankerSettings(base_url=url, **settings)
    return HttpReranker("mine", chosen, score_pairs=no_pairs)


def failure(url: str, **settings: Any) -> RerankingFailed:
    """Return the error of asking for two texts."""
    reranker = open_reranker(url, **settings)
    with pytest.raises(RerankingFailed) as caught:
        reranker.score("pump?", TEXTS)
    reranker.close()
    assert caught.value.values["model"] == "mine"
    return caught.value


def answer(*ranked: tuple[Any, Any]) -> bytes:
    """Return the body of an answer; NaN is written as Python writes it."""
    results = [{"index": place, "relevance_score": score} for place, score in ranked]
    return json.dumps({"results": results}).encode()


def test_the_model_is_asked_for_by_its_name_at_the_endpoint(endpoint: RerankEndpoint) -> None:
    reranker = open_reranker(f"{endpoint.url}/v1/", model="bge", api_key="a-key")
    reranker.score("pump?", TEXTS)
    reranker.close()
    assert endpoint.requests == [
        {"model": "bge", "query": "pump?", "documents": TEXTS, "top_n": len(TEXTS)}
    ]
    assert (endpoint.paths, endpoint.keys) == (["/v1/rerank"], ["Bearer a-key"])


def test_without_a_name_of_its_own_the_model_is_called_as_here(endpoint: RerankEndpoint) -> None:
    reranker = open_reranker(endpoint.url)
    reranker.score("pump?", TEXTS)
    reranker.close()
    assert endpoint.requests[0]["model"] == "mine"
    assert endpoint.keys == [None]


def test_the_whole_address_may_be_given(endpoint: RerankEndpoint) -> None:
    reranker = open_reranker(f"{endpoint.url}/v1/rerank")
    reranker.score("pump?", TEXTS)
    reranker.close()
    assert endpoint.paths == ["/v1/rerank"]


def test_tei_is_asked_in_portions_that_it_takes(endpoint: RerankEndpoint) -> None:
    reranker = open_reranker(endpoint.url, format="tei")
    scores = reranker.score("pump?", TEXTS * 20)
    reranker.close()
    assert [len(asked["texts"]) for asked in endpoint.requests] == [32, 8]
    assert all(asked["truncate"] for asked in endpoint.requests)
    assert len(scores) == 40


def test_odds_become_shares(endpoint: RerankEndpoint) -> None:
    endpoint.body = answer((1, 0.0), (0, 1000.0), (2, -1000.0))
    reranker = open_reranker(endpoint.url)
    assert reranker.score("pump?", ["a", "b", "c"]).tolist() == [1.0, 0.5, 0.0]
    reranker.close()


def test_an_endpoint_that_sent_odds_once_is_read_so_from_then_on(
    endpoint: RerankEndpoint,
) -> None:
    reranker = open_reranker(endpoint.url)
    endpoint.body = answer((0, 5.0), (1, -5.0))
    reranker.score("pump?", TEXTS)
    endpoint.body = answer((0, 0.0), (1, 0.0))
    assert reranker.score("pump?", TEXTS).tolist() == [0.5, 0.5]
    reranker.close()


def test_shares_are_left_as_they_are(endpoint: RerankEndpoint) -> None:
    endpoint.body = answer((1, 0.25), (0, 1))
    reranker = open_reranker(endpoint.url)
    assert reranker.score("pump?", TEXTS).tolist() == [1.0, 0.25]
    reranker.close()


def test_a_share_that_was_rounded_past_its_end_is_no_odds(endpoint: RerankEndpoint) -> None:
    endpoint.body = answer((0, 1.0000001), (1, -1e-7))
    reranker = open_reranker(endpoint.url)
    assert reranker.score("pump?", TEXTS).tolist() == [1.0, 0.0]
    endpoint.body = answer((0, 0.25), (1, 0.75))
    assert reranker.score("pump?", TEXTS).tolist() == [0.25, 0.75]
    reranker.close()


def test_a_proxy_is_not_asked_for_this_machine(
    endpoint: RerankEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    reranker = open_reranker(endpoint.url)
    assert len(reranker.score("pump?", TEXTS)) == 2
    reranker.close()


def test_an_endpoint_that_is_down_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = failure(f"http://127.0.0.1:{port}/v1")
    assert "it cannot be reached" in error.message("en")
    assert "无法连接" in error.message("zh")


@pytest.mark.parametrize("host", ["a b", "a" * 64, "a..b", "xn--"])
def test_an_address_that_cannot_be_is_told(host: str) -> None:
    error = failure(f"http://{host}/v1")
    assert f"http://{host}/v1/rerank" in error.message("en")


def test_an_endpoint_that_stays_silent_is_given_up(endpoint: RerankEndpoint) -> None:
    endpoint.is_silent = True
    assert "it sent nothing for 0.2 s" in failure(endpoint.url, timeout_s=0.2).message("en")


def test_what_the_endpoint_says_of_its_fault_is_told(endpoint: RerankEndpoint) -> None:
    endpoint.status = 500
    error = failure(endpoint.url)
    assert "it answered HTTP 500: out of memory" in error.message("en")
    assert "返回 HTTP 500: out of memory" in error.message("zh")


def test_a_wrong_path_is_told_with_the_usual_ones(endpoint: RerankEndpoint) -> None:
    assert "ends in /v1" in failure(f"{endpoint.url}/v3").message("en")


def test_a_redirect_is_no_answer(endpoint: RerankEndpoint) -> None:
    endpoint.status = 302
    assert "HTTP 302" in failure(endpoint.url).message("en")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"results": null}',
        b'{"results": [{"index": 0}]}',
        b'{"results": [{"relevance_score": 0.5}]}',
        answer((0, "high"), (1, 0.5)),
        answer((0, None), (1, 0.5)),
        answer((0, float("nan")), (1, 0.5)),
        answer((0, float("inf")), (1, 0.5)),
    ],
    ids=str,
)
def test_an_answer_of_another_shape_is_refused(endpoint: RerankEndpoint, body: bytes) -> None:
    endpoint.body = body
    assert "not in the format 'jina'" in failure(endpoint.url).message("en")


@pytest.mark.parametrize(
    "ranked",
    [
        [],
        [(0, 0.5)],
        [(0, 0.5), (0, 0.6)],
        [(0, 0.5), (2, 0.6)],
        [(-1, 0.5), (0, 0.6)],
        [(0, 0.5), (1, 0.6), (2, 0.7)],
    ],
    ids=str,
)
def test_scores_that_do_not_match_the_texts_are_refused(
    endpoint: RerankEndpoint, ranked: list[tuple[int, float]]
) -> None:
    endpoint.body = answer(*ranked)
    error = failure(endpoint.url)
    assert f"{len(ranked)} scores for 2 texts" in error.message("en")
    assert f"返回了 {len(ranked)} 个分数" in error.message("zh")


def test_the_other_format_is_refused(endpoint: RerankEndpoint) -> None:
    endpoint.body = answer((0, 0.5), (1, 0.6))
    assert "not in the format 'tei'" in failure(endpoint.url, format="tei").message("en")


def test_after_a_failure_the_next_question_is_asked_again(endpoint: RerankEndpoint) -> None:
    reranker = open_reranker(endpoint.url)
    endpoint.status = 503
    with pytest.raises(RerankingFailed):
        reranker.score("pump?", TEXTS)
    endpoint.status = 200
    assert len(reranker.score("pump?", TEXTS)) == 2
    reranker.close()
