"""The default embedding model: verified files, a graph that equals the original, repair."""

import logging
import os
import subprocess
import sys
from importlib.util import find_spec
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


def test_texts_of_every_length_keep_their_own_vectors(cache: Path) -> None:
    embedder = MiniLmEmbedder(cache=cache, batch_size=1, threads=1)
    texts = ["pump " * length for length in (300, 1, 0, 40, 2, 255, 40, 7)]
    together = embedder.embed_documents(texts)
    alone = np.stack([embedder.embed_query(text) for text in texts])
    assert np.allclose(together, alone, atol=1e-5)


def test_batches_hold_similar_lengths_and_no_more_tokens_than_allowed() -> None:
    lengths = [5, 200, 7, 60, 6, 64, 300, 1]
    rows = [np.ones(length, np.int64) for length in lengths]
    batches = list(minilm.group_by_length(rows, 128))
    assert [[lengths[place] for place in batch] for batch in batches] == [
        [1, 5, 6, 7],
        [60, 64],
        [200],
        [300],
    ]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    theirs = tmp_path / f"{minilm.GRAPH_PREFIX}abc.{gone.pid}.tmp"
    alive = tmp_path / f"{minilm.GRAPH_PREFIX}abc.{os.getpid()}.tmp"
    foreign = tmp_path / f"{minilm.GRAPH_PREFIX}abc.tmp"
    for path in (theirs, alive, foreign):
        path.touch()
    minilm.remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {alive, foreign}


def test_openvino_agrees_with_onnxruntime(cache: Path) -> None:
    if find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    texts = [f"The pump number {number} needs oil. " * (number % 9) for number in range(60)]
    ours = MiniLmEmbedder(cache=cache, batch_size=8, threads=1).embed_documents(texts)
    theirs = MiniLmEmbedder(
        cache=cache, batch_size=8, threads=1, runtime="openvino"
    ).embed_documents(texts)
    assert (ours * theirs).sum(1).min() > 0.999  # so both may be of one generation


def test_a_runtime_that_is_missing_is_an_error(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    embedder = MiniLmEmbedder(cache=cache, batch_size=8, threads=1, runtime="openvino")
    with pytest.raises(EmbeddingFailed, match="openvino"):
        embedder.embed_query("x")


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_the_runtime_collects_nothing_about_its_use(
    cache: Path, tmp_path: Path, runtime: str
) -> None:
    if find_spec(runtime) is None:
        pytest.skip(f"{runtime} is not installed")
    code = (
        "from pathlib import Path; from embeddings.minilm import MiniLmEmbedder;"
        f"MiniLmEmbedder(cache=Path({str(cache)!r}), batch_size=8, threads=1,"
        f" runtime={runtime!r}).embed_query('pump')"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
