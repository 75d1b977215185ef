"""The sound of a finished video: the upload itself, not the speech that the model heard, as AAC of exact length."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from emo_hallo_ray.media.ffmpeg import file_url, resampler, run, stream
from emo_hallo_ray.media.probe import list_streams
from emo_hallo_ray.media.sniff import sniff_audio
from emo_hallo_ray.storage import atomic_path

SOUND_RATE_HZ = 48_000
SOUND_BITRATE = "160k"
FLOAT32_BYTES = 4
BLOCK_BYTES = 1024 * 1024


def encode_sound(upload: Path, n_samples: int, path: Path, timeout_s: float) -> None:
    """Encode a recording as AAC in an M4A, cut or padded with silence to `n_samples` at `SOUND_RATE_HZ`.

    The file appears whole or not at all. Mono stays mono, anything else becomes stereo. The length is fitted here and
    not by filters: ffmpeg starts its filters afresh where a recording changes its rate or channels, and they would
    begin to count again.
    """
    source = ["-f", sniff_audio(upload), "-i", file_url(upload), "-map", "0:a:0"]
    listed = list_streams([*source, "-frames:a", "1"], timeout_s)[0]
    layout, n_channels = ("mono", 1) if listed.facts.get("channel_layout_name") == "mono" else ("stereo", 2)
    filters = f"{resampler(SOUND_RATE_HZ)},aformat=sample_fmts=flt:channel_layouts={layout}"
    raw = ["-f", "f32le", "-ar", str(SOUND_RATE_HZ), "-ac", str(n_channels)]
    aac = ["-c:a", "aac", "-b:a", SOUND_BITRATE, "-f", "mp4"]
    decoded = stream([*source, "-af", filters, "-f", "f32le", "pipe:1"], timeout_s, BLOCK_BYTES)
    with atomic_path(path) as temporary, closing(decoded) as blocks:
        fitted = _fit(blocks, n_samples * n_channels * FLOAT32_BYTES)
        run([*raw, "-i", "pipe:0", *aac, file_url(temporary)], timeout_s, stdin=fitted)


def _fit(blocks: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """Stop after `size_bytes`, or go on with zeros until there are as many."""
    missing = size_bytes
    for block in blocks:
        yield block[:missing]
        missing -= min(missing, len(block))
        if missing == 0:
            return
    while missing > 0:
        silence = bytes(min(missing, BLOCK_BYTES))
        yield silence
        missing -= len(silence)
