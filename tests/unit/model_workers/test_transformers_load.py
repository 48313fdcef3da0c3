import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.model_settings import ModelSettings
from server.errors import ModelFailed
from server.model_workers.transformers_worker import TransformersGenerator
from tests.unit.model_workers.generations import chat, generate, loaded, text_of


def refusal(folder: Path, **settings: Any) -> ModelFailed:
    """Return the error that loading a folder ends with."""
    generator = TransformersGenerator("tiny", ModelSettings(path=str(folder), **settings))
    with pytest.raises(ModelFailed) as caught:
        generator.load()
    return caught.value


def change_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def leave_a_pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1400000\n"
    )


def lose_a_shard(folder: Path) -> None:
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors").rename(folder / shards["a"])
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": shards}))


def cut_the_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {')


def lose_a_layer(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights["lm_head.weight"]
    save_file(weights, path, metadata={"format": "pt"})


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def name_an_unknown_kind(folder: Path) -> None:
    change_config(folder, model_type="zork", architectures=["Zork"])


def name_a_kind_that_does_not_generate(folder: Path) -> None:
    change_config(folder, model_type="t5", architectures=["T5Model"])


def bring_own_code(folder: Path) -> None:
    change_config(folder, model_type="zork", auto_map={"AutoConfig": "own.Config"})
    (folder / "own.py").write_text("raise SystemExit('this code must not run')")


def claim_a_terabyte(folder: Path) -> None:
    tensor = {"dtype": "F32", "shape": [2**38], "data_offsets": [0, 2**40]}
    head = json.dumps({"lm_head.weight": tensor}).encode()
    with (folder / "model.safetensors").open("wb") as stream:
        stream.write(len(head).to_bytes(8, "little") + head)
        stream.truncate(8 + len(head) + 2**40)  # sparse: it takes no room


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove("config.json"), "has no config.json"),
        (remove("model.safetensors"), "weights are missing"),
        (remove("tokenizer.json"), "has no tokenizer"),
        (cut_weights, "not downloaded to its end"),
        (leave_a_pointer, "git lfs pull"),
        (lose_a_shard, "model-00002-of-00002.safetensors"),
        (cut_the_index, "not downloaded to its end"),
        (lose_a_layer, "lm_head.weight"),
        (break_config, "not a valid JSON"),
        (name_an_unknown_kind, "zork"),
        (name_a_kind_that_does_not_generate, "Serve it by an engine"),
        (bring_own_code, "set trust_remote_code: true"),
        (claim_a_terabyte, "1024.0 GiB of memory"),
    ],
)
def test_a_damaged_checkpoint_is_refused_with_a_reason(
    damage: Callable[[Path], None], reason: str, own_checkpoint: Path
) -> None:
    damage(own_checkpoint)
    assert reason in refusal(own_checkpoint, device="cpu").message("en")


def test_a_folder_that_is_not_there_is_named_in_both_languages(tmp_path: Path) -> None:
    error = refusal(tmp_path / "absent")
    assert "absent does not exist" in error.message("en")
    assert "absent 不存在" in error.message("zh")


def test_a_gpu_that_is_not_there_is_said_with_what_to_do(own_checkpoint: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    assert "nvidia-smi" in refusal(own_checkpoint, device="cuda").message("en")


def test_weights_in_several_files_load(own_checkpoint: Path) -> None:
    from transformers import AutoModelForCausalLM

    with loaded(own_checkpoint) as generator:
        expected = text_of(generate(generator, chat()))
    model = AutoModelForCausalLM.from_pretrained(own_checkpoint)
    (own_checkpoint / "model.safetensors").unlink()
    model.save_pretrained(own_checkpoint, max_shard_size="500KB")
    with loaded(own_checkpoint) as generator:
        assert text_of(generate(generator, chat())) == expected


def test_weights_in_a_bin_file_load(own_checkpoint: Path) -> None:
    import torch
    from safetensors.torch import load_file

    with loaded(own_checkpoint) as generator:
        expected = text_of(generate(generator, chat()))
    weights = own_checkpoint / "model.safetensors"
    torch.save(load_file(weights), own_checkpoint / "pytorch_model.bin")
    weights.unlink()
    with loaded(own_checkpoint) as generator:
        assert text_of(generate(generator, chat())) == expected


class Intruder:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_code_in_a_bin_file_does_not_run(own_checkpoint: Path, tmp_path: Path) -> None:
    import torch

    (own_checkpoint / "model.safetensors").unlink()
    trace = tmp_path / "it_ran"
    torch.save({"weight": Intruder(trace)}, own_checkpoint / "pytorch_model.bin")
    assert "code, which is never run" in refusal(own_checkpoint, device="cpu").message("en")
    assert not trace.exists()


def test_the_weights_take_the_number_format_that_is_asked_for(own_checkpoint: Path) -> None:
    import torch

    with loaded(own_checkpoint, dtype="bfloat16") as generator:
        assert generator._usable().model.dtype == torch.bfloat16


def test_torch_takes_as_many_threads_as_the_settings_say(own_checkpoint: Path) -> None:
    import torch

    with loaded(own_checkpoint):  # with one
        assert torch.get_num_threads() == 1
