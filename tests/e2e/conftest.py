"""One live service for all end-to-end tests."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from emo_hallo.client import Hallo2Client
from tests.live_service import ROOT, LiveService, live_service

PORTRAIT = ROOT / "samples" / "portrait.jpg"
SPEECH = ROOT / "samples" / "speech.wav"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start a service of their own come before the shared one is up: two on two cores are too many."""
    items.sort(key=lambda item: "service" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """On port 8001 where it is free, since the API document's samples say 8001."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = None if probe.connect_ex(("127.0.0.1", 8001)) == 0 else 8001
    with live_service(
        tmp_path_factory.mktemp("service"), port=port, settings={"limits__upload_bytes": str(30 * 1024**2)}
    ) as running:
        yield running


@pytest.fixture(scope="session")
def http(service: LiveService) -> Iterator[httpx.Client]:
    """Plain HTTP to the service."""
    with httpx.Client(base_url=service.base_url, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def client(service: LiveService) -> Iterator[Hallo2Client]:
    """The client library."""
    with Hallo2Client(base_url=service.base_url) as client:
        yield client


@pytest.fixture(scope="session")
def short_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 1.5 s of the sample: enough for a whole task, short enough for many."""
    return cut_speech(SPEECH, tmp_path_factory.mktemp("speech") / "short.wav", seconds=1.5)


@pytest.fixture(scope="session")
def completed(client: Hallo2Client, short_speech: Path) -> str:
    """The id of a task that has its video."""
    task_id = client.inference(image_path=PORTRAIT, audio_path=short_speech, seed=7)
    client.wait(task_id, timeout_s=120)
    return task_id


def cut_speech(source: Path, target: Path, seconds: float, repeat: int = 1) -> Path:
    """The first seconds of a WAV file, `repeat` times over."""
    import wave

    with wave.open(str(source)) as reader, wave.open(str(target), "wb") as writer:
        writer.setparams(reader.getparams())
        frames = reader.readframes(int(seconds * reader.getframerate()))
        for _ in range(repeat):
            writer.writeframes(frames)
    return target
