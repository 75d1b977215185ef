"""Which pixels of a picture show a person, hair and clothes included? MediaPipe's selfie segmentation."""

import cv2
import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.faces.detector import Image
from emo_hallo_ray.faces.models import open_model

INPUT_PX = 256


def segment_person(image: Image) -> NDArray[np.float32]:
    """The probability of a person, (256, 256) over the whole of a square picture; takes about 5 ms.

    Most statues and some paintings are no persons to it: check that the result contains the face.
    """
    pixels = cv2.resize(image, (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA)
    model = open_model("selfie_segmentation")
    person: NDArray[np.float32] = model.run(["person"], {"input": pixels[None].astype(np.float32) / 255})[0][0]
    return person
