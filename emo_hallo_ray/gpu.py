"""Which GPUs this machine has, asked of the driver: importing torch for it would take seconds and memory."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Gpu:
    """One device as the driver sees it."""

    index: int
    uuid: str
    name: str
    memory_used_bytes: int
    memory_total_bytes: int


def describe_gpus() -> list[Gpu]:
    """The NVIDIA devices of this machine; empty where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_describe(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()


def _describe(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        index=index,
        uuid=nvml.nvmlDeviceGetUUID(handle),
        name=nvml.nvmlDeviceGetName(handle),
        memory_used_bytes=int(memory.used),
        memory_total_bytes=int(memory.total),
    )
