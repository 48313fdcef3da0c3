import pytest

from configs.model_settings import ModelSettings
from server.errors import ModelFailed
from server.model_workers.placement import place, share_memory


def settings(**values: object) -> ModelSettings:
    return ModelSettings.model_validate({"path": "tiny", **values})


def test_a_model_on_a_cpu_computes_in_float32() -> None:
    import torch

    placement = place("tiny", settings(device="cpu"))
    assert (placement.device_map, placement.dtype) == ({"": "cpu"}, torch.float32)


def test_a_number_format_that_is_asked_for_is_taken() -> None:
    import torch

    assert place("tiny", settings(device="cpu", dtype="bfloat16")).dtype == torch.bfloat16


def test_auto_takes_a_device_that_is_there() -> None:
    import torch

    has_cuda = torch.cuda.is_available()
    assert (place("tiny", settings()).device == "cuda") == has_cuda


def test_more_gpus_than_there_are_is_refused() -> None:
    with pytest.raises(ModelFailed, match="num_gpus is 99"):
        share_memory("tiny", settings(num_gpus=99))
