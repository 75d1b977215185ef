"""What is there: at a glance, and checksums included."""

from dataclasses import replace
from pathlib import Path

import pytest

from emo_hallo_ray.weights.download import download
from emo_hallo_ray.weights.errors import DownloadFailed
from emo_hallo_ray.weights.inventory import Finding, State, state_of, verify
from emo_hallo_ray.weights.lock import Lock
from emo_hallo_ray.weights.manifest import ModelFile, file_at
from tests.unit.weights.fake_hub import FakeHub
from tests.unit.weights.samples import make_content

WAV2VEC = "wav2vec/wav2vec2-base-960h/model.safetensors"


@pytest.fixture
def file() -> ModelFile:
    file = file_at(WAV2VEC)
    assert file is not None
    return replace(file, approximate_bytes=5000)


def state(file: ModelFile, root: Path) -> State:
    return state_of(file, root, Lock.read(root))


def look(file: ModelFile, root: Path) -> Finding:
    return verify(file, root, Lock.read(root))


def put(root: Path, name: str, content: bytes) -> None:
    path = (root / WAV2VEC).with_name(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_missing_file(file: ModelFile, root: Path) -> None:
    finding = look(file, root)

    assert state(file, root) == State.MISSING
    assert (finding.ok, finding.detail) == (False, "missing")
    assert finding.remedy == f"emo-hallo models download {WAV2VEC}"


def test_a_downloaded_file(file: ModelFile, root: Path, hub: FakeHub) -> None:
    download([file], root, hub.url, lambda line: None)

    assert state(file, root) == State.PRESENT
    assert look(file, root) == Finding(file, True, "size and SHA-256 are right")


def test_a_file_whose_download_broke_off(file: ModelFile, root: Path, hub: FakeHub) -> None:
    hub.cut_after = 10
    with pytest.raises(DownloadFailed):
        download([file], root, hub.url, lambda line: None)

    assert state(file, root) == State.PARTIAL
    assert look(file, root).detail == "only begun"


def test_a_downloaded_file_that_was_shortened_since(file: ModelFile, root: Path, hub: FakeHub) -> None:
    download([file], root, hub.url, lambda line: None)
    content = hub.files[WAV2VEC]
    put(root, "model.safetensors", content[:-1])

    assert state(file, root) == State.DAMAGED
    assert look(file, root).detail == f"{len(content) - 1} bytes found, {len(content)} expected"


def test_a_downloaded_file_in_which_one_bit_turned(file: ModelFile, root: Path, hub: FakeHub) -> None:
    download([file], root, hub.url, lambda line: None)
    content = hub.files[WAV2VEC]
    put(root, "model.safetensors", content[:-1] + bytes([content[-1] ^ 1]))

    finding = look(file, root)

    assert state(file, root) == State.PRESENT  # a look at names and sizes cannot tell
    assert not finding.ok
    assert Lock.read(root).files[WAV2VEC].sha256 in finding.detail


def test_a_file_of_unknown_origin_that_looks_whole(file: ModelFile, root: Path) -> None:
    put(root, "model.safetensors", make_content(WAV2VEC))

    finding = look(file, root)

    assert state(file, root) == State.NOT_VERIFIED
    assert (finding.ok, finding.detail) == (True, "whole by its structure; no checksum is known here")
    assert finding.remedy.startswith("emo-hallo models download")


def test_a_file_of_unknown_origin_that_is_cut_short(file: ModelFile, root: Path) -> None:
    put(root, "model.safetensors", make_content(WAV2VEC)[:-1])

    finding = look(file, root)

    assert not finding.ok
    assert "where its header says" in finding.detail


def test_a_file_of_unknown_origin_that_is_far_too_small(file: ModelFile, root: Path) -> None:
    put(root, "model.safetensors", make_content(WAV2VEC, 1000))

    assert "about 5000 expected" in look(file, root).detail


def test_the_older_container_is_judged_by_its_own_structure(file: ModelFile, root: Path) -> None:
    put(root, "pytorch_model.bin", make_content("pytorch_model.bin"))

    finding = look(file, root)

    assert state(file, root) == State.NOT_VERIFIED
    assert (finding.ok, finding.remedy) == (True, "")
    assert finding.detail.startswith("as 'pytorch_model.bin', whole")
