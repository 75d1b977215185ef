"""A whole `pretrained_models` folder of small models, laid out as the released one."""

from pathlib import Path

from emo_hallo_ray.weights.layout import WeightsLayout
from tests.tiny_models.faces import write_identity, write_scrfd
from tests.tiny_models.hallo2 import WAV2VEC_LAYERS, WAV2VEC_WIDTH, write_net, write_vae
from tests.tiny_models.speech import write_separator, write_wav2vec


def write_pretrained_models(root: Path) -> WeightsLayout:
    """Every file that the hallo2 engine uses, the optional ones too."""
    layout = WeightsLayout(root)
    write_net(layout.hallo2_net)
    write_vae(layout.vae_folder)
    write_wav2vec(layout.wav2vec_folder, WAV2VEC_LAYERS, WAV2VEC_WIDTH)
    for path in (layout.face_identity, layout.vocal_separator):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_identity(layout.face_identity)
    write_scrfd(layout.face_detector, faces=[])  # sees nobody: the mesh's points are used
    write_separator(layout.vocal_separator)
    return layout
