"""What enlarges a video here, decided once per task. Cheap: stat calls, no torch."""

from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from emo_hallo_ray.errors import EngineUnavailable
from emo_hallo_ray.super_resolution.lanczos import METHOD as LANCZOS
from emo_hallo_ray.tasks.model import TaskParams
from emo_hallo_ray.weights.layout import WeightsLayout

REMEDY = "emo-hallo models download --engine super-resolution"


@dataclass(frozen=True)
class Settled:
    """Which networks run, and why the others do not."""

    restore_faces: bool
    restore_background: bool
    reason: str

    @property
    def method(self) -> str:
        """What tasks and logs call it."""
        return method_name(self.restore_faces, self.restore_background)


NOTHING = Settled(False, False, "nothing is enlarged")


def method_name(restore_faces: bool, restore_background: bool) -> str:
    """What draws faces, and what the rest: "lanczos" is neither."""
    background = "realesrgan" if restore_background else LANCZOS
    return f"codeformer+{background}" if restore_faces else background


def method_of(params: TaskParams) -> str | None:
    """What enlarges a task's video; None where nothing does."""
    return None if params.upscale == 1 else method_name(params.restore_faces, params.restore_background)


def describe(params: TaskParams) -> str:
    """For a task's log: what enlarges, and what is only resampled."""
    drawn = {"faces": params.restore_faces, "background": params.restore_background}
    text = f"enlarging {params.upscale}× by {method_of(params)}"
    if resampled := [name for name, is_drawn in drawn.items() if not is_drawn]:
        text += f"; only resampled: {' and '.join(resampled)} (switched off, or no weights; get them with: {REMEDY})"
    return text


def settle_method(
    root: Path, restore_faces: bool | None, restore_background: bool | None, kept: Collection[str] = ()
) -> Settled:
    """Decide what enlarges: networks where their weights are, unless they are switched off.

    Args:
        root: folder of the weights.
        restore_faces, restore_background: None is "where it can be done", True is "or not at all".
        kept: files that are not there yet, but can be fetched.

    Raises:
        EngineUnavailable: something that must be done cannot.
    """
    layout = WeightsLayout(root)
    lacking = [
        _lacking("restore_faces", layout.restorer, root, restore_faces, kept),
        _lacking("restore_background", layout.background_upscaler, root, restore_background, kept),
    ]
    missing = sorted({lack for lack in lacking if lack})
    reason = f"{', '.join(missing)}; get it with: {REMEDY}" if missing else "as asked for, with its weights"
    faces, background = (
        asked is not False and not lack
        for asked, lack in zip((restore_faces, restore_background), lacking, strict=True)
    )
    return Settled(faces, background, reason)


def _lacking(field: str, path: Path, root: Path, asked: bool | None, kept: Collection[str]) -> str:
    """What the network lacks, or nothing. Not looked at where it is switched off."""
    if asked is False:
        return ""
    lack, name = "", path.relative_to(root).as_posix()
    if find_spec("torch") is None:
        lack = "torch is not installed"
    elif not (name in kept or (path.is_file() and path.stat().st_size > 0)):
        lack = f"{name} is missing"
    if lack and asked:
        raise EngineUnavailable(f"{field} cannot be done here: {lack}", f"{REMEDY}; or leave the field out")
    return lack
