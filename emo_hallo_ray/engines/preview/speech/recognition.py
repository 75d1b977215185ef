"""Which viseme is heard when: a small network's answer, a hundred times a second."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emo_hallo_ray.engines.preview.speech.features import Floats, Spectrum, read_spectrum
from emo_hallo_ray.engines.preview.speech.loudness import Loudness
from emo_hallo_ray.faces.models import open_model

MEL_SCALE_DB = 15.0
FLOOR_BELOW_LOUD_DB = 55.0  # of mel bands: what is fainter says nothing of the mouth, and differs between recordings
# The network hears a recording in tiles that begin at multiples of 2 s, whichever part of it is asked for: sums of
# other lengths are rounded otherwise, and the same frame would move by a hair with the place of a cut.
TILE_HOPS = 200
REACH_HOPS = 50  # that the network hears to either side of a hop, at most


@dataclass(frozen=True)
class Recognition:
    """Attributes:
    posteriors: (T, 18) probability of every viseme at every hop.
    level_db: (T,) level relative to the loud parts of the speech around.
    """

    posteriors: Floats
    level_db: Floats


def recognize_visemes(path: Path, loudness: Loudness, first_hop: int, n_hops: int) -> Recognition:
    """Listen to a stretch of a recording; the result is equal to the bit wherever the stretch begins and ends."""
    first_tile, last_tile = first_hop // TILE_HOPS, (first_hop + n_hops - 1) // TILE_HOPS
    tiles = [_recognize_tile(path, loudness, tile * TILE_HOPS) for tile in range(first_tile, last_tile + 1)]
    asked = slice(first_hop - first_tile * TILE_HOPS, first_hop - first_tile * TILE_HOPS + n_hops)
    return Recognition(
        posteriors=np.concatenate([tile.posteriors for tile in tiles])[asked],
        level_db=np.concatenate([tile.level_db for tile in tiles])[asked],
    )


def network_input(spectrum: Spectrum, loudness: Loudness) -> Floats:
    """Mel bands relative to their mean, and the level: (T, 33), mostly in [-3, 2]. `loudness` is that of the hops."""
    mel_db = np.maximum(spectrum.mel_db, loudness.bright_db[:, None] - FLOOR_BELOW_LOUD_DB)
    mel = (mel_db - loudness.mel_mean_db) / MEL_SCALE_DB
    level = np.clip((spectrum.bright_db - loudness.bright_db) / MEL_SCALE_DB, -5, 1)
    features: Floats = np.concatenate([mel, level[:, None]], axis=1).astype(np.float32)
    return features


def _recognize_tile(path: Path, loudness: Loudness, first_hop: int) -> Recognition:
    first, n_hops = first_hop - REACH_HOPS, TILE_HOPS + 2 * REACH_HOPS
    spectrum, figures = read_spectrum(path, first, n_hops), loudness.at(first, n_hops)
    features = network_input(spectrum, figures)
    posteriors = open_model("viseme_net").run(["posteriors"], {"features": features[None]})[0][0]
    middle = slice(REACH_HOPS, -REACH_HOPS)
    return Recognition(posteriors[middle], (spectrum.level_db - figures.level_db)[middle])
