"""Who is it? ArcFace's 512 numbers for a face, by InsightFace's `glintr100.onnx`."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.keypoints import similarity
from emo_hallo_ray.faces.released_model import Floats, ReleasedModel

INPUT_PX = 112
N_NUMBERS = 512
# where eyes, nose tip and mouth corners lie in all faces that ArcFace was trained on
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)

Image = NDArray[np.uint8]  # (H, W, 3) RGB


class IdentityModel:
    """The opened model."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            UnusableModelFile: it is missing, damaged or another model.
        """
        self._model = ReleasedModel(path, "face identity model", INPUT_PX)

    def embed(self, image: Image, keypoints: NDArray[np.floating]) -> Floats:
        """(512,) as the network makes it: Hallo2 was trained on embeddings that are not normalised.

        Args:
            keypoints: (5, 2) x and y of both eyes, nose tip, both mouth corners; of each pair first the image's left.

        Raises:
            UnusableModelFile: the model makes something else.
        """
        pixels = (align_face(image, keypoints).astype(np.float32) - 127.5) / 127.5
        outputs = self._model.run(pixels.transpose(2, 0, 1)[None])
        seen = [output.shape for output in outputs]
        if seen != [(1, N_NUMBERS)]:
            raise self._model.unusable(f"it should make {[(1, N_NUMBERS)]}, and makes {seen}")
        embedding: Floats = outputs[0][0]
        if not np.isfinite(embedding).all():
            raise self._model.unusable("it makes numbers that are not finite")
        return embedding


def align_face(image: Image, keypoints: NDArray[np.floating]) -> Image:
    """The face moved, turned and scaled to where ArcFace expects it, (112, 112, 3); black beyond the picture."""
    # plain bilinear also where a large face shrinks a lot, because ArcFace saw such pictures
    aligned: Image = cv2.warpAffine(image, similarity(keypoints, TEMPLATE), (INPUT_PX, INPUT_PX))
    return aligned
