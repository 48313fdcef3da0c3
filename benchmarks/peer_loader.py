"""How long a plain-text file takes elsewhere: unstructured, then the splitter of LangChain.

``python -m benchmarks.peer_loader FILE`` prints one line of JSON. Langchain-Chatchat 0.2.10 reads
and splits text files this way. Knows nothing of our loaders.

unstructured downloads a spaCy model at its first use. Offline an empty English pipeline with a
rule-based sentence splitter takes its place: it has no tagger and no parser, so the real thing is
slower.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

CHUNK, OVERLAP = 250, 50  # what it splits at if nothing else is said


def main() -> None:
    """Read and split the file, and report."""
    path = Path(sys.argv[1])
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from unstructured.nlp import tokenize
    from unstructured.partition.text import partition_text

    tokenize._load_spacy_model = load_empty_model
    splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK, chunk_overlap=OVERLAP)
    partition_text(text="Libraries that load at their first use do it now. Not later.")
    started = time.process_time(), time.monotonic()
    elements = partition_text(filename=str(path), encoding="utf-8")
    text = "\n\n".join(map(str, elements))
    loaded = time.process_time()
    chunks = splitter.split_text(text)
    ended = time.process_time(), time.monotonic()
    report = {
        "load_cpu_s": loaded - started[0],
        "split_cpu_s": ended[0] - loaded,
        "wall_s": ended[1] - started[1],
        "chunks": len(chunks),
    }
    print(json.dumps(report))


def load_empty_model() -> Any:  # spaCy's types would load it here
    """Return an English pipeline without a trained part."""
    import spacy

    model = spacy.blank("en")
    model.add_pipe("sentencizer")
    return model


if __name__ == "__main__":
    main()
