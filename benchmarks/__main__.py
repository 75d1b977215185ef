"""All of them, one after another: `python -m benchmarks` or `make bench`."""

import runpy

for name in (
    "startup",
    "polling",
    "upload",
    "end_to_end",
    "watching",
    "registry",
    "capacity",
    "overload",
    "long_audio",
    "visemes",
    "preview",
    "denoiser",
    "loading",
    "presets",
    "super_resolution",
):
    runpy.run_module(f"benchmarks.{name}", run_name="__main__")
