"""The Hallo2 engine's speech embedder over tiny models."""

from pathlib import Path

import numpy as np
import pytest

from emo_hallo_ray.engines.hallo2.speech import Hallo2SpeechEmbedder
from emo_hallo_ray.errors import OutOfMemory, UnusableModelFile
from emo_hallo_ray.media.audio import wav_length
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.speech.windows import windows
from emo_hallo_ray.storage import load_arrays, save_arrays
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.scarce_memory import Scarce
from tests.tiny_models.speech import write_separator, write_wav2vec
from tests.unit.media.samples import write_recording

from .conftest import noise, track_of

LIMITS = MediaLimits()


@pytest.fixture
def embedder(layout: WeightsLayout) -> Hallo2SpeechEmbedder:
    return Hallo2SpeechEmbedder(layout, "cpu")


@pytest.fixture
def own_layout(tmp_path: Path) -> WeightsLayout:
    """One that a test may change."""
    layout = WeightsLayout(tmp_path / "weights")
    write_wav2vec(layout.wav2vec_folder)
    return layout


def test_segments_are_cut_from_the_rows_of_the_whole(embedder: Hallo2SpeechEmbedder, tmp_path: Path) -> None:
    track = track_of(embedder, tmp_path / "speech.wav", noise(16_000 * 9))  # 225 frames, 240 rows

    whole = embedder.embed(track, 0, track.n_frames)["rows"]
    parts = [embedder.embed(track, first, min(80, 225 - first))["rows"] for first in (0, 80, 160)]

    assert whole.shape == (240 + 4, 3, 32)
    assert whole.dtype == np.float32
    for part, first in zip(parts, (0, 80, 160), strict=True):
        assert np.array_equal(part, whole[first : first + 84])


def test_margin_repeats_the_first_and_the_last_padded_row(embedder: Hallo2SpeechEmbedder, tmp_path: Path) -> None:
    track = track_of(embedder, tmp_path / "speech.wav", noise(16_000))

    rows = embedder.embed(track, 0, 25)["rows"]

    assert len(rows) == 32 + 4
    assert np.array_equal(rows[:2], rows[[2, 2]])
    assert np.array_equal(rows[-2:], rows[[-3, -3]])
    assert windows(rows).shape == (32, 5, 3, 32)


def test_figures_go_through_the_tasks_folder(embedder: Hallo2SpeechEmbedder, tmp_path: Path) -> None:
    track = track_of(embedder, tmp_path / "speech.wav", noise(16_000))
    save_arrays(tmp_path / "loudness.npz", track.loudness)

    stored = load_arrays(tmp_path / "loudness.npz")

    assert {"mean", "variance"} <= set(stored)
    assert all(np.array_equal(stored[name], values) for name, values in track.loudness.items())


def test_without_a_separator_speech_is_used_as_recorded(embedder: Hallo2SpeechEmbedder, tmp_path: Path) -> None:
    source = write_recording(tmp_path / "upload", "mp3", 1.0)

    remarks = embedder.decode(source, tmp_path / "speech.wav", LIMITS)

    assert remarks == ["speech used as recorded: audio_separator/Kim_Vocal_2.onnx is not there"]
    assert wav_length(tmp_path / "speech.wav") > 15_000


def test_separator_is_used_from_the_moment_it_is_there(own_layout: WeightsLayout, tmp_path: Path) -> None:
    source = write_recording(tmp_path / "upload", "wav", 1.0)
    embedder = Hallo2SpeechEmbedder(own_layout, "cpu")
    before = embedder.version

    write_separator(own_layout.vocal_separator)
    remarks = embedder.decode(source, tmp_path / "speech.wav", LIMITS)

    assert remarks == ["vocals separated with Kim_Vocal_2.onnx"]
    assert wav_length(tmp_path / "speech.wav") == 16_000
    assert embedder.version != before


def test_recording_without_a_voice_is_remarked_on(own_layout: WeightsLayout, tmp_path: Path) -> None:
    source = write_recording(tmp_path / "upload", "wav", 1.0)
    write_separator(own_layout.vocal_separator, gain=0)
    embedder = Hallo2SpeechEmbedder(own_layout, "cpu")

    remarks = embedder.decode(source, tmp_path / "speech.wav", LIMITS)

    assert "no voice was found" in remarks[1]


def test_silence_has_finite_features(embedder: Hallo2SpeechEmbedder, tmp_path: Path) -> None:
    track = track_of(embedder, tmp_path / "speech.wav", np.zeros(16_000, np.int16))

    assert np.isfinite(embedder.embed(track, 0, 25)["rows"]).all()


def test_missing_speech_model_is_noticed_before_vocals_are_separated(tmp_path: Path) -> None:
    layout = WeightsLayout(tmp_path / "weights")
    write_separator(layout.vocal_separator)
    source = write_recording(tmp_path / "upload", "wav", 1.0)

    with pytest.raises(UnusableModelFile, match=r"wav2vec2-base-960h/config\.json .* missing"):
        Hallo2SpeechEmbedder(layout, "cpu").decode(source, tmp_path / "speech.wav", LIMITS)

    assert not (tmp_path / "speech.wav").exists()


def test_too_little_memory_is_an_error_of_its_own_and_the_next_stretch_is_heard(
    embedder: Hallo2SpeechEmbedder, tmp_path: Path
) -> None:
    track = track_of(embedder, tmp_path / "speech.wav", noise(16_000))
    layer = embedder._encoder._encoder._model.encoder.layers[0]
    layer.forward = memory = Scarce(layer.forward, fits=0)

    with pytest.raises(OutOfMemory):
        embedder.embed(track, 0, 25)

    memory.fits = 1
    assert embedder.embed(track, 0, 25)["rows"].shape == (36, 3, 32)
