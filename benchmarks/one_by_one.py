"""The default embedding model the plain way: fp32 in torch, one text after the other.

``python -m benchmarks.one_by_one < TEXTS`` takes a JSON list and prints one line of JSON. Knows
nothing of our runtime, only where the model's files are.
"""

import json
import sys
import time

from embeddings.minilm import MAX_TOKENS, locate_model


def main() -> None:
    """Embed the texts and report."""
    texts: list[str] = json.load(sys.stdin)
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(locate_model())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.inference_mode()
    def embed(text: str) -> torch.Tensor:
        inputs = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        states = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None]
        mean = (states * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(mean, dim=1)

    embed(texts[0])  # the first one loads more than it computes
    started = time.process_time(), time.monotonic()
    for text in texts:
        embed(text)
    cpu_s, wall_s = time.process_time() - started[0], time.monotonic() - started[1]
    print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "texts": len(texts)}))


if __name__ == "__main__":
    main()
