"""Where the weights of a model go: devices, memory per device, number format.

Knows no checkpoint. Which GPUs there are to see is decided before the process starts.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from configs.model_settings import ModelSettings
from server.errors import ModelFailed

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Placement:
    """What ``from_pretrained`` is told about devices and number formats."""

    device: str
    dtype: "torch.dtype | str"  # "auto": as in the checkpoint
    device_map: Any
    max_memory: dict[int, Any] | None = None


def place(name: str, settings: ModelSettings) -> Placement:
    """Return where a model goes on this machine.

    Raises:
        ModelFailed: the device that is asked for is not there.
    """
    device = find_device(name, settings)
    dtype = find_dtype(settings, device)
    is_spread = settings.num_gpus > 1 or bool(settings.max_gpu_memory)
    if device == "cuda" and is_spread:
        return Placement(device, dtype, "auto", share_memory(name, settings))
    return Placement(device, dtype, {"": device})


def find_device(name: str, settings: ModelSettings) -> str:
    """Return the device to use: the one that is asked for, or the best there is.

    Raises:
        ModelFailed: it is not there.
    """
    import torch

    present = [
        device
        for device, is_present in (
            ("cuda", torch.cuda.is_available()),
            ("xpu", torch.xpu.is_available()),
            ("mps", torch.backends.mps.is_available()),
            ("cpu", True),
        )
        if is_present
    ]
    if settings.device == "auto":
        return present[0]
    if settings.device not in present:
        raise ModelFailed(
            model=name,
            reason_en=f"the device {settings.device!r} is asked for, but torch finds only "
            f"{', '.join(present)}. Check the driver (nvidia-smi), in a container start with "
            "--gpus all, and install a torch build for that device; or set device to auto.",
            reason_zh=f"要求使用设备 {settings.device!r}，但 torch 只找到 {', '.join(present)}。"
            "请检查驱动（nvidia-smi），容器启动时加 --gpus all，并安装支持该设备的 torch；"
            "或将 device 设为 auto。",
        )
    return settings.device


def find_dtype(settings: ModelSettings, device: str) -> "torch.dtype | str":
    """Return the number format: on a CPU float32, unless another one is asked for."""
    import torch

    if settings.dtype != "auto":
        return getattr(torch, settings.dtype)  # type: ignore[no-any-return]
    # Most CPUs compute float16 and bfloat16 much slower than float32.
    return torch.float32 if device == "cpu" else "auto"


def share_memory(name: str, settings: ModelSettings) -> dict[int, Any]:
    """Return how much of each GPU may be used, by its number.

    Raises:
        ModelFailed: there are fewer GPUs than asked for.
    """
    import torch

    count = torch.cuda.device_count()
    if settings.num_gpus > count:
        raise ModelFailed(
            model=name,
            reason_en=f"num_gpus is {settings.num_gpus}, but {count} can be seen. "
            "Lower num_gpus, or name more of them in gpus.",
            reason_zh=f"num_gpus 为 {settings.num_gpus}，但只能看到 {count} 块 GPU。"
            "请调小 num_gpus，或在 gpus 中列出更多。",
        )
    return {
        number: settings.max_gpu_memory or torch.cuda.mem_get_info(number)[0]
        for number in range(settings.num_gpus)
    }
