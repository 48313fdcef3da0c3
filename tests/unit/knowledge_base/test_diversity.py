"""Hits that say the same, and hits that say something else."""

import pytest

from server.datatypes import Chunk, Hit, Passage
from server.knowledge_base.diversity import collapse, diversify

LONG = (
    "Travel is booked by the office of the department ahead of the journey, by train where a train "
    "arrives the same day, and the receipts are handed in afterwards with the signed form to the "
    "accounting department in the main building of the campus, together with the plan"
)
LONG_ZH = (
    "员工出差由部门办公室提前预订行程，当天能够到达的地点一律乘坐火车，返回之后须将全部票据连同"
    "签字的报销单一并提交给财务部门，财务部门在收到单据后的{}个工作日内完成审核并支付相应的费用"
)


def hit(chunk_id: int, text: str, score: float = 0.5) -> Hit:
    passage = Passage(chunk_id, "kb", "a.txt", "A", 0, Chunk(text, 0, len(text)))
    return Hit(passage, score, 0.5)


def ids(hits: list[Hit]) -> list[int]:
    return [each.passage.chunk_id for each in hits]


@pytest.mark.parametrize(
    "other",
    [LONG, LONG.upper(), f"{LONG}, always.", LONG.replace("main", "old")],
    ids=["the same", "capitals", "a word more", "another word"],
)
def test_a_near_duplicate_of_a_better_hit_is_left_out_and_named(other: str) -> None:
    kept, left_out = collapse([hit(7, LONG), hit(8, "Something else."), hit(9, other)])
    assert (ids(kept), left_out) == ([7, 8], {9: 7})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{LONG} of 120 euros", f"{LONG} of 180 euros"),
        (f"{LONG} of NF-A320", f"{LONG} of NF-A321"),
        (f"{LONG}: 5 days, then 9", f"{LONG}: 9 days, then 5"),
        (LONG_ZH.format(3), LONG_ZH.format(5)),
        (LONG_ZH.format("三"), LONG_ZH.format("五")),
        (LONG, LONG.replace("is booked", "is not booked")),
        (LONG_ZH.format("三"), LONG_ZH.format("三").replace("一律乘坐", "一律不乘坐")),
        (LONG, LONG[: len(LONG) // 2]),
    ],
    ids=[
        *("figure", "code", "figures in another order", "figure in Chinese"),
        *("Chinese figure", "not", "不", "half of it"),
    ],
)
def test_hits_that_differ_in_what_matters_stay(one: str, other: str) -> None:
    kept, left_out = collapse([hit(1, one), hit(2, other)])
    assert (ids(kept), left_out) == ([1, 2], {})


def test_hits_without_any_term_are_the_same_only_if_their_text_is() -> None:
    kept, left_out = collapse([hit(1, "∑∫∂"), hit(2, "♠♣"), hit(3, "♠♣")])
    assert (ids(kept), left_out) == ([1, 2], {3: 2})


def test_what_repeats_a_hit_that_was_left_out_goes_with_the_one_that_stays() -> None:
    kept, left_out = collapse([hit(1, LONG), hit(2, LONG), hit(3, LONG)])
    assert (ids(kept), left_out) == ([1], {2: 1, 3: 1})


HITS = [
    hit(1, "the pump moves water", 0.9),
    hit(2, "the pump moves warm water", 0.8),
    hit(3, "a lamp gives light", 0.7),
    hit(4, "the pump moves cold water", 0.6),
]


def test_a_trade_of_1_keeps_the_order() -> None:
    assert ids(diversify(HITS, count=2, trade=1.0)) == [1, 2, 3, 4]


def test_a_smaller_trade_prefers_what_was_not_said() -> None:
    assert ids(diversify(HITS, count=2, trade=0.5)) == [1, 3, 2, 4]


def test_hits_beyond_the_count_keep_their_order() -> None:
    assert ids(diversify(HITS, count=1, trade=0.0)) == [1, 2, 3, 4]


@pytest.mark.parametrize("count", [1, 4, 9])
def test_no_hit_is_lost(count: int) -> None:
    assert sorted(ids(diversify(HITS, count=count, trade=0.2))) == [1, 2, 3, 4]


def test_no_hits_stay_none() -> None:
    assert (collapse([]), diversify([], count=5, trade=0.5)) == (([], {}), [])
