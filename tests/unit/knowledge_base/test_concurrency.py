"""Many threads at once: nothing is lost, nothing hangs, nobody is told a wrong error."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest

from server.container import Container
from server.errors import UnknownFile, UnknownKnowledgeBase
from server.knowledge_base.ingest import IngestOptions

OPTIONS = IngestOptions(override=True)
pytestmark = pytest.mark.slow


@pytest.fixture
def service(container: Container) -> Container:
    container.knowledge_bases.on_change = lambda _: None
    for name in ("one", "two"):
        container.knowledge_bases.create(name)
    return container


def add(service: Container, kb: str, number: int) -> str:
    name = f"file{number}.txt"
    text = f"The device number{number} weighs {number} kilograms."
    service.knowledge_bases.add_file(kb, name, BytesIO(text.encode()), options=OPTIONS)
    return name


def find(service: Container, kb: str, number: int) -> list[str]:
    hits = service.retriever.retrieve(kb, f"device number{number}", top_k=5).hits
    return [hit.passage.file_name for hit in hits]


def test_uploads_into_two_knowledge_bases_while_others_search_lose_nothing(
    service: Container,
) -> None:
    with ThreadPoolExecutor(16) as pool:
        uploads = [
            pool.submit(add, service, kb, number) for number in range(40) for kb in ("one", "two")
        ]
        searches = [pool.submit(find, service, "one", number) for number in range(60)]
        names = {upload.result(120) for upload in uploads}
        for search in searches:
            search.result(120)
    for kb in ("one", "two"):
        assert {row.name for row in service.knowledge_bases.list_files(kb)} == names
        assert all(find(service, kb, number)[0] == f"file{number}.txt" for number in range(40))


def test_one_name_uploaded_by_many_is_one_file(service: Container) -> None:
    with ThreadPoolExecutor(8) as pool:
        for upload in [pool.submit(add, service, "one", 7) for _ in range(24)]:
            upload.result(120)
    (row,) = service.knowledge_bases.list_files("one")
    assert row.chunk_count == 1
    assert find(service, "one", 7) == ["file7.txt"]


def test_a_knowledge_base_deleted_under_uploads_and_searches_is_gone_and_the_other_is_not(
    service: Container,
) -> None:
    add(service, "two", 1)

    def try_to(what: object, number: int) -> str:
        try:
            what(service, "one", number)  # type: ignore[operator]
        except UnknownKnowledgeBase:
            return "gone"
        return "done"

    with ThreadPoolExecutor(12) as pool:
        work = [pool.submit(try_to, what, n) for n in range(30) for what in (add, find)]
        deletion = pool.submit(service.knowledge_bases.delete, "one")
        assert {item.result(120) for item in work} <= {"gone", "done"}
        deletion.result(120)
    with pytest.raises(UnknownKnowledgeBase):
        service.knowledge_bases.list_files("one")
    assert not (service.folder.root / "one" / "content").exists()
    assert find(service, "two", 1) == ["file1.txt"]


def test_a_name_taken_again_keeps_what_is_uploaded_into_it(service: Container) -> None:
    for number in range(10):
        service.knowledge_bases.delete("one")
        service.knowledge_bases.create("one")
        name = add(service, "one", number)
        _, path = service.knowledge_bases.find_blob("one", name)
        assert path.is_file()


def test_deleting_one_file_twice_at_once_deletes_it_once(service: Container) -> None:
    add(service, "one", 1)

    def delete(_: int) -> bool:
        try:
            service.knowledge_bases.delete_file("one", "file1.txt")
        except UnknownFile:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(delete, range(4))) == 1
