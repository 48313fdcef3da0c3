"""Every lexical index keeps the contract of ``LexicalIndex``."""

import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from server.knowledge_base.analysis import analyze, language_of
from server.knowledge_base.indexes import LEXICAL_INDEXES, DamagedIndex, LexicalIndex, Matches

Make = Callable[[], LexicalIndex]
TEXTS = ["The pump is noisy at night.", "水泵在夜里有噪声。", "The lamp and the pump", "灯具"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lexical"


@pytest.fixture(params=list(LEXICAL_INDEXES))
def make(request: pytest.FixtureRequest, folder: Path) -> Iterator[Make]:
    made: list[LexicalIndex] = []

    def build() -> LexicalIndex:
        made.append(LEXICAL_INDEXES.get(request.param)(folder))
        return made[-1]

    yield build
    for index in made:
        index.close()


@pytest.fixture
def index(make: Make) -> LexicalIndex:
    return make()


def add(index: LexicalIndex, revision: int, **texts: str) -> None:
    chunks = [(int(name.removeprefix("c")), analyze(text)) for name, text in texts.items()]
    index.apply(revision, add=chunks, remove=[])


def find(index: LexicalIndex, question: str) -> list[int]:
    found = index.search(analyze(question), 10, language=language_of(question))
    return [int(chunk_id) for chunk_id in found.ids]


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def test_a_new_index_is_empty_at_revision_0(index: LexicalIndex) -> None:
    assert (index.revision(), index.count(), find(index, "pump")) == (0, 0, [])


def test_chunks_are_found_by_their_terms_best_first(index: LexicalIndex) -> None:
    add(index, 1, c5=TEXTS[0], c6=TEXTS[2], c7="nothing else")
    assert find(index, "noisy pumps") == [5, 6]


def test_chinese_is_found(index: LexicalIndex) -> None:
    add(index, 1, c1=TEXTS[1], c2=TEXTS[3])
    assert find(index, "夜里的噪声") == [1]


def test_repeated_terms_count_more(index: LexicalIndex) -> None:
    add(index, 1, c1="pump valve hose", c2="pump pump pump")
    assert find(index, "pump") == [2, 1]


def test_equal_scores_come_in_the_order_of_their_ids(index: LexicalIndex) -> None:
    add(index, 1, c9="pump", c3="pump", c6="pump")
    assert find(index, "pump") == [3, 6, 9]


def test_at_most_k_chunks_are_returned(index: LexicalIndex) -> None:
    add(index, 1, c1="pump", c2="pump", c3="pump")
    assert len(index.search(analyze("pump"), 2, language="en").ids) == 2


def find_among(index: LexicalIndex, question: str, allowed: list[int], k: int = 10) -> Matches:
    terms, ids = analyze(question), np.array(allowed, np.int64)
    return index.search(terms, k, language=language_of(question), allowed=ids)


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [([7, 5], [5, 7]), ([6], []), ([99, 5, 5], [5]), ([], []), ([-1, 2**40], [])],
    ids=["some", "without the term", "unknown and twice", "none", "unknown"],
)
def test_only_allowed_chunks_are_found(
    index: LexicalIndex, allowed: list[int], expected: list[int]
) -> None:
    add(index, 1, c4="pump", c5="pump", c6="lamp", c7="pump valve")
    assert find_among(index, "pump", allowed).ids.tolist() == expected


def test_what_is_allowed_changes_no_score(index: LexicalIndex) -> None:
    add(index, 1, **{f"c{n}": f"pump {'valve ' * n}" for n in range(20)})
    free = index.search(analyze("pump valve"), 20, language="en")
    some = find_among(index, "pump valve", list(range(0, 20, 3)))
    expected = dict(zip(free.ids.tolist(), free.scores.tolist(), strict=True))
    found = dict(zip(some.ids.tolist(), some.scores.tolist(), strict=True))
    assert found == pytest.approx({chunk_id: expected[chunk_id] for chunk_id in range(0, 20, 3)})


def test_the_best_of_the_allowed_chunks_are_kept(index: LexicalIndex) -> None:
    add(index, 1, c1="pump pump pump", c2="pump pump", c3="pump valve hose")
    assert find_among(index, "pump", [3, 2], k=1).ids.tolist() == [2]


def test_allowed_chunks_are_found_in_chinese(index: LexicalIndex) -> None:
    add(index, 1, c1=TEXTS[1], c2="水泵在白天没有噪声。")
    assert find_among(index, "水泵的噪声", [2]).ids.tolist() == [2]


