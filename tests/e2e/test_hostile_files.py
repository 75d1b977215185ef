"""Every file of the hostile corpus over REST: refused with a clear error, quickly, in little memory."""

import contextlib
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from emo_hallo_ray.storage import Storage
from tests.e2e.conftest import PORTRAIT, SPEECH
from tests.hostile.corpus import Hostile, corpus
from tests.live_service import LiveService, processes

MAX_S = 2.0
MAX_BYTES = 300 * 2**20
MB = 2**20


class MemoryWatch:
    """The most that the preprocessor and each media tool that it starts have taken, beyond what it had before."""

    def __init__(self, service: LiveService) -> None:
        self._service = service
        [self._pid] = [
            pid for pid, name in processes(service).items() if name.startswith("ray::") and "Preproc" in name
        ]
        self.tools_bytes = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch_tools, daemon=True)
        self._thread.start()

    def reset(self) -> None:
        Path(f"/proc/{self._pid}/clear_refs").write_text("5")
        self._before = self._highest(self._pid)
        self.tools_bytes = 0

    def grown_bytes(self) -> int:
        return self._highest(self._pid) - self._before + self.tools_bytes

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch_tools(self) -> None:
        while not self._stopped.wait(0.02):
            with contextlib.suppress(OSError, ValueError):
                for task in Path(f"/proc/{self._pid}/task").iterdir():
                    for child in (task / "children").read_text().split():
                        if self._is_tool(int(child)):
                            self.tools_bytes = max(self.tools_bytes, self._highest(int(child)))

    def _is_tool(self, pid: int) -> bool:
        """Between its fork and its exec a child is its parent, with all of the parent's memory."""
        return Path(f"/proc/{pid}/exe").readlink() != Path(f"/proc/{self._pid}/exe").readlink()

    @staticmethod
    def _highest(pid: int) -> int:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 if "VmHWM:" in status else 0


@pytest.mark.timeout(400)
def test_every_hostile_file_is_refused_quickly_in_little_memory_and_leaves_nothing(
    http: httpx.Client, service: LiveService
) -> None:
    portrait, speech = PORTRAIT.read_bytes(), SPEECH.read_bytes()[:100_000]
    tasks = Storage(service.storage)
    folders = set(tasks.task_ids())
    watch = MemoryWatch(service)
    problems = []
    post(http, portrait, b"warm up")
    for hostile in corpus():
        image, audio = (hostile.content, speech) if hostile.kind == "image" else (portrait, hostile.content)
        complaint = examine(http, watch, hostile, image, audio)
        if complaint and "took" in complaint:  # something else may have had the processor meanwhile
            complaint = examine(http, watch, hostile, image, audio)
        problems += [complaint] if complaint else []
    watch.stop()

    assert len(corpus()) >= 200
    assert problems == []
    assert set(tasks.task_ids()) == folders
    assert http.get("/health").status_code == 200


def examine(http: httpx.Client, watch: MemoryWatch, hostile: Hostile, image: bytes, audio: bytes) -> str | None:
    """What was wrong with the answer to one file; None if nothing."""
    watch.reset()
    started = time.monotonic()
    answer = post(http, image, audio)
    seconds = time.monotonic() - started
    if answer.status_code not in (400, 413):
        return f"{hostile} got {answer.status_code}: {answer.text[:200]}"
    if not {"detail", "error_code"} <= answer.json().keys():
        return f"{hostile} got the body {answer.text[:200]}"
    if seconds > MAX_S:
        return f"{hostile} took {seconds:.1f} s"
    if (grown := watch.grown_bytes()) > MAX_BYTES:
        return f"{hostile} needed {grown / MB:.0f} MB"
    return None


def post(http: httpx.Client, image: bytes, audio: bytes) -> httpx.Response:
    files = {"image_file": ("a.jpg", image), "audio_file": ("b.wav", audio)}
    return http.post("/api/v1/inference/hallo2", files=files)


def test_no_file_makes_the_server_connect_anywhere(http: httpx.Client) -> None:
    """A playlist or a picture that names an address is refused without a look at it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        place = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        for content in (
            f"#EXTM3U\n#EXTINF:9,\n{place}\n".encode(),
            f"ffconcat version 1.0\nfile '{place}'\n".encode(),
            f"RIFF\0\0\0\0WAVE#EXTM3U\n{place}\n".encode(),
            f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{place}"/></svg>'.encode(),
        ):
            assert post(http, PORTRAIT.read_bytes(), content).status_code == 400
            assert post(http, content, SPEECH.read_bytes()).status_code == 400
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "a\x00b", 'x"; filename="y', "x\r\nX-Injected: 1", "x" * 5000]
)
def test_file_names_are_never_used(http: httpx.Client, service: LiveService, name: str) -> None:
    answer = http.post(
        "/api/v1/inference/hallo2",
        files={"image_file": (name, b"no picture"), "audio_file": (name, b"no sound")},
    )

    assert answer.status_code == 400
    assert "X-Injected" not in answer.headers
    assert not (service.storage.parent / "x").exists()


@pytest.mark.parametrize(
    "task_id", ["x", "..%2f..%2fetc%2fpasswd", "%00", "0" * 36, "' OR 1=1 --", "a" * 5000, "%F0%9F%98%80", "{id}"]
)
@pytest.mark.parametrize("tail", ["", "/video", "/logs", "/events", "/data"])
def test_ids_that_are_none_name_no_task(http: httpx.Client, task_id: str, tail: str) -> None:
    method = "DELETE" if tail == "/data" else "GET"

    answer = http.request(method, f"/api/v1/tasks/{task_id}{tail}")

    assert (answer.status_code, answer.json()["error_code"][-9:]) == (404, "NOT_FOUND")
