"""Peak memory of loading a full-size checkpoint, over the networks' own size. Writes 4.9 GB to the temporary folder."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.report import report
from emo_hallo_ray.hallo2.checkpoint import load_networks
from emo_hallo_ray.hallo2.config import Hallo2Config
from emo_hallo_ray.hallo2.networks import Hallo2Networks


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory(prefix="emo-hallo-") as folder:
        path = Path(folder) / "net.pth"
        n_values = write_checkpoint(path, Hallo2Config(), torch.float16)
        for dtype in ("float16", "bfloat16", "float32"):
            # the peak is a process's own, so that each type needs a fresh one
            command = [sys.executable, "-m", "benchmarks.loading", str(path), dtype]
            seconds, added = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            size = n_values * getattr(torch, dtype).itemsize
            rows.append(
                {
                    "wanted type": dtype,
                    "tensors, GB": size / 1e9,
                    "peak added, GB": int(added) / 1e9,
                    "ratio": int(added) / size,
                    "seconds": float(seconds),
                }
            )
    report("loading", "A full-size net.pth, stored as float16", rows)


def write_checkpoint(path: Path, config: Hallo2Config, dtype: torch.dtype) -> int:
    """All zeros; returns the number of values in it."""
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Hallo2Networks(config).state_dict().items()}
    torch.save({name: torch.zeros(shape, dtype=dtype) for name, shape in shapes.items()}, path)
    return sum(shape.numel() for shape in shapes.values())


def measure(path: Path, dtype: str) -> None:
    """Print the seconds that loading takes and the bytes by which it raises the peak of resident memory."""
    before = peak_bytes()
    started = time.perf_counter()
    networks = load_networks(path, torch.device("cpu"), getattr(torch, dtype))
    seconds = time.perf_counter() - started
    assert sum(tensor.numel() for tensor in networks.state_dict().values()) > 0
    print(seconds, peak_bytes() - before)


def peak_bytes() -> int:
    """The most that was ever resident in this process, mapped files included.

    Not `getrusage`, whose figure a new process inherits from the one that started it.
    """
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    if sys.argv[1:]:
        measure(Path(sys.argv[1]), sys.argv[2])
    else:
        main()
