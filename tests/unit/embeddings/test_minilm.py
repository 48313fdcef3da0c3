"""The default embedding model: verified files, a graph that equals the original, repair."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from configs import ROOT
from embeddings import minilm
from embeddings.bert_graph import build_sentence_encoder
from embeddings.minilm import MiniLmEmbedder
from server.errors import EmbeddingFailed


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    MiniLmEmbedder(cache=folder, batch_size=8, threads=1).embed_query("build the graph")
    return folder


def test_the_graph_is_built_once(cache: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    MiniLmEmbedder(cache=cache, batch_size=8, threads=1).embed_query("again")
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == before


def test_a_damaged_graph_is_built_again(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    (graph,) = cache.iterdir()
    sound = MiniLmEmbedder(cache=cache, batch_size=8, threads=1).embed_query("pump")
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 0xFF
    graph.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = MiniLmEmbedder(cache=cache, batch_size=8, threads=1).embed_query("pump")
    assert "damaged" in caplog.text
    assert again @ sound == pytest.approx(1, abs=1e-5)


def test_weights_that_are_not_the_published_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_bytes(b"{}")
    monkeypatch.setattr(minilm, "locate_model", lambda: tmp_path)
    embedder = MiniLmEmbedder(cache=tmp_path, batch_size=8, threads=1)
    with pytest.raises(EmbeddingFailed, match="not the published file"):
        embedder.embed_query("x")


def test_a_failed_load_can_be_tried_again(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = MiniLmEmbedder(cache=cache, batch_size=8, threads=1)
    with monkeypatch.context() as patch:
        patch.setattr(minilm, "locate_model", lambda: tmp_path)
        with pytest.raises(EmbeddingFailed):
            embedder.embed_query("x")
    assert embedder.embed_query("x").shape == (384,)


def test_the_graph_gives_the_vectors_of_transformers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    import onnxruntime

    config = transformers.BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=20,
    )
    torch.manual_seed(0)
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    session = onnxruntime.InferenceSession(
        build_sentence_encoder(weights, config.to_dict()), providers=["CPUExecutionProvider"]
    )
    ids = np.array([[3, 7, 9, 0], [5, 2, 0, 0]], np.int64)
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int64)
    (ours,) = session.run(["vectors"], {"input_ids": ids, "attention_mask": mask})
    with torch.no_grad():
        hidden = model(torch.tensor(ids), torch.tensor(mask)).last_hidden_state.numpy()
    pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    theirs = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    assert np.allclose(ours, theirs, atol=1e-5)


def test_the_runtime_collects_nothing_about_its_use(cache: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from embeddings.minilm import MiniLmEmbedder;"
        f"MiniLmEmbedder(cache=Path({str(cache)!r}), batch_size=8, threads=1).embed_query('pump')"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
