"""The portrait side over tiny face models and a real portrait."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from emo_hallo_ray.engines.base import Arrays
from emo_hallo_ray.engines.hallo2.portrait import MIN_FACE_SHARE, Hallo2PortraitPreparer
from emo_hallo_ray.errors import FaceTooSmall, NoFaceFound, UnusableModelFile
from emo_hallo_ray.faces.identity import IdentityModel
from emo_hallo_ray.faces.keypoints import mesh_keypoints
from emo_hallo_ray.faces.landmarks import FEATURES, LEFT_SIDE, OVAL, RIGHT_SIDE
from emo_hallo_ray.faces.regions import LIPS
from emo_hallo_ray.faces.selection import find_main_face
from emo_hallo_ray.weights.layout import WeightsLayout
from tests.tiny_models.faces import write_identity, write_scrfd
from tests.unit.faces.test_steady import covered_mouth

SAMPLE = Path(__file__).parents[4] / "samples" / "portrait.jpg"
FRAME_PX = 256
REGIONS = ("full", "face", "lip")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """(512, 512, 3); the face takes a fifth of it."""
    return np.array(Image.open(SAMPLE).convert("RGB"))


@pytest.fixture(scope="module")
def close_up(picture: np.ndarray) -> np.ndarray:
    """(220, 220, 3), a portrait as Hallo2 wants them: the face takes half of it."""
    return np.ascontiguousarray(picture[20:240, 110:330])


@pytest.fixture
def layout(tmp_path: Path) -> WeightsLayout:
    """An identity model, and no detector."""
    layout = WeightsLayout(tmp_path / "weights")
    write_identity(layout.face_identity)
    return layout


@pytest.fixture
def arrays(layout: WeightsLayout, close_up: np.ndarray) -> Arrays:
    return Hallo2PortraitPreparer(layout, FRAME_PX).prepare(close_up)[0]


def face_share(image: np.ndarray) -> float:
    return float(np.ptp(find_main_face(image).points[OVAL, :2], axis=0).max()) / image.shape[0]


def narrowness(image: np.ndarray) -> float:
    """Of the face, by the mesh: its width over its height."""
    points = find_main_face(image).points
    width = np.linalg.norm(points[RIGHT_SIDE, :2] - points[LEFT_SIDE, :2])
    return float(width / np.linalg.norm(points[OVAL[0], :2] - points[OVAL[18], :2]))


def see(layout: WeightsLayout, keypoints: np.ndarray, side_px: int) -> None:
    """Write a detector that sees a face with these points of a square picture."""
    places = keypoints * (640 / side_px)
    box = np.concatenate([places.min(axis=0) - 50, places.max(axis=0) + 50])
    write_scrfd(layout.face_detector, [(0.9, box, places)])


def test_generator_finds_all_it_reads(arrays: Arrays) -> None:
    shapes = {name: (array.shape, array.dtype.type) for name, array in arrays.items()}

    assert shapes == {
        "pixels": ((FRAME_PX, FRAME_PX, 3), np.uint8),
        "identity": ((512,), np.float32),
        "face_region": ((FRAME_PX, FRAME_PX), np.uint8),
        **{
            f"{region}_mask.{level}": ((1, (FRAME_PX // 8 // 2**level) ** 2), np.float32)
            for region in REGIONS
            for level in range(4)
        },
    }
    for region in REGIONS:
        for level in range(4):
            assert 0 <= arrays[f"{region}_mask.{level}"].min() < arrays[f"{region}_mask.{level}"].max() <= 1


def test_preparing_twice_gives_equal_bytes(layout: WeightsLayout, close_up: np.ndarray, arrays: Arrays) -> None:
    again, remarks = Hallo2PortraitPreparer(layout, FRAME_PX).prepare(close_up)

    assert remarks == []
    assert all(arrays[name].tobytes() == array.tobytes() for name, array in again.items())


def test_portrait_as_hallo2_wants_it_is_used_whole(close_up: np.ndarray, arrays: Arrays) -> None:
    as_the_original_does = Image.fromarray(close_up).resize((FRAME_PX, FRAME_PX), Image.Resampling.BILINEAR)

    assert np.array_equal(arrays["pixels"], np.array(as_the_original_does))


def test_of_a_nearly_square_portrait_the_rest_is_cut_off(
    layout: WeightsLayout, close_up: np.ndarray, picture: np.ndarray
) -> None:
    arrays, _ = Hallo2PortraitPreparer(layout, 220).prepare(picture[20:240, 108:332])

    assert np.array_equal(arrays["pixels"], close_up)


@pytest.mark.parametrize(
    "part",
    [np.s_[:, :], np.s_[:, 100:350], np.s_[20:240, :], np.s_[60:210, 150:290]],
    ids=["far", "tall", "wide", "near"],
)
def test_other_pictures_are_cut_around_the_face_which_is_never_squeezed(
    layout: WeightsLayout, picture: np.ndarray, part: tuple[slice, slice]
) -> None:
    arrays, _ = Hallo2PortraitPreparer(layout, FRAME_PX).prepare(picture[part])

    assert MIN_FACE_SHARE < face_share(arrays["pixels"]) < 0.8
    assert narrowness(arrays["pixels"]) == pytest.approx(narrowness(picture), rel=0.05)


@pytest.mark.parametrize("part", [np.s_[20:240, 110:330], np.s_[:, :]], ids=["whole", "cut"])
def test_regions_lie_where_face_and_lips_are_in_the_frame(
    layout: WeightsLayout, picture: np.ndarray, part: tuple[slice, slice]
) -> None:
    arrays, _ = Hallo2PortraitPreparer(layout, FRAME_PX).prepare(picture[part])

    points = find_main_face(arrays["pixels"]).points[:, :2]
    region = arrays["face_region"]
    assert all(region[y, x] == 255 for x, y in np.rint(points[FEATURES]).astype(int))
    rows, columns = np.nonzero(region > 127)
    oval = points[OVAL]
    assert np.ptp(rows) == pytest.approx(1.2 * np.ptp(oval[:, 1]), rel=0.06)
    assert np.ptp(columns) == pytest.approx(1.2 * np.ptp(oval[:, 0]), rel=0.06)
    side = FRAME_PX // 8
    full, face, lip = (arrays[f"{name}_mask.0"].reshape(side, side) for name in REGIONS)
    middle_row, middle_column = points[LIPS].mean(axis=0)[::-1] / 8
    weight = lip / lip.sum()
    assert (weight.sum(axis=1) * (np.arange(side) + 0.5)).sum() == pytest.approx(middle_row, abs=1)
    assert (weight.sum(axis=0) * (np.arange(side) + 0.5)).sum() == pytest.approx(middle_column, abs=1)
    assert full[0, 0] > 0.9
    between_the_eyes = tuple((points[168][::-1] / 8).astype(int))
    assert face[between_the_eyes] > 0.7
    assert full[between_the_eyes] < 0.2


def test_identity_is_of_the_detectors_points(layout: WeightsLayout, close_up: np.ndarray) -> None:
    seen = mesh_keypoints(find_main_face(close_up).points) + np.array([3, -2])
    see(layout, seen, 220)

    arrays, _ = Hallo2PortraitPreparer(layout, FRAME_PX).prepare(close_up)

    expected = IdentityModel(layout.face_identity).embed(close_up, seen)
    assert arrays["identity"] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("others", ["nobody", "somebody else"])
def test_face_that_the_detector_does_not_see_is_known_by_the_mesh(
    layout: WeightsLayout, close_up: np.ndarray, arrays: Arrays, others: str
) -> None:
    if others == "nobody":
        write_scrfd(layout.face_detector, [])
    else:
        see(layout, mesh_keypoints(find_main_face(close_up).points) + np.array([90, 0]), 220)

    again, _ = Hallo2PortraitPreparer(layout, FRAME_PX).prepare(close_up)

    assert np.array_equal(again["identity"], arrays["identity"])


@pytest.mark.parametrize(("side_px", "error"), [(300, NoFaceFound), (130, FaceTooSmall)], ids=["nobody", "far away"])
def test_picture_that_cannot_be_animated_is_refused(
    layout: WeightsLayout, picture: np.ndarray, side_px: int, error: type[Exception]
) -> None:
    far_away = cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA)
    nobody = np.full((side_px, side_px, 3), 180, np.uint8)

    with pytest.raises(error):
        Hallo2PortraitPreparer(layout).prepare(nobody if error is NoFaceFound else far_away)


def test_owner_is_told_what_may_spoil_the_result(layout: WeightsLayout, picture: np.ndarray) -> None:
    covered = covered_mouth(picture, find_main_face(picture), "mask")
    two = np.concatenate([covered[:, :350], picture[:, 100:350]], axis=1)

    _, remarks = Hallo2PortraitPreparer(layout, 64).prepare(two)

    assert remarks[0] == "2 faces in the picture, the largest is animated"
    _, (remark,) = Hallo2PortraitPreparer(layout, 64).prepare(covered)
    assert "mouth seems to be covered" in remark


def test_owner_of_a_picture_that_ends_close_to_the_face_is_told(layout: WeightsLayout, picture: np.ndarray) -> None:
    _, (remark,) = Hallo2PortraitPreparer(layout, 64).prepare(picture[70:185, 165:280])

    assert "ends close to the face" in remark


def test_identity_model_is_required(layout: WeightsLayout, close_up: np.ndarray) -> None:
    layout.face_identity.unlink()

    with pytest.raises(UnusableModelFile, match=r"glintr100\.onnx cannot be used: it is missing"):
        Hallo2PortraitPreparer(layout).prepare(close_up)


def test_damaged_detector_is_not_passed_over(layout: WeightsLayout, close_up: np.ndarray) -> None:
    layout.face_detector.write_bytes(b"\x08\x08")

    with pytest.raises(UnusableModelFile, match=r"scrfd_10g_bnkps\.onnx cannot be used: it is damaged"):
        Hallo2PortraitPreparer(layout).prepare(close_up)


def test_version_tells_frames_and_models_apart(layout: WeightsLayout) -> None:
    versions = [Hallo2PortraitPreparer(layout, 512).version, Hallo2PortraitPreparer(layout, 256).version]
    write_scrfd(layout.face_detector, [])
    versions.append(Hallo2PortraitPreparer(layout, 512).version)
    write_scrfd(layout.face_detector, [(0.9, (0, 0, 64, 64), np.ones((5, 2)))])
    versions.append(Hallo2PortraitPreparer(layout, 512).version)
    write_identity(layout.face_identity, n_numbers=128)
    versions.append(Hallo2PortraitPreparer(layout, 512).version)

    assert len(set(versions)) == len(versions)
    assert "512" in versions[0]
    assert "mesh" in versions[0]
    assert "scrfd" in versions[2]