def test_a_removed_chunk_is_not_found_though_it_is_allowed(index: LexicalIndex) -> None:
    add(index, 1, c1="pump", c2="pump")
    index.apply(2, add=[], remove=[1])
    assert find_among(index, "pump", [1, 2]).ids.tolist() == [2]


def test_many_chunks_may_be_allowed(index: LexicalIndex) -> None:
    add(index, 1, c5="pump", c50000="pump")
    assert find_among(index, "pump", list(range(10, 60_000))).ids.tolist() == [50_000]


def test_a_question_without_terms_finds_nothing(index: LexicalIndex) -> None:
    add(index, 1, c1="pump")
    assert find(index, "what is it?") == []


def test_a_removed_chunk_is_gone(index: LexicalIndex) -> None:
    add(index, 1, c1="pump", c2="pump")
    index.apply(2, add=[], remove=[1, 99])
    assert (find(index, "pump"), index.count(), index.revision()) == ([2], 1, 2)


def test_an_id_that_is_added_again_is_replaced(index: LexicalIndex) -> None:
    add(index, 1, c1="pump")
    add(index, 2, c1="lamp")
    assert (find(index, "pump"), find(index, "lamp"), index.count()) == ([], [1], 1)


def test_what_is_removed_and_added_at_once_stays(index: LexicalIndex) -> None:
    add(index, 1, c1="pump")
    index.apply(2, add=[(1, analyze("lamp"))], remove=[1])
    assert find(index, "lamp") == [1]


def test_applying_twice_is_the_same_as_once(index: LexicalIndex) -> None:
    for _ in range(2):
        add(index, 1, c1="pump", c2="lamp")
    assert (index.count(), index.revision(), find(index, "pump")) == (2, 1, [1])


def test_a_change_without_chunks_keeps_its_revision(index: LexicalIndex) -> None:
    index.apply(7, add=[], remove=[])
    assert (index.revision(), index.count()) == (7, 0)


def test_the_index_survives_closing(index: LexicalIndex, make: Make) -> None:
    add(index, 3, c1="pump")
    index.close()
    again = make()
    assert (again.revision(), again.count(), find(again, "pump")) == (3, 1, [1])


def test_a_closed_index_opens_by_itself(index: LexicalIndex) -> None:
    add(index, 1, c1="pump")
    index.close()
    assert find(index, "pump") == [1]


def test_a_dropped_index_is_new(index: LexicalIndex) -> None:
    add(index, 5, c1="pump")
    index.drop()
    assert (index.revision(), index.count()) == (0, 0)
    add(index, 1, c2="lamp")
    assert find(index, "lamp") == [2]


def test_rarer_terms_weigh_more_and_unknown_ones_most(index: LexicalIndex) -> None:
    add(index, 1, c1="pump lamp", c2="pump", c3="pump")
    weights = index.weights(analyze("pump lamp heron")).words
    assert 0 < weights["pump"] < weights["lamp"] < weights["heron"]


def test_weights_hold_every_term_of_a_question(index: LexicalIndex) -> None:
    terms = analyze("水泵 NF-A320 有噪声吗？")
    weights = index.weights(terms)
    assert set(weights.words) == set(terms.words)
    assert set(weights.grams) == set(terms.grams)


