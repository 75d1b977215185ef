"""The preview engine: the portrait's own pixels, moved by the sound. Needs no GPU and no weights beyond the package.

Importing this module is cheap; OpenCV, SciPy and ONNX Runtime load when a part is made.
"""

from emo_hallo_ray.engines.base import Engine, FrameGenerator, PortraitPreparer, SpeechEmbedder


def _portrait_preparer(frame_px: int) -> PortraitPreparer:
    from emo_hallo_ray.engines.preview.portrait import PreviewPortraitPreparer

    return PreviewPortraitPreparer(frame_px)


def _speech_embedder() -> SpeechEmbedder:
    from emo_hallo_ray.engines.preview.speech.embedder import PreviewSpeechEmbedder

    return PreviewSpeechEmbedder()


def _frame_generator() -> FrameGenerator:
    from emo_hallo_ray.engines.preview.generator import PreviewFrameGenerator

    return PreviewFrameGenerator()


ENGINE = Engine("preview", _portrait_preparer, _speech_embedder, _frame_generator)
