"""When the lips close: m, b and p are the sounds whose absence everybody sees."""

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from emo_hallo_ray.engines.preview.speech.features import Floats

SMOOTHING_HOPS = 1.0
# In noise the network is seldom sure of a closure. A missed one is worse than one too many, and the most likely moment
# among its neighbours counts long before it is more likely than not.
LEAST_POSTERIOR = 0.06
NEIGHBOUR_HOPS = 9


def lip_closure(posterior: Floats, hops_per_frame: int) -> Floats:
    """How far the lips are closed in every frame, (F,) in 0..1.

    Args:
        posterior: (T,) probability of m, b or p at every hop; T is a multiple of `hops_per_frame`.
    """
    smooth = gaussian_filter1d(posterior, SMOOTHING_HOPS)
    is_peak = (smooth > LEAST_POSTERIOR) & (smooth == maximum_filter1d(smooth, NEIGHBOUR_HOPS))
    by_frame = smooth.reshape(-1, hops_per_frame)
    # a closure of less than half a frame's 40 ms still gets the frame in which it is deepest
    closure: Floats = np.where(is_peak.reshape(-1, hops_per_frame).any(axis=1), 1, by_frame.mean(axis=1))
    return closure.astype(np.float32)
