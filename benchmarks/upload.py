"""How the texts of a question set get into a knowledge base. Knows no questions and no answers."""

import sys
from collections.abc import Sequence
from io import BytesIO

from tqdm import tqdm

from benchmarks.question_sets import Passage, QuestionSet
from server.container import Container
from server.knowledge_base.ingest import IngestOptions

KB = "bench"
MODES = {"passages": (20_000, 0), "chunk250": (250, 50), "chunk500": (500, 100)}


def create(container: Container, mode: str, splitter: str | None = None) -> None:
    """Create the empty knowledge base of a mode; the splitter is the usual one if None is given."""
    chunk_size, overlap = MODES[mode]
    container.knowledge_bases.create(
        KB, splitter=splitter, chunk_size=chunk_size, chunk_overlap=overlap
    )


def choose_files(questions: QuestionSet, mode: str) -> tuple[Passage, ...]:
    """Return what is a file of its own in a mode: a passage, or a whole document."""
    return questions.passages if mode == "passages" else questions.documents


def ingest(container: Container, files: Sequence[Passage], text: str) -> None:
    """Upload each text as a Markdown file with its title as the heading."""
    for file in tqdm(files, desc=text, file=sys.stderr, mininterval=2):
        content = f"# {file.title}\n\n{file.text}\n".encode()
        container.knowledge_bases.add_file(
            KB, f"{file.id}.md", BytesIO(content), options=IngestOptions()
        )
