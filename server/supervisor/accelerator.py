"""Whether models have a GPU here. Does not load what would use it."""

import sys
from pathlib import Path

from server.supervisor.console import Console

# What the driver offers, also inside a container and in WSL2; asking torch would load it.
NVIDIA_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))


def has_gpu(devices: tuple[Path, ...] = NVIDIA_DEVICES) -> bool:
    """Return whether a device of NVIDIA's driver is there; other systems find theirs later."""
    return sys.platform != "linux" or any(device.exists() for device in devices)


def tell_cpu(console: Console, devices: tuple[Path, ...] = NVIDIA_DEVICES) -> None:
    """Say that models run on the CPU, if they do."""
    if not has_gpu(devices):
        console.remark(
            "No NVIDIA GPU is visible here: models run on the CPU. (In a container: --gpus all.)",
            "未发现 NVIDIA GPU：模型将在 CPU 上运行。（容器中请使用 --gpus all。）",
        )
