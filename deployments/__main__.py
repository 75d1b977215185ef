"""`python -m deployments serve_config.yaml`: `serve run`, but SIGTERM is an orderly end as Ctrl-C is.

`serve run` alone dies of SIGTERM on the spot, and running tasks wait until their leases run out.
"""

import signal
import sys
from types import FrameType
from typing import NoReturn

import ray
from ray.serve.scripts import cli


def _leave_in_order(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # those who are impatient would break the order
    raise KeyboardInterrupt


if __name__ == "__main__":
    ray.init(namespace="serve")  # as `serve run` does; it also takes SIGTERM for itself
    signal.signal(signal.SIGTERM, _leave_in_order)
    cli(["run", "--address", "auto", *sys.argv[1:]])  # the cluster that this process is connected to
