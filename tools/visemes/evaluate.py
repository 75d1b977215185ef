"""How well mouth curves follow what was said: closures, lag, correlation.

    python -m tools.visemes.evaluate [another_network.onnx ...]

compares networks, the shipped one first, on voices and languages that ours was not trained on.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter1d

from emo_hallo_ray.engines.base import FPS
from emo_hallo_ray.engines.preview.speech.features import HOPS_PER_S, spectrum_of
from emo_hallo_ray.engines.preview.speech.recognition import Recognition, network_input
from emo_hallo_ray.engines.preview.speech.visemes import HOPS_PER_FRAME, MOUTH_CURVES, TARGET_TABLE, mouth_curves
from emo_hallo_ray.faces.models import open_model
from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ, Samples
from tools.visemes.examples import measure
from tools.visemes.heldout import NOISES, SNRS_DB, in_noise, speak_held_out
from tools.visemes.labels import LabelledSpeech, Labels, to_hops
from tools.visemes.phonemes import CLASSES, is_vowel

Curves = NDArray[np.float32]
CurvesOf = Callable[[Samples], Curves]
JAW, WIDTH, ROUND, CLOSE = (MOUTH_CURVES.index(name) for name in ("jaw", "width", "round", "close"))
# how far a sound colours its neighbours: the Gaussian of jaw, width, rounding and closure
COARTICULATION_S = (0.045, 0.05, 0.055, 0.022)
OPEN_JAW = 0.35  # of the target, from which on a vowel's mouth must not be closed
LAGS_FRAMES = range(-3, 4)
FRAME_SAMPLES = SAMPLE_RATE_HZ // FPS


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Compare viseme networks.")
    parser.add_argument("networks", type=Path, nargs="*", help="ONNX files to compare with the shipped one")
    networks = {"shipped": open_model("viseme_net")}
    for path in parser.parse_args().networks:
        networks[str(path)] = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    spoken = speak_held_out()
    for name, network in networks.items():
        rows = score(spoken, partial(curves_by, network))
        table = Table(*rows[0], title=name)
        for row in rows:
            table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
        Console().print(table)


@dataclass(frozen=True)
class Figures:
    """Means over utterances.

    Attributes:
        closed: share of m, b and p with a closed frame within ±1 frame.
        wrongly_closed: share of the frames of open vowels.
        closed_consonants: share of the frames of other consonants, apart from those near m, b, p, f, v and pauses.
        jaw, opening, width, rounding: correlation with the coarticulated targets.
        lag_frames: at which the jaw correlates best; positive where the mouth is late.
        open_jaw: 90th percentile of the jaw on AA, AE and AO.
        rounded: median rounding in the middle of UW and W.
    """

    closed: float
    wrongly_closed: float
    closed_consonants: float
    jaw: float
    opening: float
    width: float
    rounding: float
    lag_frames: int
    open_jaw: float
    rounded: float


def target_curves(speech: LabelledSpeech, n_frames: int) -> Curves:
    """What jaw, width, rounding and closure should be, (F, 4), at the middle of every frame."""
    labels = to_hops(speech.segments, n_frames * HOPS_PER_FRAME)
    targets = TARGET_TABLE[labels]
    smooth = [
        gaussian_filter1d(targets[:, i], sigma_s * HOPS_PER_S, mode="nearest")
        for i, sigma_s in enumerate(COARTICULATION_S)
    ]
    curves: Curves = np.stack(smooth, axis=1)[HOPS_PER_FRAME // 2 :: HOPS_PER_FRAME]
    return curves


def is_closed(mouth: Curves) -> NDArray[np.bool_]:
    """Whether a viewer would call the lips closed, (F,)."""
    closed: NDArray[np.bool_] = (mouth[:, CLOSE] > 0.5) | (opening_of(mouth) < 0.1)
    return closed


def opening_of(mouth: Curves) -> Curves:
    """(F,) what is left of the jaw's opening between the lips."""
    opening: Curves = mouth[:, JAW] * (1 - mouth[:, CLOSE])
    return opening


