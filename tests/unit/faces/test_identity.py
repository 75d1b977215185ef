from pathlib import Path

import cv2
import numpy as np
import pytest

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.faces.identity import TEMPLATE, IdentityModel, align_face
from emo_hallo_ray.faces.keypoints import mesh_keypoints
from emo_hallo_ray.faces.selection import MainFace
from tests.tiny_models.faces import POOL_PX, identity_matrix, write_identity


def test_embedding_is_the_networks_own_for_the_aligned_face(tmp_path: Path, portrait: np.ndarray) -> None:
    place = TEMPLATE * 2 + np.array([150, 60])
    model = IdentityModel(write_identity(tmp_path / "glintr100.onnx"))

    embedding = model.embed(portrait, place)

    # RGB, -1…1, channels first; not normalised
    pixels = align_face(portrait, place).astype(np.float32) / 127.5 - 1
    cells = pixels.reshape(112 // POOL_PX, POOL_PX, 112 // POOL_PX, POOL_PX, 3).mean(axis=(1, 3))
    assert embedding.shape == (512,)
    assert embedding.dtype == np.float32
    assert embedding == pytest.approx(cells.transpose(2, 0, 1).ravel() @ identity_matrix(), abs=1e-4)


def test_face_where_it_belongs_is_not_moved(portrait: np.ndarray) -> None:
    assert np.array_equal(align_face(portrait, TEMPLATE), portrait[:112, :112])


def test_turned_face_is_aligned_upright(portrait: np.ndarray, face: MainFace) -> None:
    points = mesh_keypoints(face.points)
    turn = cv2.getRotationMatrix2D((225, 125), 25, 0.8)
    turned = cv2.warpAffine(portrait, turn, (512, 512))

    aligned = align_face(turned, points @ turn[:, :2].T + turn[:, 2]).astype(float)

    assert np.abs(aligned - align_face(portrait, points)).mean() < 4


def test_beyond_the_picture_it_is_black(portrait: np.ndarray) -> None:
    aligned = align_face(portrait[:, :225], TEMPLATE + np.array([150, 60]))

    assert aligned[:, :70].mean() > 20
    assert np.all(aligned[:, 80:] == 0)


def test_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UnusableModelFile) as caught:
        IdentityModel(tmp_path / "face_analysis" / "models" / "glintr100.onnx")

    assert str(caught.value) == (
        "the face identity model face_analysis/models/glintr100.onnx cannot be used: it is missing "
        "(run: emo-hallo models download)"
    )


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = write_identity(tmp_path / "glintr100.onnx")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])

    with pytest.raises(UnusableModelFile, match=r"glintr100\.onnx cannot be used: it is damaged"):
        IdentityModel(path)


def test_error_page_under_the_models_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "glintr100.onnx"
    path.write_text("<html>404</html>")

    with pytest.raises(UnusableModelFile, match="it is damaged, cut short or no ONNX model"):
        IdentityModel(path)


def test_model_for_other_pictures_is_refused(tmp_path: Path) -> None:
    path = write_identity(tmp_path / "glintr100.onnx", input_px=96)

    with pytest.raises(
        UnusableModelFile, match=r"\[1, 3, 112, 112\], and reads tensor\(float\) \['batch', 3, 96, 96\]"
    ):
        IdentityModel(path)


def test_model_with_other_results_is_refused(tmp_path: Path, portrait: np.ndarray) -> None:
    model = IdentityModel(write_identity(tmp_path / "glintr100.onnx", n_numbers=128))

    with pytest.raises(UnusableModelFile, match=r"it should make \[\(1, 512\)\], and makes \[\(1, 128\)\]"):
        model.embed(portrait, TEMPLATE)
