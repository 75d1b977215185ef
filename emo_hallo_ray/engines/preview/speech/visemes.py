"""What the mouth does: a table says it for every viseme, smoothing turns the steps into movement."""

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from emo_hallo_ray.engines.base import FPS
from emo_hallo_ray.engines.preview.speech.closures import lip_closure
from emo_hallo_ray.engines.preview.speech.features import HOPS_PER_S, Floats
from emo_hallo_ray.engines.preview.speech.recognition import Recognition

HOPS_PER_FRAME = HOPS_PER_S // FPS
CONTEXT_HOPS = 200  # the slowest smoothing reaches 4 sigmas of 42 hops to either side

PAUSE_HOPS = 51  # in shorter pauses the mouth waits, in longer ones it goes back to how the portrait shows it

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
SILENCE, LABIAL = (list(TARGETS).index(name) for name in ("SIL", "BMP"))
# how far a sound colours its neighbours, in hops of 10 ms; a closure must stay sharp and has its own rule
SMOOTHING_HOPS = {"jaw": 3.8, "width": 4.0, "round": 4.0, "upper": 4.0, "tuck": 1.5}


def mouth_curves(heard: Recognition) -> Floats:
    """One row per video frame, its columns named by `MOUTH_CURVES`; the hops are those of whole frames."""
    posteriors = heard.posteriors
    # class by class: a matrix product may round a row by its place, and windows would differ by a hair
    targets = sum(posteriors[:, i, None] * target for i, target in enumerate(TARGET_TABLE))
    smooth = {
        name: gaussian_filter1d(targets[:, MOUTH_CURVES.index(name)], sigma, mode="nearest")
        for name, sigma in SMOOTHING_HOPS.items()
    }
    level: Floats = np.clip(heard.level_db / np.float32(25) + 1, 0, 1.1)
    slow_level = gaussian_filter1d(level, 12)
    silence = gaussian_filter1d(posteriors[:, SILENCE], 6)
    long_silence = minimum_filter1d((silence > 0.6).astype(np.float32), PAUSE_HOPS)
    closure = np.repeat(lip_closure(posteriors[:, LABIAL], HOPS_PER_FRAME), HOPS_PER_FRAME)
    curves = {
        "jaw": _limit_softly(smooth["jaw"] * (0.80 + 0.65 * gaussian_filter1d(level, 4))),
        "width": smooth["width"],
        "round": smooth["round"],
        "close": closure * np.clip(1.4 - 1.2 * silence, 0, 1),
        "upper": smooth["upper"],
        "tuck": np.clip(smooth["tuck"] * 1.3, 0, 1) * 0.8,
        "rest": gaussian_filter1d(long_silence, 10),
        "emphasis": np.clip(slow_level - gaussian_filter1d(slow_level, 30), 0, 1),
    }
    # hops 0..3 are the first frame; its middle lies between hops 1 and 2
    by_hop = np.stack([curves[name] for name in MOUTH_CURVES], axis=1)
    rows: Floats = by_hop[HOPS_PER_FRAME // 2 :: HOPS_PER_FRAME].astype(np.float32)
    return rows


def _limit_softly(jaw: Floats, knee: float = 0.5, room: float = 0.42) -> Floats:
    above = np.maximum(jaw - knee, 0)
    limited: Floats = np.minimum(jaw, knee) + room * (1 - np.exp(-above / room))
    return limited
