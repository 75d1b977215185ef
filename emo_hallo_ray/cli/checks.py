"""What `emo-hallo doctor` looks at. Each check answers for itself: one that breaks is a finding, not a crash."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "emo-hallo-ray"
PORT = 8001
NEEDED_ENCODERS = ("libx264", "aac")
LOW_DISK_BYTES = 5 * 1024**3
LOW_MEMORY_BYTES = 4 * 1024**3
GIB = 1024**3


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        detail: what was found, whether good or not.
        remedy: what to do about it; empty where nothing needs doing.
        is_required: the preview engine cannot run without it.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    is_required: bool = False


def run_checks() -> list[Check]:
    """Every check, in the order in which a person would set things up."""
    return [
        _guarded("python", check_python),
        _guarded("packages", check_core_packages, is_required=True),
        _guarded("hallo2 packages", check_hallo2_packages),
        *_guarded_engines(),
        _guarded("ffmpeg", check_ffmpeg, is_required=True),
        _guarded("storage", check_storage, is_required=True),
        _guarded("memory", check_memory),
        _guarded("processors", check_processors),
        _guarded("gpu", check_gpu),
        _guarded(f"port {PORT}", check_port),
    ]


def check_python() -> Check:
    """The interpreter; pip has refused the ones that are too old."""
    return Check("python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def check_core_packages() -> Check:
    """Everything that the service always needs."""
    missing, found = _look_up(_requirements(extra=None))
    remedy = f"pip install {' '.join(missing)}" if missing else ""
    return Check("packages", not missing, _describe_packages(missing, found), remedy, is_required=True)


def check_hallo2_packages() -> Check:
    """What the Hallo2 engine needs on top."""
    missing, found = _look_up(_requirements(extra="hallo2"))
    remedy = f"only for the hallo2 engine: pip install '{DISTRIBUTION}[hallo2]'" if missing else ""
    return Check("hallo2 packages", not missing, _describe_packages(missing, found), remedy)


def check_engines() -> list[Check]:
    """Which engines can run here, and why the others cannot."""
    from emo_hallo_ray.engines.registry import EngineCatalog
    from emo_hallo_ray.gpu import describe_gpus
    from emo_hallo_ray.settings import read_settings

    return [
        Check(
            f"engine {status.name}",
            status.available,
            status.reason,
            "" if status.available else "requests for it are refused; auto takes an engine that can run",
            is_required=status.name == "preview",
        )
        for status in EngineCatalog.of(read_settings(), has_gpu=bool(describe_gpus())).statuses()
    ]


def check_ffmpeg() -> Check:
    """The program itself and the encoders that every video is made with."""
    from emo_hallo_ray.media.ffmpeg import ffmpeg_path

    path = str(ffmpeg_path())
    words = _output_of(path, "-version").split()
    version = words[2] if words[:2] == ["ffmpeg", "version"] else "of unknown version"
    encoders = _output_of(path, "-encoders").split()
    missing = [name for name in NEEDED_ENCODERS if name not in encoders]
    if missing:
        remedy = "install a complete ffmpeg, or remove it so that the one from imageio-ffmpeg is used"
        return Check("ffmpeg", False, f"{version}, {path}: lacks {', '.join(missing)}", remedy, is_required=True)
    return Check("ffmpeg", True, f"{version}, {path}, with {' and '.join(NEEDED_ENCODERS)}", is_required=True)


def check_storage() -> Check:
    """Free space where uploads and videos go."""
    from emo_hallo_ray.errors import StorageUnavailable
    from emo_hallo_ray.settings import read_settings
    from emo_hallo_ray.storage import Storage

    storage = Storage.of(read_settings().storage)
    root = storage.folder
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        remedy = "set EMO_HALLO_STORAGE__ROOT to a folder that you may write to"
        return Check("storage", False, f"{root} cannot be written", remedy, is_required=True)
    free_bytes = shutil.disk_usage(existing).free
    remedy = "" if free_bytes >= LOW_DISK_BYTES else "free some, or move it with EMO_HALLO_STORAGE__ROOT"
    found = f"{free_bytes / GIB:.1f} GiB free at {root}"
    if storage.store is not None:
        try:
            storage.check_writable()
        except StorageUnavailable as error:
            remedy = "check its address, storage.options and this machine's rights"
            return Check("storage", False, f"{storage.store.url}: {error.detail}", remedy, is_required=True)
        found = f"{storage.store.url} can be written; {found} for copies"
    return Check("storage", not remedy, found, remedy)


def check_memory() -> Check:
    """Memory of this machine, or of the container where that has less."""
    total_bytes = min(_machine_memory_bytes(), _container_memory_bytes())
    remedy = (
        "" if total_bytes >= LOW_MEMORY_BYTES else "the service with its stages wants more; emo-hallo render does not"
    )
    return Check("memory", not remedy, f"{total_bytes / GIB:.1f} GiB", remedy)


def check_processors() -> Check:
    """Cores for the preview engine and the encoder."""
    n_cores = os.cpu_count() or 1
    remedy = "" if n_cores >= 2 else "two cores let drawing and encoding overlap"
    return Check("processors", not remedy, f"{n_cores} cores", remedy)


def check_gpu() -> Check:
    """NVIDIA devices, as the driver lists them."""
    from emo_hallo_ray.gpu import describe_gpus

    gpus = describe_gpus()
    if not gpus:
        return Check("gpu", False, "none", "the preview engine needs none; hallo2 wants an NVIDIA GPU with its driver")
    return Check("gpu", True, ", ".join(f"{gpu.name} ({gpu.memory_total_bytes / GIB:.0f} GiB)" for gpu in gpus))


def check_port() -> Check:
    """Whether the service could listen, or who does."""
    import httpx

    name, url = f"port {PORT}", f"http://127.0.0.1:{PORT}/health"
    try:
        answer = httpx.get(url, timeout=2.0, trust_env=False)
    except httpx.ConnectError:
        return Check(name, True, "free")
    except httpx.TransportError:
        return Check(name, False, "taken by a program that does not speak HTTP", "stop it before emo-hallo serve")
    if answer.is_success and "gpu_available" in answer.text:
        return Check(name, True, "this service is running there")
    return Check(name, False, f"taken: {url} answers {answer.status_code}", "stop that program before emo-hallo serve")


def _guarded(name: str, check: Callable[[], Check], is_required: bool = False) -> Check:
    try:
        return check()
    except Exception as error:  # a doctor who faints helps nobody: whatever broke is the finding
        return Check(name, False, f"{type(error).__name__}: {error}", "the message says what broke", is_required)


def _guarded_engines() -> list[Check]:
    try:
        return check_engines()
    except Exception as error:  # as above
        return [Check("engines", False, f"{type(error).__name__}: {error}", "the message says what broke", True)]


def _requirements(extra: str | None) -> list[str]:
    """Names of the distribution's requirements: the unconditional ones, or those of one extra."""
    lines = metadata.requires(DISTRIBUTION) or []
    marker = re.compile(r"extra == ['\"]([^'\"]+)['\"]")
    extras = {line: match[1] if (match := marker.search(line)) else None for line in lines}
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines if extras[line] == extra]


def _look_up(names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    missing, found = [], {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    return missing, found


def _describe_packages(missing: list[str], found: dict[str, str]) -> str:
    present = ", ".join(f"{name} {version}" for name, version in found.items())
    absent = f"missing: {', '.join(missing)}" if missing else ""
    return "; ".join(part for part in (absent, present) if part)


def _output_of(program: str, argument: str) -> str:
    command = [program, "-hide_banner", argument]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


def _machine_memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _container_memory_bytes() -> float:
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return float("inf") if text == "max" else int(text)