def test_terms_that_most_chunks_have_still_find_them(
    index: LexicalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.knowledge_base.indexes.tantivy_store.COMMON_CHUNKS", 1)
    add(index, 1, c1="pump lamp", c2="pump", c3="pump")
    assert sorted(find(index, "pump")) == [1, 2, 3]
    assert find(index, "pump lamp") == [1]


@pytest.mark.parametrize("pattern", ["meta.json", "*.term", "*.idx", "*.fast", "*.fieldnorm"])
def test_a_damaged_file_is_never_served(
    index: LexicalIndex, make: Make, folder: Path, pattern: str
) -> None:
    add(index, 1, **{f"c{number}": f"pump {number}" for number in range(50)})
    index.close()
    if pattern == "meta.json":
        (folder / pattern).write_bytes(b"")
    else:
        damage(next(folder.glob(pattern)))
    again = make()
    with pytest.raises(DamagedIndex, match="lexical"):
        again.search(analyze("pump"), 3, language="en")
    again.drop()
    assert (again.revision(), again.count()) == (0, 0)


def test_a_missing_file_is_damage(index: LexicalIndex, make: Make, folder: Path) -> None:
    add(index, 1, c1="pump")
    index.close()
    next(folder.glob("*.term")).unlink()
    with pytest.raises(DamagedIndex):
        make().count()


def test_what_a_crash_left_over_is_no_damage(index: LexicalIndex, make: Make, folder: Path) -> None:
    add(index, 1, c1="pump")
    index.close()
    (folder / "0123456789abcdef0123456789abcdef.term").write_bytes(b"half of a fi")
    assert find(make(), "pump") == [1]


def test_two_indexes_do_not_write_into_one_folder(index: LexicalIndex, make: Make) -> None:
    add(index, 1, c1="pump")
    with pytest.raises(DamagedIndex):
        add(make(), 2, c2="lamp")
    assert find(index, "pump") == [1]


def test_readers_see_whole_changes_while_one_writes(index: LexicalIndex) -> None:
    add(index, 1, c1="pump", c2="pump")
    seen: set[int] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(len(find(index, "pump")))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for revision in range(2, 12):
        add(index, revision, c1=f"pump {revision}", c2=f"pump {revision}")
    done.set()
    for reader in readers:
        reader.join()
    assert seen == {2}
    assert index.revision() == 11


def test_weights_stay_what_they_are_when_chunks_go(index: LexicalIndex) -> None:
    chunks = {f"c{number}": "pump lamp" if number % 4 == 0 else "pump" for number in range(80)}
    add(index, 1, **chunks)
    before = index.weights(analyze("lamp")).words["lamp"]
    index.apply(2, add=[], remove=list(range(40)))
    assert index.weights(analyze("lamp")).words["lamp"] == pytest.approx(before, rel=0.2)


def test_small_changes_keep_each_chunk_once(index: LexicalIndex, make: Make) -> None:
    for revision in range(1, 61):
        add(index, revision, **{f"c{revision * 3 + n}": f"pump {revision}" for n in range(3)})
        if revision % 5 == 0:
            index.apply(revision, add=[], remove=[revision * 3, revision * 3 - 5])
    gone = {number for five in range(5, 61, 5) for number in (five * 3, five * 3 - 5)}
    left = sorted(set(range(3, 183)) - gone)
    assert index.count() == len(left)
    found = index.search(analyze("pump"), 300, language="en")
    assert sorted(found.ids.tolist()) == left
    index.close()
    again = make()
    assert (again.count(), again.revision()) == (len(left), 60)


def test_a_chunk_of_the_last_change_that_is_removed_does_not_come_back(
    index: LexicalIndex,
) -> None:
    add(index, 1, c1="pump", c2="pump")
    index.apply(2, add=[], remove=[1])
    add(index, 3, c3="pump")
    assert find(index, "pump") == [2, 3]


def test_an_index_that_lost_its_list_of_files_is_damage(
    index: LexicalIndex, make: Make, folder: Path
) -> None:
    add(index, 4, c1="pump")
    index.close()
    (folder / "meta.json").unlink()
    with pytest.raises(DamagedIndex):
        make().revision()


def test_a_commit_whose_revision_was_not_noted_has_an_older_one(
    index: LexicalIndex, make: Make, folder: Path
) -> None:
    add(index, 1, c1="pump")
    noted = (folder / "revision.json").read_bytes()
    add(index, 2, c2="pump")
    index.close()
    (folder / "revision.json").write_bytes(noted)  # as a crash in between leaves it
    again = make()
    assert again.revision() == 1
    add(again, 2, c2="pump")
    assert (again.revision(), find(again, "pump")) == (2, [1, 2])


def test_an_index_older_than_its_revision_is_damage(
    index: LexicalIndex, make: Make, folder: Path, tmp_path: Path
) -> None:
    add(index, 1, c1="pump")
    index.close()
    shutil.copytree(folder, tmp_path / "old")
    add(index, 2, c2="pump")
    index.close()
    shutil.copy(folder / "revision.json", tmp_path / "old")
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "old", folder)
    with pytest.raises(DamagedIndex, match="older"):
        make().revision()


def test_after_a_failed_write_the_next_one_need_not_wait(index: LexicalIndex) -> None:
    add(index, 1, c1=TEXTS[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        add(index, 2, c2=TEXTS[2])
    except DamagedIndex:  # held while it is repaired, and with it all that it refers to
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert index.revision() == 1
        add(index, 2, c2=TEXTS[2])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (index.revision(), sorted(find(index, "pump"))) == (2, [1, 2])
