"""A knowledge base about a machine, of a few small files, and how to look into its indexes."""

from io import BytesIO

from server.container import Container
from server.db.knowledge_bases import find_kb
from server.knowledge_base.ingest import IngestOptions

OPTIONS = IngestOptions(override=True)
SUBJECTS = ["pump", "lamp", "valve", "hose", "motor", "sensor"]
ALL = len(SUBJECTS)


def build_machine(service: Container) -> Container:
    """Create the knowledge base "kb", without the background work of the service."""
    service.knowledge_bases.on_change = lambda _: None
    service.knowledge_bases.create("kb")
    for subject in SUBJECTS:
        add(service, f"{subject}.txt", f"The {subject} is part of the machine.")
    return service


def add(service: Container, name: str, content: str, kb: str = "kb") -> None:
    service.knowledge_bases.add_file(kb, name, BytesIO(content.encode()), options=OPTIONS)


def find(service: Container, question: str, kb: str = "kb") -> list[str]:
    hits = service.retriever.retrieve(kb, question, top_k=20).hits
    return [hit.passage.file_name for hit in hits]


def count(service: Container, kb_name: str = "kb") -> tuple[int, int]:
    """Return how many chunks both indexes hold."""
    with service.database.read() as session:
        kb = find_kb(session, kb_name)
        embedder = service.embedders.get(kb.embedding_model)
        with service.indexes.use(session, kb, embedder) as indexes:
            assert indexes.dense is not None
            return indexes.lexical.count(), indexes.dense.count()
