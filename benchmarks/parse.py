"""How much of a file is read, on files whose words are known, beside the usual readers.

``python -m benchmarks.parse --json``

``chars_recall``: the share of the characters of all sentences that are found whole, white space
aside; of scans, the share found in the order of the page, where wide and narrow forms of a
character are the same. ``cells_with_header_recall``: the share of the values of tables that stand
in a chunk together with the name of their row, all labels over their column and the caption.
``order``: the share of neighbouring sentences that come one after the other.

The peers are pypdf for PDFs and unstructured for the rest, cut at 500 characters with 100 shared as
Langchain-Chatchat does; unstructured gets an untrained model in place of the one that it downloads
(``peer_loader.py``).
"""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from unicodedata import normalize

from tqdm import tqdm

from benchmarks import printed
from benchmarks.report import print_report
from benchmarks.written import Case, Cell, table_cases, text_cases
from server.datatypes import Document
from server.knowledge_base.loaders import find_loader
from server.knowledge_base.loaders.limits import Limits, OcrTime
from server.knowledge_base.splitters import SPLITTERS

CHUNK, OVERLAP = 500, 100
LANGUAGES = ("en", "zh")
Reader = Callable[[Case], tuple[str, list[str]]]  # the text, and its chunks with their headings


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.add_argument("--quick", action="store_true", help="few pages, figures of no meaning")
    flags = parser.parse_args()
    pages, scans = (4, 1) if flags.quick else (200, 3)
    results: dict[str, float] = {}
    baselines: dict[str, float] = {}
    cases = list(all_cases(pages, scans))
    for group, case in tqdm(cases, desc="parse", unit="file"):
        name = f"{group}.{Path(case.name).name}"
        results |= measure(name, case, read_ours)
        if not group.startswith("scan"):
            peer = read_pypdf if case.name.endswith(".pdf") else read_unstructured
            if case.name.endswith(PEER_READS):
                baselines |= measure(name, case, peer)
    results |= summarise(results)
    if flags.json:
        print_report("parse", {"pages": pages, "scans": scans}, results, baselines)
    else:
        for name, value in results.items():
            print(f"{name:60} {value:8.4f} {baselines.get(name, float('nan')):8.4f}")


def all_cases(pages: int, scans: int) -> Iterator[tuple[str, Case]]:
    """Yield every file with the name of its group."""
    for language in LANGUAGES:
        for case in text_cases(language):
            yield "text", case
        for case in table_cases(language):
            yield "table", case
        yield "table", printed.table_case(language)
        yield "pdf", printed.columns_case(language)
        yield "pdf", printed.prose_case(language, pages)
        for quality, case in printed.scan_cases(language, scans):
            yield f"scan_{quality}", case


def summarise(results: dict[str, float]) -> dict[str, float]:
    """Return the mean of each figure over the files of a group."""
    groups: dict[str, list[float]] = {}
    for name, value in results.items():
        group, figure = name.partition(".")[0], name.rpartition(".")[2]
        groups.setdefault(f"{group}.{figure}", []).append(value)
    return {name: fmean(values) for name, values in groups.items()}


def measure(name: str, case: Case, read: Reader) -> dict[str, float]:
    """Return the figures of a file."""
    started = time.process_time()
    text, chunks = read(case)
    figures = {f"{name}.cpu_s": time.process_time() - started}
    if case.sentences:
        is_scan = "scan" in case.name
        recall = similar if is_scan else found
        figures[f"{name}.chars_recall"] = recall(case.sentences, text)
        if not is_scan:
            figures[f"{name}.order"] = in_order(case.sentences, text)
    if case.cells:
        figures[f"{name}.cells_with_header_recall"] = fmean(
            has_cell(cell, chunks) for cell in case.cells
        )
    return figures


def found(sentences: Sequence[str], text: str) -> float:
    """Return the share of the characters whose sentence is in the text."""
    there = squeeze(text)
    read = sum(len(squeeze(sentence)) for sentence in sentences if squeeze(sentence) in there)
    return read / sum(len(squeeze(sentence)) for sentence in sentences)


def in_order(sentences: Sequence[str], text: str) -> float:
    """Return the share of neighbours that come one after the other."""
    there = squeeze(text)
    places = [there.find(squeeze(sentence)) for sentence in sentences]
    pairs = list(pairwise(places))
    return fmean(0 <= before < after for before, after in pairs) if pairs else 1.0


def similar(pages: Sequence[str], text: str) -> float:
    """Return the share of the characters that are found in order, page by page."""
    there = normalize("NFKC", squeeze(text))
    step = max(len(there) // len(pages), 1)
    matched = 0
    for number, page in enumerate(normalize("NFKC", squeeze(page)) for page in pages):
        near = there[max(0, number * step - 200) : (number + 1) * step + 200]
        blocks = SequenceMatcher(None, page, near, autojunk=False).get_matching_blocks()
        matched += sum(block.size for block in blocks)
    return matched / sum(len(squeeze(page)) for page in pages)


def has_cell(cell: Cell, chunks: Iterable[str]) -> bool:
    """Tell whether a chunk has the value with all that heads it."""
    return any(
        cell.value in chunk and all(squeeze(label) in squeeze(chunk) for label in cell.labels)
        for chunk in chunks
    )


def squeeze(text: str) -> str:
    """Return the text without white space."""
    return "".join(text.split())


def read_ours(case: Case) -> tuple[str, list[str]]:
    """Read a file as the product does, and cut it in its usual way."""
    limits = Limits(64 << 20, 5000, 512, OcrTime(time.monotonic() + 3600))
    document: Document = find_loader(case.name)(BytesIO(case.content), case.name, limits)
    split = SPLITTERS.get("recursive")
    chunks = split(document, chunk_size=CHUNK, chunk_overlap=OVERLAP, tokenize=lambda text: ())
    return document.text, [" ".join((*chunk.headings, chunk.text)) for chunk in chunks]


def read_pypdf(case: Case) -> tuple[str, list[str]]:
    """Read a PDF with pypdf."""
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(case.content))
    return cut("\n".join(page.extract_text() for page in reader.pages))


PEER_READS = (".txt", ".html", ".eml", ".docx", ".pptx", ".pdf")  # with what is installed here


def read_unstructured(case: Case) -> tuple[str, list[str]]:
    """Read a file with unstructured."""
    from unstructured.nlp import tokenize
    from unstructured.partition.auto import partition

    from benchmarks.peer_loader import load_untrained_model

    model = load_untrained_model()
    tokenize._load_spacy_model = lambda: model
    elements = partition(file=BytesIO(case.content), metadata_filename=case.name)
    return cut("\n\n".join(map(str, elements)))


def cut(text: str) -> tuple[str, list[str]]:
    """Return a text with its chunks as Langchain-Chatchat cuts it."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK, chunk_overlap=OVERLAP)
    return text, splitter.split_text(text)


if __name__ == "__main__":
    main()
