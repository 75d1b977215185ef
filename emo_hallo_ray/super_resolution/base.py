"""What makes frames larger, as the rest of the project sees it."""

from dataclasses import dataclass
from typing import Protocol

from emo_hallo_ray.media.frames import Frames


class Enlarger(Protocol):
    """Frames in, enlarged frames out, in order, possibly some frames later.

    It serves one video: networks that look at neighbouring frames hold some back until they have seen what follows.
    `push` and `finish` are called from one thread, which need not be the one that made the enlarger.

    Attributes:
        method: what tasks and logs call it, such as "lanczos".
    """

    method: str

    def push(self, frames: Frames) -> Frames:
        """Take (F, H, W, 3) RGB and give (G, factor × H, factor × W, 3), in which G may be another number, even 0."""
        ...

    def finish(self) -> Frames:
        """What was held back; nothing can be pushed afterwards."""
        ...


@dataclass(frozen=True)
class EnlargeOptions:
    """How somebody wants a video enlarged.

    Attributes:
        factor: 2 or 4.
        fidelity_weight: of restored faces, from 0, which looks best, to 1, which keeps most of the original.
        restore_faces: draw faces anew with a network; None is where there are weights for it.
        restore_background: the same for everything else.
    """

    factor: int = 2
    fidelity_weight: float = 0.5
    restore_faces: bool | None = None
    restore_background: bool | None = None
