"""wav2vec2 against the original, stage by stage, and against transformers' own walk through the network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2Model

from emo_hallo_ray.speech.checkpoint import load_wav2vec
from emo_hallo_ray.speech.encoder import BLOCK_FEATURES, LEAST_FEATURES, SpeechEncoder
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.scarce_memory import Scarce

from .conftest import Golden, noise, recording_of

TOLERANCE = 2e-5


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("run", [0, 1, 2])
def test_every_stage_gives_what_the_original_gave(golden: Golden, tmp_path: Path, run: int) -> None:
    recording = golden.recording(tmp_path, run)
    n_rows = recording.length.n_rows
    n_features = golden.encoder.n_features(recording.length.n_padded_samples)

    normalised = recording.read(0, recording.length.n_samples)
    with torch.inference_mode():
        features = golden.encoder.conv_features(recording, 0, n_features)
        interpolated = golden.encoder.interpolated(recording, 0, n_rows)
        encoder_input = golden.encoder.encoder_input(golden.encoder.project(interpolated))
    rows = golden.encoder.encode(recording, 0, n_rows, n_context_rows=0)

    assert n_features == golden.runs[run]["conv_frames"]
    assert difference(normalised[::8], golden.outputs[f"normalised_s8.{run}"]) < TOLERANCE
    assert difference(features.numpy().T, golden.outputs[f"conv_features.{run}"]) < TOLERANCE
    assert difference(interpolated.numpy()[:, ::4], golden.outputs[f"interpolated_s4.{run}"]) < TOLERANCE
    assert difference(encoder_input.numpy(), golden.outputs[f"encoder_input.{run}"]) < TOLERANCE
    assert difference(rows, golden.outputs[f"audio_emb.{run}"]) < TOLERANCE


def test_conv_features_in_blocks_are_those_of_one_pass(layout: WeightsLayout, tmp_path: Path) -> None:
    model = load_wav2vec(layout.wav2vec_folder)
    encoder = SpeechEncoder(model)
    recording = recording_of(tmp_path / "long.wav", noise(25 * 16_000))
    n_features = encoder.n_features(recording.length.n_padded_samples)
    assert n_features > 2 * BLOCK_FEATURES

    with torch.inference_mode():
        ours = encoder.conv_features(recording, 0, n_features).numpy()
        samples = torch.from_numpy(recording.read(0, recording.length.n_padded_samples))
        theirs = model.feature_extractor(samples[None])[0].T.numpy()

    assert difference(ours, theirs) < 1e-5


def test_convolutions_that_do_not_fit_take_shorter_blocks(layout: WeightsLayout, tmp_path: Path) -> None:
    model = load_wav2vec(layout.wav2vec_folder)
    encoder = SpeechEncoder(model)
    recording = recording_of(tmp_path / "long.wav", noise(12 * 16_000))
    undisturbed = encoder.encode(recording, 0, recording.length.n_rows, n_context_rows=0)
    second = model.feature_extractor.conv_layers[1]
    second.forward = memory = Scarce(second.forward, fits=9_000, measure=lambda signal: signal.shape[-1])

    in_parts = [encoder.encode(recording, 0, recording.length.n_rows, n_context_rows=0) for _ in range(2)]

    assert all(difference(rows, undisturbed) < 1e-5 for rows in in_parts)
    assert sum(size > memory.fits for size in memory.asked) == 2  # 500, 250
    assert encoder.blocks.size == BLOCK_FEATURES // 4


def test_shortest_blocks_are_the_last_that_are_tried(layout: WeightsLayout, tmp_path: Path) -> None:
    model = load_wav2vec(layout.wav2vec_folder)
    encoder = SpeechEncoder(model)
    second = model.feature_extractor.conv_layers[1]
    second.forward = Scarce(second.forward, fits=0)

    with pytest.raises(torch.OutOfMemoryError):
        encoder.encode(recording_of(tmp_path / "long.wav", noise(32_000)), 0, 50, n_context_rows=0)

    assert encoder.blocks.size == LEAST_FEATURES


def test_layers_before_attention_do_not_notice_where_a_stretch_begins(layout: WeightsLayout, tmp_path: Path) -> None:
    encoder = SpeechEncoder.load(layout.wav2vec_folder)
    recording = recording_of(tmp_path / "long.wav", noise(30 * 16_000 + 777))

    with torch.inference_mode():
        whole = encoder.interpolated(recording, 0, recording.length.n_rows).numpy()
        part = encoder.interpolated(recording, 333, 200).numpy()

    assert difference(part, whole[333:533]) < 1e-6


def test_interpolation_is_torchs_with_aligned_corners(layout: WeightsLayout, tmp_path: Path) -> None:
    encoder = SpeechEncoder.load(layout.wav2vec_folder)
    recording = recording_of(tmp_path / "short.wav", noise(47_000))
    n_rows = recording.length.n_rows

    with torch.inference_mode():
        features = encoder.conv_features(recording, 0, encoder.n_features(recording.length.n_padded_samples))
        ours = encoder.interpolated(recording, 0, n_rows).numpy()
        theirs = torch.nn.functional.interpolate(features.T[None], n_rows, mode="linear", align_corners=True)[0].T

    assert difference(ours, theirs.numpy()) < 1e-5


def test_layers_are_those_that_transformers_runs(layout: WeightsLayout, tmp_path: Path) -> None:
    model: Wav2Vec2Model = load_wav2vec(layout.wav2vec_folder)
    encoder = SpeechEncoder(model)
    recording = recording_of(tmp_path / "short.wav", noise(32_000))

    rows = encoder.encode(recording, 0, recording.length.n_rows, n_context_rows=0)
    with torch.inference_mode():
        projected = encoder.project(encoder.interpolated(recording, 0, recording.length.n_rows))
        theirs = model.encoder(projected[None]).last_hidden_state[0].numpy()

    assert rows.shape == (64, 3, 32)
    assert difference(rows[:, -1], theirs) < 1e-6


def test_shortest_recording_has_the_rows_of_one_clip(layout: WeightsLayout, tmp_path: Path) -> None:
    recording = recording_of(tmp_path / "short.wav", noise(160))

    rows = SpeechEncoder.load(layout.wav2vec_folder).encode(recording, 0, 16, n_context_rows=0)

    assert rows.shape == (16, 3, 32)
    assert np.isfinite(rows).all()
