"""The text around hits, of files that are really stored."""

import random
from collections.abc import Callable, Sequence
from io import BytesIO

import pytest
from sqlalchemy import select

from server.container import Container
from server.datatypes import Hit
from server.db.files import passages_of_file, text_of_file
from server.db.models import FileRow
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.neighbours import Neighbours, find_neighbours
from server.knowledge_base.sentences import spans

ENGLISH = "\n\n".join(
    f"Part {number} of the machine weighs {number}.5 kg. Dr. Smith checks it every {number} weeks. "
    f"It costs {number}0 dollars."
    for number in range(1, 30)
)
CHINESE = "\n\n".join(
    f"第{number}号部件重{number}千克。每{number}周检查一次！由王工负责，费用为{number}0元。"
    for number in range(1, 40)
)
TABLE = "# Parts\n\n| Part | Mass | Note |\n|---|---|---|\n" + "".join(
    f"| P-{number} | {number} kg | Rinse it. Dry it well. |\n" for number in range(1, 60)
)
TABLE_ZH = "# 部件\n\n| 部件 | 质量 | 备注 |\n|---|---|---|\n" + "".join(
    f"| 部件{number} | {number} 千克 | 先冲洗。再擦干。 |\n" for number in range(1, 60)
)
ONE_LINE = "".join(f"This is sentence {number} of a text on one line. " for number in range(60))
NO_ENDS = "word " * 800

Store = Callable[..., list[Hit]]


@pytest.fixture
def service(container: Container) -> Container:
    """Return a service with a knowledge base, whose background work is left out."""
    container.knowledge_bases.on_change = lambda _: None
    container.knowledge_bases.create("kb")
    return container


@pytest.fixture
def store(service: Container) -> Store:
    """Return what stores a file and returns its chunks as hits, in the order of the text."""

    def add(content: str, name: str = "a.md", *, size: int = 200, overlap: int = 0) -> list[Hit]:
        options = IngestOptions(override=True, chunk_size=size, chunk_overlap=overlap)
        service.knowledge_bases.add_file("kb", name, BytesIO(content.encode()), options=options)
        with service.database.read() as session:
            file_id = session.scalars(select(FileRow.id).where(FileRow.name == name)).one()
            passages = passages_of_file(session, file_id, offset=0, limit=None)
        return [Hit(passage, score=1, relevance=1) for passage in passages]

    return add


def text_of(service: Container, name: str = "a.md") -> str:
    with service.database.read() as session:
        file_id = session.scalars(select(FileRow.id).where(FileRow.name == name)).one()
        return text_of_file(session, file_id, start=0, end=None)[0]


def find(service: Container, hits: Sequence[Hit], chars: int = 400) -> list[Neighbours]:
    with service.database.read() as session:
        return find_neighbours(session, hits, chars=chars)


def test_a_hit_is_widened_by_whole_paragraphs_on_both_sides(
    service: Container, store: Store
) -> None:
    hits = store("First.\n\nSecond.\n\nThe hit of it.\n\nFourth.\n\nFifth.", size=16)
    assert [hit.passage.chunk.text for hit in hits][1] == "The hit of it."
    (found,) = find(service, hits[1:2], 16)
    assert (found.before, found.after) == ("Second.\n\n", "\n\nFourth.")
    (found,) = find(service, hits[1:2], 17)
    assert (found.before, found.after) == ("First.\n\nSecond.\n\n", "\n\nFourth.\n\nFifth.")


def test_sentences_are_taken_where_paragraphs_are_too_long(
    service: Container, store: Store
) -> None:
    hits = store(ONE_LINE, "a.txt")
    (found,) = find(service, hits[3:4], 100)
    assert found.before.startswith("This is sentence")
    assert found.after.endswith("on one line.")
    assert found.before.count(".") == found.after.count(".") == 2


def test_the_first_and_the_last_chunk_have_neighbours_on_one_side(
    service: Container, store: Store
) -> None:
    hits = store(CHINESE)
    first, last = find(service, [hits[0], hits[-1]])
    assert first.before == ""
    assert first.after.startswith("\n\n第")
    assert last.before.endswith("元。\n\n")
    assert last.after == ""