def score(spoken: Mapping[str, Sequence[LabelledSpeech]], curves_of: CurvesOf) -> list[dict[str, object]]:
    """Figures of every kind of speech, clean and at each level of noise; of noises their mean."""
    rows: list[dict[str, object]] = []
    for kind, clean in spoken.items():
        rows.append({"speech": kind, "noise": "none", **asdict(compare(clean, curves_of))})
        for snr_db in SNRS_DB:
            by_noise = [asdict(compare(in_noise(clean, noise, snr_db), curves_of)) for noise in NOISES]
            means = {name: float(np.mean([figures[name] for figures in by_noise])) for name in by_noise[0]}
            rows.append({"speech": kind, "noise": f"{snr_db} dB", **means})
    return rows


def curves_by(network: onnxruntime.InferenceSession, samples: Samples) -> Curves:
    """Mouth curves of a recording in memory, by any network."""
    spectrum = spectrum_of(np.pad(samples, (0, -len(samples) % FRAME_SAMPLES)))
    figures = measure(spectrum, 0, len(spectrum.level_db))
    features = network_input(spectrum, figures)
    posteriors = network.run(["posteriors"], {"features": features[None]})[0][0]
    return mouth_curves(Recognition(posteriors, spectrum.level_db - figures.level_db))


def compare(spoken: Sequence[LabelledSpeech], curves_of: CurvesOf) -> Figures:
    """Compare mouth curves with what was said."""
    hits: list[bool] = []
    wrong: list[bool] = []
    consonants: list[bool] = []
    jaws: list[float] = []
    rounded: list[float] = []
    correlations: list[list[float]] = []
    by_lag: list[list[float]] = []
    for speech in spoken:
        mouth = curves_of(speech.samples)
        target = target_curves(speech, len(mouth))
        closed = is_closed(mouth)
        hits += _hits(speech, closed)
        labels = to_hops(speech.segments, len(mouth) * HOPS_PER_FRAME)[HOPS_PER_FRAME // 2 :: HOPS_PER_FRAME]
        vowel = np.array([is_vowel(CLASSES[label]) for label in labels]) & (target[:, JAW] > OPEN_JAW)
        wrong += closed[vowel].tolist()
        consonants += closed[_open_consonants(speech, labels)].tolist()
        names = np.array(CLASSES)[labels]
        jaws += mouth[np.isin(names, ("AA", "AE", "AO")) & vowel, JAW].tolist()
        rounded += mouth[np.isin(names, ("UW", "W")), ROUND].tolist()
        target_opening = target[:, JAW] * (1 - target[:, CLOSE])
        pairs = [(mouth[:, i], target[:, i]) for i in (JAW, WIDTH, ROUND)] + [(opening_of(mouth), target_opening)]
        correlations.append([_correlation(*pair) for pair in pairs])
        by_lag.append([_correlation(*_shifted(mouth[:, JAW], target[:, JAW], lag)) for lag in LAGS_FRAMES])
    jaw, width, rounding, opening = np.mean(correlations, axis=0).tolist()
    return Figures(
        closed=float(np.mean(hits)),
        wrongly_closed=float(np.mean(wrong)),
        closed_consonants=float(np.mean(consonants)) if consonants else 0.0,
        jaw=jaw,
        opening=opening,
        width=width,
        rounding=rounding,
        lag_frames=LAGS_FRAMES[int(np.mean(by_lag, axis=0).argmax())],
        open_jaw=float(np.percentile(jaws, 90)),
        rounded=float(np.median(rounded)),
    )


def _hits(speech: LabelledSpeech, closed: NDArray[np.bool_]) -> Iterator[bool]:
    for segment in speech.segments:
        if segment.viseme == "BMP":
            first, last = (int(time_s * FPS) for time_s in (segment.start_s, segment.end_s - 1e-6))
            yield bool(closed[max(0, first - 1) : last + 2].any())


def _open_consonants(speech: LabelledSpeech, labels: Labels) -> NDArray[np.bool_]:
    """Frames of consonants that no closing of the lips is near to."""
    consonants = np.array([not is_vowel(CLASSES[label]) for label in labels])
    for segment in speech.segments:
        if segment.viseme in ("BMP", "FV", "SIL"):
            consonants[max(0, int(segment.start_s * FPS) - 1) : int(segment.end_s * FPS) + 2] = False
    return consonants


def _shifted(mouth: Curves, target: Curves, lag: int) -> tuple[Curves, Curves]:
    n_frames = len(mouth)
    return mouth[max(0, lag) : n_frames + min(0, lag)], target[max(0, -lag) : n_frames - max(0, lag)]


def _correlation(a: Curves, b: Curves) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 and b.std() > 1e-6 else 0.0


if __name__ == "__main__":
    main()
