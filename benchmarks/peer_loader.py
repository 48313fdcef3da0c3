"""How long a plain-text file takes elsewhere: unstructured, then the splitter of LangChain.

``python -m benchmarks.peer_loader FILE`` prints one line of JSON. Langchain-Chatchat 0.2.10 reads
and splits text files this way. Knows nothing of our loaders.

unstructured downloads the spaCy model en_core_web_sm at its first use. Offline an untrained one of
the same parts and sizes takes its place: it does the same work, without sense. What is measured is
the time alone.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

CHUNK, OVERLAP = 250, 50  # what it splits at if nothing else is said
LABELS = 45  # of tags and of dependencies


def main() -> None:
    """Read and split the file, and report."""
    path = Path(sys.argv[1])
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from unstructured.nlp import tokenize
    from unstructured.partition.text import partition_text

    tokenize._load_spacy_model = load_untrained_model
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


def load_untrained_model() -> Any:  # spaCy's types would load it here
    """Return an English pipeline of a tagger and a parser, sized as those of en_core_web_sm."""
    import spacy
    from spacy.training import Example

    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "parser",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": listener,
    }
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": 96,
        "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "IS_SPACE"],
        "rows": [5000, 1000, 2500, 2500, 50, 50],
        "include_static_vectors": False,
    }
    encode = {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": 96,
        "depth": 4,
        "window_size": 1,
        "maxout_pieces": 3,
    }
    words_to_vectors = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": words_to_vectors})
    nlp.add_pipe("tagger", config={"model": tagger})
    nlp.add_pipe("parser", config={"model": parser})
    words = [f"word{number}" for number in range(LABELS)]
    answers = {
        "words": words,
        "tags": [f"TAG{number}" for number in range(LABELS)],
        "heads": [0] * LABELS,
        "deps": ["ROOT", *(f"dep{number}" for number in range(1, LABELS))],
    }
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(" ".join(words)), answers)])
    return nlp


if __name__ == "__main__":
    main()
