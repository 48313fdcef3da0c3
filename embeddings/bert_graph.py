"""An ONNX graph of a BERT sentence encoder, built straight from its weights.

Needs neither torch nor an exporter. Knows nothing of tokenisers, files or runtimes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20  # the first with Gelu; LayerNormalization came with 17
Array = NDArray[Any]


class GraphBuilder:
    """Collects nodes and constants; every method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def shape(self, *sizes: int) -> str:
        """Add a shape; 0 keeps the size of the input."""
        return self.constant(np.array(sizes, np.int64))

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name


def build_sentence_encoder(weights: Mapping[str, Array], config: Mapping[str, Any]) -> bytes:
    """Return a serialised model: ``input_ids``, ``attention_mask`` int64 (n, t) to ``vectors``.

    ``vectors`` is float32 (n, hidden_size): the mean over the unmasked tokens, as unit rows
    (Reimers and Gurevych 2019, mean pooling). ``weights`` has the names of transformers' BertModel.
    """
    graph = GraphBuilder()
    hidden = embed_tokens(graph, weights, config)
    blocked = graph.add(
        "Sub", graph.constant(np.array([1], np.float32)), graph.add("Cast", "attention_mask", to=1)
    )
    bias = graph.add("Mul", blocked, graph.constant(np.array([-1e9], np.float32)))
    bias = graph.add("Unsqueeze", bias, graph.constant(np.array([1, 2], np.int64)))
    for layer in range(config["num_hidden_layers"]):
        hidden = encode_layer(graph, weights, config, hidden, bias, f"encoder.layer.{layer}.")
    vectors = pool_mean(graph, hidden)
    graph.nodes.append(helper.make_node("Identity", [vectors], ["vectors"]))
    return serialize(graph, config["hidden_size"])


def serialize(graph: GraphBuilder, hidden_size: int) -> bytes:
    """Close the graph and return the bytes of the checked model."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", hidden_size])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "sentence_encoder", inputs, [output], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
    )
    content: bytes = model.SerializeToString()
    return content


def embed_tokens(graph: GraphBuilder, weights: Mapping[str, Array], config: Any) -> str:
    """Add up the embeddings of words, positions and the one token type."""
    words = graph.add(
        "Gather", graph.constant(weights["embeddings.word_embeddings.weight"]), "input_ids"
    )
    kind = weights["embeddings.token_type_embeddings.weight"][0]
    positions = weights["embeddings.position_embeddings.weight"] + kind
    length = graph.add("Shape", "input_ids", start=1, end=2)
    zero = graph.constant(np.array([0], np.int64))
    used = graph.add("Slice", graph.constant(positions), zero, length, zero)
    total = graph.add("Add", words, used)
    return normalize(graph, weights, config, total, "embeddings.LayerNorm")


def encode_layer(
    graph: GraphBuilder, weights: Mapping[str, Array], config: Any, hidden: str, bias: str, at: str
) -> str:
    """Add one transformer layer: self-attention, then the feed-forward part."""
    context = attend(graph, weights, config, hidden, bias, at + "attention.self.")
    projected = project(graph, weights, context, at + "attention.output.dense")
    hidden = normalize(
        graph,
        weights,
        config,
        graph.add("Add", projected, hidden),
        at + "attention.output.LayerNorm",
    )
    inner = graph.add("Gelu", project(graph, weights, hidden, at + "intermediate.dense"))
    outer = project(graph, weights, inner, at + "output.dense")
    return normalize(
        graph, weights, config, graph.add("Add", outer, hidden), at + "output.LayerNorm"
    )


def attend(
    graph: GraphBuilder, weights: Mapping[str, Array], config: Any, hidden: str, bias: str, at: str
) -> str:
    """Add multi-head attention without its output projection."""
    heads = config["num_attention_heads"]
    size = config["hidden_size"] // heads
    split = graph.shape(0, 0, heads, size)

    def head(name: str, order: list[int]) -> str:
        rows = graph.add("Reshape", project(graph, weights, hidden, at + name), split)
        return graph.add("Transpose", rows, perm=order)

    scores = graph.add("MatMul", head("query", [0, 2, 1, 3]), head("key", [0, 2, 3, 1]))
    scaled = graph.add("Mul", scores, graph.constant(np.array([size**-0.5], np.float32)))
    shares = graph.add("Softmax", graph.add("Add", scaled, bias), axis=-1)
    mixed = graph.add("MatMul", shares, head("value", [0, 2, 1, 3]))
    rows = graph.add("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.add("Reshape", rows, graph.shape(0, 0, config["hidden_size"]))


def project(graph: GraphBuilder, weights: Mapping[str, Array], inputs: str, at: str) -> str:
    """Add a linear layer."""
    matrix = graph.constant(np.ascontiguousarray(weights[at + ".weight"].T))
    return graph.add(
        "Add", graph.add("MatMul", inputs, matrix), graph.constant(weights[at + ".bias"])
    )


def normalize(
    graph: GraphBuilder, weights: Mapping[str, Array], config: Any, inputs: str, at: str
) -> str:
    """Add a layer normalisation."""
    scale, offset = graph.constant(weights[at + ".weight"]), graph.constant(weights[at + ".bias"])
    epsilon = config["layer_norm_eps"]
    return graph.add("LayerNormalization", inputs, scale, offset, axis=-1, epsilon=epsilon)


def pool_mean(graph: GraphBuilder, hidden: str) -> str:
    """Add the mean over the unmasked tokens and scale it to length 1."""
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    column = graph.add("Unsqueeze", mask, graph.constant(np.array([2], np.int64)))
    tokens = graph.constant(np.array([1], np.int64))
    total = graph.add("ReduceSum", graph.add("Mul", hidden, column), tokens, keepdims=0)
    # Unit rows make the division by the number of tokens superfluous.
    return graph.add("LpNormalization", total, axis=-1, p=2)