@pytest.mark.parametrize("content", ["The pump moves water.", "水泵用来输送营养液。"])
def test_a_chunk_that_is_the_whole_document_has_none(
    service: Container, store: Store, content: str
) -> None:
    assert find(service, store(content)) == [Neighbours()]


def test_none_are_looked_for_if_the_setting_is_0(service: Container, store: Store) -> None:
    hits = store(ENGLISH)
    assert find(service, hits[:3], 0) == [Neighbours()] * 3


def test_a_document_that_ends_within_reach_is_shown_to_its_ends(
    service: Container, store: Store
) -> None:
    hits = store("No full stop here\n\n" + ENGLISH[:600] + "\n\nNor here", size=250)
    text = text_of(service)
    (found,) = find(service, hits[1:2], 2000)
    start, end = found.span(hits[1].passage.chunk)
    assert (start, end) == (0, len(text))


def test_the_text_between_two_hits_goes_to_the_better_one(service: Container, store: Store) -> None:
    hits = store(ENGLISH)
    for better, other in ((0, 2), (2, 0)):
        found = dict(zip((better, other), find(service, [hits[better], hits[other]]), strict=True))
        between = hits[1].passage.chunk.text
        assert between in (found[better].after, found[better].before)[better > other]
        assert (found[other].before, found[other].after)[better > other] == ""


def test_chunks_that_share_text_do_not_get_it_once_more(service: Container, store: Store) -> None:
    hits = store(ENGLISH, overlap=80)
    first, second = hits[3:5]
    assert first.passage.chunk.end > second.passage.chunk.start
    one, two = find(service, [first, second])
    assert one.after == two.before == ""
    assert one.before
    assert two.after


def test_hits_of_different_files_do_not_take_text_from_each_other(
    service: Container, store: Store
) -> None:
    hits = [store(CHINESE, "a.txt")[2], store(CHINESE, "b.txt")[2]]
    one, two = find(service, hits)
    assert one == two
    assert one.before


def test_rows_of_a_table_stay_whole(service: Container, store: Store) -> None:
    for content, label in ((TABLE, "Part: P-"), (TABLE_ZH, "部件：部件")):
        hits = store(content)
        (found,) = find(service, hits[4:5], 120)
        rows = [*found.before.strip().split("\n"), *found.after.strip().split("\n")]
        assert len(rows) > 2
        assert all(row.startswith(label) and row.count("：") in (0, 3) for row in rows)


def test_text_without_sentences_is_not_cut_inside(service: Container, store: Store) -> None:
    hits = store(NO_ENDS, "a.txt")
    assert find(service, hits[5:6]) == [Neighbours()]


def test_a_chunk_that_was_deleted_meanwhile_has_none(service: Container, store: Store) -> None:
    hits = store(ENGLISH)
    service.knowledge_bases.delete_file("kb", "a.md")
    assert find(service, hits[:2]) == [Neighbours()] * 2


@pytest.mark.parametrize("content", [ENGLISH, CHINESE, TABLE, TABLE_ZH, ONE_LINE])
@pytest.mark.parametrize("overlap", [0, 60])
def test_offsets_are_exact_borders_are_clean_and_no_text_comes_twice(
    service: Container, store: Store, content: str, overlap: int
) -> None:
    hits = store(content, size=150, overlap=overlap)
    text = text_of(service)
    borders = {0, len(text)} | {start for start, _ in spans(text)}
    clean_starts = {start + space(text[start:]) for start in borders}
    clean_ends = {len(text[:end].rstrip()) for end in borders}
    choice = random.Random(1)  # the same choices in every run
    for _ in range(40):
        some = choice.sample(hits, 4)
        chars = choice.randrange(1, 500)
        added = [0] * len(text)
        for hit, found in zip(some, find(service, some, chars), strict=True):
            chunk = hit.passage.chunk
            start, end = found.span(chunk)
            assert text[start:end] == f"{found.before}{chunk.text}{found.after}"
            assert max(len(found.before), len(found.after)) <= chars
            assert not found.before or start in clean_starts
            assert not found.after or end in clean_ends
            for place in (*range(start, chunk.start), *range(chunk.end, end)):
                added[place] += 1
        for hit in some:
            chunk = hit.passage.chunk
            assert sum(added[chunk.start : chunk.end]) == 0
        assert max(added) <= 1


def space(text: str) -> int:
    return len(text) - len(text.lstrip())
