"""From sound to mouth curves: a small network names the viseme, a table says what the mouth does for it."""

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from emo_hallo_ray.engines.base import FPS
from emo_hallo_ray.engines.preview.features import HOPS_PER_S, Floats, Spectrum
from emo_hallo_ray.engines.preview.loudness import Loudness
from emo_hallo_ray.faces.models import open_model

HOPS_PER_FRAME = HOPS_PER_S // FPS
# the network sees 26 hops to either side; the slowest smoothing 4 sigmas of 30 hops beyond that
CONTEXT_HOPS = 200

MEL_SCALE_DB = 15.0
FLOOR_BELOW_LOUD_DB = 80.0  # of mel bands; the loudest are about 10 dB below the sum of all power
PAUSE_HOPS = 51  # in shorter pauses the mouth waits, in longer ones it goes back to how the portrait shows it
CLOSURE_GAIN = 2.2  # measured: 97 % of m, b and p close, 3 % of vowels do

MOUTH_CURVES = ("jaw", "width", "round", "close", "upper", "tuck", "rest", "emphasis")

#        jaw   width  round close upper tuck
TARGETS: Final = {
    "SIL": (0.00, 0.00, 0.00, 0.0, 0.00, 0.0),
    "BMP": (0.04, 0.00, 0.05, 1.0, 0.00, 0.0),
    "FV": (0.12, 0.10, 0.00, 0.0, 0.30, 1.0),
    "TH": (0.20, 0.10, 0.00, 0.0, 0.20, 0.0),
    "TDNL": (0.22, 0.12, 0.00, 0.0, 0.18, 0.0),
    "SZ": (0.12, 0.30, 0.00, 0.0, 0.30, 0.0),
    "SH": (0.16, -0.30, 0.50, 0.0, 0.40, 0.0),
    "KG": (0.28, 0.05, 0.00, 0.0, 0.15, 0.0),
    "R": (0.22, -0.30, 0.45, 0.0, 0.15, 0.0),
    "W": (0.16, -0.70, 0.95, 0.0, 0.10, 0.0),
    "IY": (0.28, 0.50, 0.00, 0.0, 0.30, 0.0),
    "EH": (0.55, 0.30, 0.00, 0.0, 0.30, 0.0),
    "AE": (0.85, 0.35, 0.00, 0.0, 0.35, 0.0),
    "AA": (0.75, 0.00, 0.02, 0.0, 0.22, 0.0),
    "AO": (0.75, -0.35, 0.50, 0.0, 0.20, 0.0),
    "OW": (0.50, -0.50, 0.70, 0.0, 0.15, 0.0),
    "UW": (0.28, -0.55, 0.80, 0.0, 0.12, 0.0),
    "ER": (0.38, -0.20, 0.35, 0.0, 0.15, 0.0),
}
TARGET_TABLE = np.array(list(TARGETS.values()), np.float32)
SILENCE = list(TARGETS).index("SIL")
# how far a sound colours its neighbours, in hops of 10 ms; a closure must stay sharp
SMOOTHING_HOPS = (3.8, 4.0, 4.0, 1.2, 4.0, 1.5)


def viseme_posteriors(spectrum: Spectrum, loudness: Loudness) -> Floats:
    """Probability of every viseme at every hop, (T, 18)."""
    mel_db = np.maximum(spectrum.mel_db, loudness.bright_db - FLOOR_BELOW_LOUD_DB)
    mel = (mel_db - loudness.mel_mean_db) / MEL_SCALE_DB
    energy = np.clip((spectrum.bright_db - loudness.bright_db) / MEL_SCALE_DB, -5, 1)
    features = np.concatenate([mel, energy[:, None]], axis=1).astype(np.float32)
    posteriors: Floats = open_model("viseme_net").run(["posteriors"], {"features": features[None]})[0][0]
    return posteriors


def mouth_curves(spectrum: Spectrum, loudness: Loudness) -> Floats:
    """One row per video frame, its columns named by `MOUTH_CURVES`, of a spectrum whose hops are whole frames."""
    posteriors = viseme_posteriors(spectrum, loudness)
    targets = posteriors @ TARGET_TABLE
    smooth = np.stack(
        [gaussian_filter1d(targets[:, i], sigma, mode="nearest") for i, sigma in enumerate(SMOOTHING_HOPS)]
    )
    jaw, width, rounding, close, upper, tuck = smooth
    level = np.clip((spectrum.level_db - loudness.level_db) / 25 + 1, 0, 1.1)
    silence = gaussian_filter1d(posteriors[:, SILENCE], 6)
    long_silence = minimum_filter1d((silence > 0.6).astype(np.float32), PAUSE_HOPS)
    slow_level = gaussian_filter1d(level, 12)
    # the frame's 40 ms decide, so that a closure as short as one frame is not missed
    close = maximum_filter1d(np.clip(close * CLOSURE_GAIN, 0, 1), HOPS_PER_FRAME)
    curves = (
        _limit_softly(jaw * (0.80 + 0.65 * gaussian_filter1d(level, 4))),
        width,
        rounding,
        close * np.clip(1.4 - 1.2 * silence, 0, 1),
        upper,
        np.clip(tuck * 1.3, 0, 1) * 0.8,
        gaussian_filter1d(long_silence, 10),
        np.clip(slow_level - gaussian_filter1d(slow_level, 30), 0, 1),
    )
    # hops 0..3 are the first frame; its middle lies between hops 1 and 2
    rows: Floats = np.stack(curves, axis=1)[HOPS_PER_FRAME // 2 :: HOPS_PER_FRAME].astype(np.float32)
    return rows


def _limit_softly(jaw: Floats, knee: float = 0.5, room: float = 0.42) -> Floats:
    above = np.maximum(jaw - knee, 0)
    limited: Floats = np.minimum(jaw, knee) + room * (1 - np.exp(-above / room))
    return limited
