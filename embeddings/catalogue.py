"""What is known of embedding models by name: languages, sizes, instructions. Knows no files.

A folder that says something else about itself is believed: these facts are for what a folder
leaves open. The names are the keys of 0.2.x and the last parts of the ids on the hub.
"""

from dataclasses import dataclass
from typing import Literal

from server.datatypes import Language

Pooling = Literal["cls", "mean", "last"]

ZH: frozenset[Language] = frozenset({"zh"})
EN: frozenset[Language] = frozenset({"en"})
BOTH: frozenset[Language] = ZH | EN

BGE_ZH = "为这个句子生成表示以用于检索相关文章："
BGE_EN = "Represent this sentence for searching relevant passages: "
QWEN3 = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
)
OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True)
class KnownModel:
    """The published facts of a model; its vectors are compared by their cosine."""

    hub_id: str
    languages: frozenset[Language]
    dimension: int
    max_tokens: int
    pooling: Pooling = "mean"
    query_instruction: str = ""  # put before a question
    document_instruction: str = ""  # put before every text that is searched
    base_url: str = ""  # not empty: it has no files, this service serves it
    is_own_code_needless: bool = False  # transformers has the architecture itself by now


CATALOGUE = {
    # Of Langchain-Chatchat 0.2.x
    "m3e-small": KnownModel("moka-ai/m3e-small", ZH, 512, 512),
    "m3e-base": KnownModel("moka-ai/m3e-base", BOTH, 768, 512),
    "m3e-large": KnownModel("moka-ai/m3e-large", ZH, 1024, 512),
    "bge-small-zh": KnownModel("BAAI/bge-small-zh", ZH, 512, 512, "cls", BGE_ZH),
    "bge-base-zh": KnownModel("BAAI/bge-base-zh", ZH, 768, 512, "cls", BGE_ZH),
    "bge-large-zh": KnownModel("BAAI/bge-large-zh", ZH, 1024, 512, "cls", BGE_ZH),
    "bge-large-zh-noinstruct": KnownModel("BAAI/bge-large-zh-noinstruct", ZH, 1024, 512, "cls"),
    "bge-base-zh-v1.5": KnownModel("BAAI/bge-base-zh-v1.5", ZH, 768, 512, "cls", BGE_ZH),
    "bge-large-zh-v1.5": KnownModel("BAAI/bge-large-zh-v1.5", ZH, 1024, 512, "cls", BGE_ZH),
    "piccolo-base-zh": KnownModel(
        "sensenova/piccolo-base-zh", ZH, 768, 512, "mean", "查询：", "结果："
    ),
    "piccolo-large-zh": KnownModel(
        "sensenova/piccolo-large-zh", ZH, 1024, 512, "mean", "查询：", "结果："
    ),
    "text2vec": KnownModel("GanymedeNil/text2vec-large-chinese", ZH, 1024, 512),
    "text2vec-base": KnownModel("shibing624/text2vec-base-chinese", ZH, 768, 128),
    "text2vec-paraphrase": KnownModel("shibing624/text2vec-base-chinese-paraphrase", ZH, 768, 256),
    "text2vec-sentence": KnownModel("shibing624/text2vec-base-chinese-sentence", ZH, 768, 256),
    "text2vec-multilingual": KnownModel("shibing624/text2vec-base-multilingual", BOTH, 384, 256),
    "text2vec-bge-large-chinese": KnownModel(
        "shibing624/text2vec-bge-large-chinese", ZH, 1024, 256
    ),
    "ernie-tiny": KnownModel("nghuyong/ernie-3.0-nano-zh", ZH, 312, 512),
    "ernie-base": KnownModel("nghuyong/ernie-3.0-base-zh", ZH, 768, 512),
    "nlp_gte_sentence-embedding_chinese-large": KnownModel(
        "damo/nlp_gte_sentence-embedding_chinese-large", ZH, 1024, 512, "cls"
    ),
    "text-embedding-ada-002": KnownModel(
        "text-embedding-ada-002", BOTH, 1536, 8191, base_url=OPENAI
    ),
    # Of today
    "bge-m3": KnownModel("BAAI/bge-m3", BOTH, 1024, 8192, "cls"),
    "bge-small-zh-v1.5": KnownModel("BAAI/bge-small-zh-v1.5", ZH, 512, 512, "cls", BGE_ZH),
    "bge-small-en-v1.5": KnownModel("BAAI/bge-small-en-v1.5", EN, 384, 512, "cls", BGE_EN),
    "bge-base-en-v1.5": KnownModel("BAAI/bge-base-en-v1.5", EN, 768, 512, "cls", BGE_EN),
    "bge-large-en-v1.5": KnownModel("BAAI/bge-large-en-v1.5", EN, 1024, 512, "cls", BGE_EN),
    "Qwen3-Embedding-0.6B": KnownModel(
        "Qwen/Qwen3-Embedding-0.6B", BOTH, 1024, 32_768, "last", QWEN3
    ),
    "Qwen3-Embedding-4B": KnownModel("Qwen/Qwen3-Embedding-4B", BOTH, 2560, 32_768, "last", QWEN3),
    "Qwen3-Embedding-8B": KnownModel("Qwen/Qwen3-Embedding-8B", BOTH, 4096, 32_768, "last", QWEN3),
    "multilingual-e5-small": KnownModel(
        "intfloat/multilingual-e5-small", BOTH, 384, 512, "mean", "query: ", "passage: "
    ),
    "multilingual-e5-base": KnownModel(
        "intfloat/multilingual-e5-base", BOTH, 768, 512, "mean", "query: ", "passage: "
    ),
    "multilingual-e5-large": KnownModel(
        "intfloat/multilingual-e5-large", BOTH, 1024, 512, "mean", "query: ", "passage: "
    ),
    "gte-multilingual-base": KnownModel(
        "Alibaba-NLP/gte-multilingual-base", BOTH, 768, 8192, "cls"
    ),
    "jina-embeddings-v2-base-zh": KnownModel("jinaai/jina-embeddings-v2-base-zh", BOTH, 768, 8192),
    "bce-embedding-base_v1": KnownModel(
        "maidalun1020/bce-embedding-base_v1", BOTH, 768, 512, "cls"
    ),
    "all-mpnet-base-v2": KnownModel("sentence-transformers/all-mpnet-base-v2", EN, 768, 384),
    "paraphrase-multilingual-MiniLM-L12-v2": KnownModel(
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", BOTH, 384, 128
    ),
    "nomic-embed-text-v1.5": KnownModel(
        "nomic-ai/nomic-embed-text-v1.5",
        *(EN, 768, 8192, "mean", "search_query: ", "search_document: "),
        is_own_code_needless=True,
    ),
    "text-embedding-3-small": KnownModel(
        "text-embedding-3-small", BOTH, 1536, 8191, base_url=OPENAI
    ),
    "text-embedding-3-large": KnownModel(
        "text-embedding-3-large", BOTH, 3072, 8191, base_url=OPENAI
    ),
}


def choose_instruction(wish: str | None, own: str, known: str) -> str:
    """Return what is put before a text: as set ("" for nothing), else the folder's, else known."""
    return wish if wish is not None else own or known


def find_known(name: str) -> KnownModel | None:
    """Return the model of a name here, of an id on the hub, or of the last part of such an id."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    for model in CATALOGUE.values():
        if name in (model.hub_id, model.hub_id.rpartition("/")[2]):
            return model
    return None
