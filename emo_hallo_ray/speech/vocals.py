"""A recording's vocals, from file to file: what the original feeds to wav2vec2 instead of the recording itself."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from emo_hallo_ray.media.audio import MAX_ERROR_RATE, AudioInfo, inspect_audio
from emo_hallo_ray.media.audio import SAMPLE_RATE_HZ as SPEECH_RATE_HZ
from emo_hallo_ray.media.ffmpeg import file_url, resampler, run, stream
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.speech.separator import N_CHANNELS, SAMPLE_RATE_HZ, VocalSeparator
from emo_hallo_ray.speech.spectrogram import Waves
from emo_hallo_ray.storage import atomic_path

BLOCK_SAMPLES = 4 * SAMPLE_RATE_HZ
MAX_PEAK = 0.9  # louder recordings are turned down to this before the model hears them, as audio-separator does
# ffmpeg waits for the model at both ends; what is read has been decoded before, so this bounds the model alone
PATIENCE_S_PER_S = 60.0


def separate_vocals(model: Path, source: Path, destination: Path, limits: MediaLimits, use_gpu: bool = True) -> float:
    """Write the vocals as 16-bit mono WAV at 16 kHz, as long to the sample as `decode_speech` would make it.

    Returns:
        The vocals' loudest sample; full scale is 1.

    Raises:
        UnusableModelFile: the model is missing, damaged or no vocal separator.
        OutOfMemory: it does not fit on the GPU.
        InputError, MediaToolFailed: as `decode_speech`.
    """
    separator = VocalSeparator(model, use_gpu)
    info = inspect_audio(source, limits)
    recording = _PeakMeter()
    deque(recording.watch(_read(source, info, limits.tool_timeout_s)), maxlen=0)
    gain = np.float32(MAX_PEAK / max(recording.peak, MAX_PEAK))
    timeout_s = limits.tool_timeout_s + PATIENCE_S_PER_S * info.duration_s
    vocals = _PeakMeter()
    with closing(_read(source, info, timeout_s)) as blocks:
        separated = separator.separate(block * gain for block in blocks)
        _write(destination, vocals.watch(separated), info.n_samples, timeout_s)
    return vocals.peak


def _read(source: Path, info: AudioInfo, timeout_s: float) -> Generator[Waves]:
    # on its own ffmpeg would make mono quieter by 3 dB on its way to stereo
    n_channels = 1 if info.channel_layout == "mono" else N_CHANNELS
    layout = "mono" if n_channels == 1 else "stereo"
    args = [
        *("-max_error_rate", str(MAX_ERROR_RATE)),
        *("-f", info.audio_format, "-i", file_url(source), "-map", "0:a:0"),
        *("-af", f"{resampler(SAMPLE_RATE_HZ)},aformat=sample_fmts=flt:channel_layouts={layout}"),
        *("-f", "f32le", "pipe:1"),
    ]
    with closing(stream(args, timeout_s, BLOCK_SAMPLES * n_channels * 4)) as blocks:
        for block in blocks:
            waves = np.frombuffer(block, "<f4").reshape(-1, n_channels).T
            yield np.broadcast_to(waves, (N_CHANNELS, waves.shape[1]))


def _write(destination: Path, vocals: Iterable[Waves], n_samples: int, timeout_s: float) -> None:
    # the way over 44.1 kHz may round the end by a sample or two
    exactly = f"apad=whole_len={n_samples},atrim=end_sample={n_samples}"
    with atomic_path(destination) as temporary:
        args = [
            *("-f", "f32le", "-ar", str(SAMPLE_RATE_HZ), "-ac", str(N_CHANNELS), "-i", "pipe:0"),
            *("-af", f"{resampler(SPEECH_RATE_HZ)},aformat=sample_fmts=flt:channel_layouts=mono,{exactly}"),
            *("-bitexact", "-c:a", "pcm_s16le", "-f", "wav", file_url(temporary)),
        ]
        run(args, timeout_s, stdin=(np.ascontiguousarray(block.T, "<f4").data for block in vocals))


class _PeakMeter:
    def __init__(self) -> None:
        self.peak = 0.0

    def watch(self, blocks: Iterable[Waves]) -> Iterator[Waves]:
        for block in blocks:
            self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
            yield block
