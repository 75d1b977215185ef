import subprocess
import sys

from emo_hallo_ray.engines.preview import ENGINE


def test_importing_the_engine_loads_no_heavy_library() -> None:
    code = "import emo_hallo_ray.engines.preview, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"cv2", "scipy", "onnxruntime", "torch", "ray"} & set(loaded)


def test_engine_makes_each_of_its_parts() -> None:
    assert ENGINE.name == "preview"
    assert ENGINE.portrait_preparer(512).version != ENGINE.portrait_preparer(1024).version
    assert ENGINE.speech_embedder().version
    ENGINE.frame_generator().load()
