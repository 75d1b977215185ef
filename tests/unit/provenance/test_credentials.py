"""Signed videos, read back with C2PA's own reader."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest

from emo_hallo_ray import __version__
from emo_hallo_ray.errors import InvalidSettings
from emo_hallo_ray.media.video import probe_video, read_frames
from emo_hallo_ray.pipeline import Segment, segment_name
from emo_hallo_ray.provenance import Provenance
from emo_hallo_ray.provenance.credentials import ContentCredentials
from emo_hallo_ray.settings import ProvenanceSettings
from emo_hallo_ray.stages.encoding import Encoding
from emo_hallo_ray.storage import Storage
from emo_hallo_ray.tasks.model import Task, TaskParams
from tests.unit.media.samples import moving_frames, tone, write_wav
from tests.unit.provenance.certificates import make_signer
from tests.unit.test_pipeline import make_task


def encode(folder: Path, provenance: Provenance, engine: str = "preview") -> tuple[Path, Any]:
    """A short video by the encoding stage, and what the stage says of it."""
    task: Task = replace(make_task((), 1), params=TaskParams(engine=engine, seed=7))
    stage = Encoding(Storage(folder), provenance)
    files = stage.storage.task(task.task_id)
    files.make_folders()
    write_wav(files.audio, tone(1.0))
    stage.encode_sound(task, 20)
    stage.encode(task, Segment(0, 0, 20, 20), [moving_frames(20, 64, 64)])
    info = stage.join(task, [segment_name(0, 1)], 20)
    return files.result(1), info


def read(video: Path) -> dict[str, Any]:
    with c2pa.Reader(str(video)) as reader:
        found: dict[str, Any] = json.loads(reader.json())
    return found


@pytest.mark.parametrize("kind", ["es256", "es384", "ed25519", "ps256"])
def test_a_reader_learns_what_made_the_video_and_that_nobody_changed_it(tmp_path: Path, kind: str) -> None:
    key, chain = make_signer(tmp_path, kind)
    signed, info = encode(tmp_path / "signed", Provenance(credentials=ContentCredentials.of(key, chain, "")))

    store = read(signed)
    manifest = store["manifests"][store["active_manifest"]]
    problems = {problem["code"] for problem in store.get("validation_status", [])}
    assertions = {assertion["label"]: assertion["data"] for assertion in manifest["assertions"]}
    [action] = assertions["c2pa.actions.v2"]["actions"]
    assert problems <= {"signingCredential.untrusted"}  # nobody knows our authority
    assert manifest["claim_generator_info"][0]["name"] == "emo-hallo-ray"
    assert manifest["claim_generator_info"][0]["version"] == __version__
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert assertions["org.emo-hallo-ray.task"] == {
        "engine": "preview",
        "seed": 7,
        "task_id": make_task((), 1).task_id,
    }
    assert info.size_bytes == signed.stat().st_size


def test_the_diffusion_models_videos_are_called_what_they_are(tmp_path: Path) -> None:
    key, chain = make_signer(tmp_path)
    signed, _ = encode(tmp_path, Provenance(credentials=ContentCredentials.of(key, chain, "")), engine="hallo2")

    assert "/trainedAlgorithmicMedia" in json.dumps(read(signed))


def test_signing_changes_no_frame_and_playing_can_still_start_early(tmp_path: Path) -> None:
    key, chain = make_signer(tmp_path)
    plain, _ = encode(tmp_path / "plain", Provenance())
    signed, _ = encode(tmp_path / "signed", Provenance(credentials=ContentCredentials.of(key, chain, "")))

    np.testing.assert_array_equal(read_frames(plain, 0, 99), read_frames(signed, 0, 99))
    assert probe_video(signed).audio_duration_s == probe_video(plain).audio_duration_s
    assert probe_video(signed).metadata["comment"] == probe_video(plain).metadata["comment"]
    data = signed.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert [path.name for path in signed.parent.glob(".*")] == []


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    key, chain = make_signer(tmp_path)
    signed, _ = encode(tmp_path, Provenance(credentials=ContentCredentials.of(key, chain, "")))
    data = bytearray(signed.read_bytes())
    data[data.index(b"mdat") + 500] ^= 1
    signed.write_bytes(data)

    codes = {problem["code"] for problem in read(signed)["validation_status"]}

    assert "assertion.bmffHash.mismatch" in codes


def test_what_cannot_sign_is_told_at_the_start(tmp_path: Path) -> None:
    key, chain = make_signer(tmp_path)
    (tmp_path / "broken.pem").write_text("no certificate")

    for settings, complaint in (
        ({"signing_key": tmp_path / "none.key", "signing_certificate": chain}, "cannot be read"),
        ({"signing_key": key, "signing_certificate": tmp_path / "broken.pem"}, "cannot be used"),
        ({"signing_key": key, "signing_certificate": make_signer(tmp_path, "ed25519")[1]}, "another key's"),
        ({"signing_key": tmp_path / "broken.pem", "signing_certificate": chain}, "cannot be used"),
    ):
        with pytest.raises(InvalidSettings, match=complaint):
            Provenance.of(ProvenanceSettings(**settings))
    with pytest.raises(ValueError, match="only together"):
        ProvenanceSettings(signing_key=key)


def test_without_a_key_the_library_is_not_even_loaded() -> None:
    program = (
        "import sys\n"
        "from emo_hallo_ray.provenance import Provenance\n"
        "from emo_hallo_ray.settings import ProvenanceSettings\n"
        "Provenance.of(ProvenanceSettings(visible_mark='AI'))\n"
        "print([name for name in ('c2pa', 'cryptography') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
