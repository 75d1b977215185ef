"""A cluster of three nodes on this machine, a head without work and two workers, of which one at a time dies."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.chaos.plan import WORKER_NODE
from tests.chaos.run import SETTINGS, Arena
from tests.live_service import LiveService, free_port, wait_until

# Ray's command, which refuses to start a head where it sees raylets of a cluster at the same address: here the workers
# of a lost head are on the same machine
RAY = """
import ray._private.services as services
from ray.scripts.scripts import main
services.find_gcs_addresses = set
main()
"""


class ClusterArena(Arena):
    """The service on such a cluster. The nodes share the storage, as machines share a network file system."""

    n_workers = 2
    head_options: tuple[str, ...] = ("--num-cpus=0", "--include-dashboard=false")
    worker_options: tuple[str, ...] = ("--num-cpus=2",)

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._nodes: list[str] = []
        self._n_started = 0
        self._environ = {
            "RAY_ADDRESS": f"127.0.0.1:{self._port}",
            "RAY_AUTH_MODE": "disabled",  # else the nodes would have to agree on a token first
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",  # nodes at 127.0.0.1, which Ray leaves to these systems
            "RAY_TMPDIR": tempfile.mkdtemp(prefix="ray-", dir="/tmp"),  # else it would become the "auto" of others
            # a machine that is gone is noticed within seconds; the defaults wait for half a minute
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_failure_threshold": "3",
            "EMO_HALLO_STORAGE__ROOT": str(folder / "storage"),
            **{f"EMO_HALLO_{name.upper()}": value for name, value in SETTINGS.items()},
        }
        super().__init__(folder)

    def _start(self, expected_status: int = 200) -> LiveService:
        self.start_head()
        self._nodes = [self.add_worker() for _ in range(self.n_workers)]
        return super()._start(expected_status)

    def _service_environ(self) -> dict[str, str]:
        return super()._service_environ() | self._environ

    def start_head(self) -> None:
        """The node that all others look for."""
        self._ray_start("head", "--head", f"--port={self._port}", *self.head_options)

    def add_worker(self) -> str:
        """One more node."""
        self._n_started += 1
        name = f"worker-{self._n_started}"
        self._ray_start(name, f"--address=127.0.0.1:{self._port}", *self.worker_options)
        return name

    def _ray_start(self, name: str, *options: str) -> None:
        environ = os.environ | super()._service_environ() | self._environ | {"CHAOS_NODE": name}
        environ.pop("RAY_ADDRESS")
        environ |= self._node_environ(name)
        command = [sys.executable, "-c", RAY, "start", "--node-ip-address=127.0.0.1", *options]
        subprocess.run([*command, "--disable-usage-stats"], env=environ, check=True, capture_output=True, timeout=90)

    def _node_environ(self, name: str) -> dict[str, str]:
        """What this node has for itself."""
        return {}

    def kill_one(self, victim: str) -> bool:
        if victim != WORKER_NODE:
            return super().kill_one(victim)
        name = self._nodes.pop(0)
        pids = processes_of(name)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not processes_of(name), 30, f"{name} is gone")
        self._nodes.append(self.add_worker())  # as an autoscaler would
        return bool(pids)


def processes_of(node: str) -> list[int]:
    """Everything that a node started: its raylet and all workers under it."""
    mark = f"CHAOS_NODE={node}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
                if mark in (folder / "environ").read_bytes().split(b"\0") and state != "Z":
                    found.append(int(folder.name))
    return found
