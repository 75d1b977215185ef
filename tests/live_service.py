"""The real service for tests: `emo-hallo serve` in a process of its own, with its own port, storage and cluster."""

import contextlib
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx
import yaml

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 180
# above the 30000 that a service of the user's begins with, below the ports that systems give out
REPLICA_PORTS = itertools.cycle(range(30_500, 32_600, 100))

# a shell ignores SIGINT for what it runs in the background, and the service would inherit that from us
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class LiveService:
    """A running service; `kill` is the power cut, `stop` the operator's Ctrl-C."""

    process: subprocess.Popen[bytes]
    base_url: str
    storage: Path
    log: Path

    def kill(self) -> None:
        """SIGKILL to every process of the service at once, as when the machine loses power."""
        os.killpg(self.process.pid, signal.SIGKILL)
        for pid in _descendants(self.storage):
            with contextlib.suppress(ProcessLookupError):  # it died with its parent
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not _descendants(self.storage), 30, "the killed processes are gone")

    def stop(self, timeout_s: float = 90) -> float:
        """SIGINT, and how many seconds it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return time.monotonic() - started


@contextmanager
def live_service(
    folder: Path,
    storage: Path | None = None,
    port: int | None = None,
    applications: Sequence[dict[str, str]] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
    settings: Mapping[str, str] = MappingProxyType({}),
    deployments: Sequence[dict[str, object]] = (),
) -> Iterator[LiveService]:
    """Start the service and stop it afterwards.

    Args:
        folder: for configuration, logs and (unless `storage` names another) the task data.
        port: a free one where none is named.
        applications: further Serve applications beside ours, as in serve_config.yaml.
        environ: further environment variables, such as Ray's.
        settings: EMO_HALLO_ variables without the prefix, such as {"tasks__lease_s": "2"}.
        deployments: how widely ours run, as in serve_config.yaml.
    """
    storage = storage or folder / "storage"
    service = start(folder, storage, port, applications, environ, settings, deployments=deployments)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            try:
                service.stop()
            except subprocess.TimeoutExpired:  # `stop` has killed it; how it ends is for other tests to measure
                print(f"the service had to be killed; see {service.log}", file=sys.stderr)


def start(
    folder: Path,
    storage: Path,
    port: int | None = None,
    applications: Sequence[dict[str, str]] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
    settings: Mapping[str, str] = MappingProxyType({}),
    expected_status: int = 200,
    deployments: Sequence[dict[str, object]] = (),
    args: Mapping[str, object] = MappingProxyType({}),
) -> LiveService:
    """Start the service and wait until its health is as expected.

    Args:
        args: settings as in serve_config.yaml, which go before variables; for the others see `live_service`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    config["http_options"]["port"] = port
    config["applications"][0]["deployments"] = list(deployments)
    config["applications"][0]["args"] = dict(args)
    config["applications"] += applications
    (folder / "serve_config.yaml").write_text(yaml.safe_dump(config))
    log = folder / f"service-{port}.log"
    variables = os.environ | {f"EMO_HALLO_{name.upper()}": value for name, value in settings.items()}
    variables |= {
        "EMO_HALLO_STORAGE__ROOT": str(storage),
        "RAY_ADDRESS": "local",  # a cluster of its own, whatever else runs on this machine
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"/tmp/emo-hallo-{port}.sock",  # socket paths must be short
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        **environ,
    }
    # Serve shares the ports of its replicas out per cluster: two clusters on one machine would give one port twice, and
    # the proxy of one would then reach the replicas of the other
    first_port = next(REPLICA_PORTS)
    variables |= {
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(first_port),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(first_port + 99),
        # and where HAProxy turns to while no ingress is alive
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
    }
    command = [sys.executable, "-m", "emo_hallo_ray.cli", "serve", "--config", str(folder / "serve_config.yaml")]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=variables, stdout=output, stderr=output, start_new_session=True
        )
    service = LiveService(process, f"http://127.0.0.1:{port}", storage, log)

    def is_up() -> bool:
        assert process.poll() is None, f"the service died:\n{log.read_text(errors='replace')[-4000:]}"
        try:
            return httpx.get(f"{service.base_url}/health", timeout=5).status_code == expected_status
        except httpx.HTTPError:
            return False

    wait_until(is_up, START_TIMEOUT_S, f"the service answers; see {log}")
    return service


def wait_until(condition: Callable[[], bool], timeout_s: float, expected: str) -> None:
    """Poll a foreign process; on timeout say what was expected."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"after {timeout_s:g} s still not true: {expected}"
        time.sleep(0.1)


def free_port() -> int:
    """A port that nobody listens on, and that nobody is given by chance: below 32768, where systems hand out theirs,
    above Ray's workers and below Serve's replicas."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("0.0.0.0", port))
            return port


def processes(service: LiveService) -> dict[int, str]:
    """The service's processes by id, with the names that Ray gives them."""
    names = {}
    for pid in _descendants(service.storage):
        with contextlib.suppress(OSError):  # it ended meanwhile
            names[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return names


def ray_session(service: LiveService) -> Path:
    """Where the service's Ray keeps its logs and says where its metrics are."""
    found = {match[1] for name in processes(service).values() if (match := re.search(r"--session-dir=(\S+)", name))}
    assert len(found) == 1, f"{len(found)} sessions"
    return Path(found.pop())


def resident_bytes(service: LiveService) -> int:
    """Memory of all processes of the service; pages that several share count in parts (PSS)."""
    total = 0
    for pid in _descendants(service.storage):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # it ended meanwhile
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
    return total


def _descendants(storage: Path) -> list[int]:
    """Every process that was started with this storage root: Ray's daemons leave the process group."""
    mark = f"EMO_HALLO_STORAGE__ROOT={storage}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environ = (folder / "environ").read_bytes().split(b"\0")
                state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if mark in environ and state != "Z":
                found.append(int(folder.name))
    return found
