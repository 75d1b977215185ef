"""Recordings from files: checked, measured and decoded to 16 kHz mono in one pass, in constant memory."""

import math
import wave
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emo_hallo_ray.errors import (
    AudioTooLong,
    AudioTooShort,
    MediaToolFailed,
    NoAudioStream,
    SilentAudio,
    UnreadableAudio,
)
from emo_hallo_ray.media.ffmpeg import file_url, resampler, run, stream, timed_out
from emo_hallo_ray.media.integrity import refuse_damaged
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.media.probe import StreamFacts, list_streams
from emo_hallo_ray.media.sniff import AudioFormat, sniff_audio
from emo_hallo_ray.storage import atomic_path

SAMPLE_RATE_HZ = 16_000  # of speech inside the project
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000  # of what is uploaded
WAV_HEAD_BYTES = 4096
BLOCK_SAMPLES = 16 * SAMPLE_RATE_HZ
FLOAT32_BYTES = 4
INT16_SCALE = 32768
# resamplers round the last sample either way
LENGTH_SLACK_SAMPLES = 16
# players carry on after a bad frame and so do we, unless more than this share of them is bad
MAX_ERROR_RATE = 0.02
# the same again by time, since ffmpeg 7 counts bad frames but ignores the limit
MAX_MISSING_SHARE = 0.1
MIN_MISSING_S = 0.5
# lossy codecs overshoot 1 a little; beyond this somebody stored integers as floats
MAX_PEAK = 8.0

Samples = NDArray[np.float32]  # (n,) in [-1, 1], mono, 16 kHz


@dataclass(frozen=True)
class AudioInfo:
    """A recording that can be used.

    Attributes:
        codec: ffmpeg's name of it, such as "mp3" or "pcm_s16le".
        channel_layout: as ffmpeg says it, such as "mono", "stereo" or "5.1".
        n_samples: of the recording at 16 kHz.
        peak: largest absolute sample, full scale is 1; lossy codecs can exceed it.
        rms_dbfs: mean level in decibels below full scale.
    """

    audio_format: AudioFormat
    codec: str
    sample_rate_hz: int
    channel_layout: str
    n_samples: int
    peak: float
    rms_dbfs: float

    @property
    def duration_s(self) -> float:
        """Length of what decodes, whatever the container says."""
        return self.n_samples / SAMPLE_RATE_HZ


def inspect_audio(path: Path, limits: MediaLimits, wav_path: Path | None = None) -> AudioInfo:
    """Decode a recording to its end and say what it is.

    Args:
        wav_path: if given, the speech is also written there, as 16-bit mono WAV at 16 kHz; all of it or nothing.

    Raises:
        EmptyFile, InvalidAudioFormat, NoAudioStream: it is no recording of ours.
        UnreadableAudio: it is damaged or incomplete.
        AudioTooShort, AudioTooLong, SilentAudio: it is fine but cannot be used.
        MediaToolFailed: decoding took longer than `tool_timeout_s`.
    """
    audio_format = sniff_audio(path)
    refuse_damaged(path, audio_format)
    if audio_format is AudioFormat.WAV:
        _check_rate(_wav_rate_hz(path))
    listed = _probe(path, audio_format, limits.tool_timeout_s)
    _refuse_early(listed, audio_format, limits)
    meter = _Meter(limits, listed.duration_s())
    with closing(meter.watch(_decode(path, audio_format, limits.tool_timeout_s))) as blocks:
        if wav_path is None:
            deque(blocks, maxlen=0)
        else:
            _write_wav(wav_path, blocks)
    return AudioInfo(
        audio_format=audio_format,
        codec=listed.facts.get("codec_id", "unknown"),
        sample_rate_hz=int(listed.facts.get("sample_rate", 0)),
        channel_layout=listed.facts.get("channel_layout_name", "unknown"),
        n_samples=meter.n_samples,
        peak=meter.peak,
        rms_dbfs=meter.rms_dbfs,
    )


def decode_speech(path: Path, wav_path: Path, limits: MediaLimits) -> int:
    """Decode a recording to a 16-bit mono WAV at 16 kHz and return its length in samples. Raises as `inspect_audio`."""
    return inspect_audio(path, limits, wav_path).n_samples


def read_window(wav_path: Path, start_sample: int, n_samples: int) -> Samples:
    """Read a stretch of a 16-bit mono WAV. Samples before its start and after its end are zero."""
    window = np.zeros(n_samples, np.float32)
    with wave.open(str(wav_path), "rb") as wav:
        first = min(max(start_sample, 0), wav.getnframes())
        wav.setpos(first)
        samples = _from_int16(wav.readframes(max(0, start_sample + n_samples - first)))
    window[first - start_sample :][: len(samples)] = samples
    return window


def wav_length(wav_path: Path) -> int:
    """Number of samples of a WAV file."""
    with wave.open(str(wav_path), "rb") as wav:
        return wav.getnframes()


def iter_blocks(wav_path: Path, block_samples: int = BLOCK_SAMPLES) -> Iterator[Samples]:
    """Yield a 16-bit mono WAV from start to end; the last block may be shorter."""
    with wave.open(str(wav_path), "rb") as wav:
        while data := wav.readframes(block_samples):
            yield _from_int16(data)


def _refuse_early(listed: StreamFacts, audio_format: AudioFormat, limits: MediaLimits) -> None:
    """What need not be decoded to be known, since decoding it may take long."""
    _check_rate(int(listed.facts.get("sample_rate", 0)))
    # lengths are estimates in some formats, but not in this one
    if audio_format is AudioFormat.WAV and listed.duration_s() > limits.max_audio_s + 1:
        raise _too_long(limits)


def _check_rate(rate_hz: int) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise _unreadable(f"its sample rate is {rate_hz} Hz")


def _wav_rate_hz(path: Path) -> int:
    """By the header: at a few hertz a small file is hours of packets, and even listing them takes long."""
    with path.open("rb") as file:
        head = file.read(WAV_HEAD_BYTES)
    at = head.find(b"fmt ")
    # without the chunk in its usual place, listing the streams says what is wrong
    return int.from_bytes(head[at + 12 : at + 16], "little") if 0 <= at <= len(head) - 16 else MIN_RATE_HZ


def _too_long(limits: MediaLimits) -> AudioTooLong:
    return AudioTooLong(f"the recording is longer than {limits.max_audio_s:g} s", "split it into shorter ones")


def _probe(path: Path, audio_format: AudioFormat, timeout_s: float) -> StreamFacts:
    """What the container says about its first sound track."""
    source = ["-f", audio_format, "-i", file_url(path)]
    try:
        return list_streams([*source, "-map", "0:a:0"], timeout_s)[0]
    except MediaToolFailed as error:
        if timed_out(error):
            raise
        if _opens(source, timeout_s):
            raise NoAudioStream("the file has no sound track", "upload a recording with sound") from error
        raise _unreadable("its structure makes no sense") from error


def _opens(source: list[str], timeout_s: float) -> bool:
    """Whether the container itself is fine."""
    try:
        run([*source, "-map", "0", "-c", "copy", "-t", "0", "-f", "null", "pipe:1"], timeout_s)
    except MediaToolFailed:
        return False
    return True


def _decode(path: Path, audio_format: AudioFormat, timeout_s: float) -> Generator[Samples]:
    # floats, so that samples that are no numbers stay visible and overshoots can be told from clipping
    args = [
        *("-max_error_rate", str(MAX_ERROR_RATE)),
        *("-f", audio_format, "-i", file_url(path), "-map", "0:a:0"),
        *("-af", f"{resampler(SAMPLE_RATE_HZ)},aformat=sample_fmts=flt:channel_layouts=mono"),
        *("-f", "f32le", "pipe:1"),
    ]
    try:
        with closing(stream(args, timeout_s, BLOCK_SAMPLES * FLOAT32_BYTES)) as blocks:
            for block in blocks:
                yield np.frombuffer(block, "<f4")
    except MediaToolFailed as error:
        if timed_out(error):
            raise
        raise _unreadable("it does not decode") from error


def _unreadable(reason: str) -> UnreadableAudio:
    return UnreadableAudio(f"the recording is damaged: {reason}", "save it again as WAV, MP3, OGG or M4A")


class _Meter:
    """Measures a recording block by block and knows when it cannot be used."""

    def __init__(self, limits: MediaLimits, listed_s: float) -> None:
        self.n_samples = 0
        self.peak = 0.0
        self._sum_of_squares = 0.0
        self._limits = limits
        self._listed_s = listed_s  # by the container

    @property
    def rms_dbfs(self) -> float:
        return _to_dbfs(math.sqrt(self._sum_of_squares / max(1, self.n_samples)))

    def watch(self, blocks: Generator[Samples]) -> Generator[Samples]:
        """Pass the blocks of a recording on and raise as soon as it is clear that it cannot be used."""
        with closing(blocks):
            for block in blocks:
                self._add(block)
                yield block
        self._check()

    def _add(self, block: Samples) -> None:
        if not np.isfinite(block).all():
            raise _unreadable("some of its samples are not numbers")
        self.n_samples += len(block)
        self.peak = max(self.peak, float(np.abs(block).max()))
        self._sum_of_squares += float(np.square(block, dtype=np.float64).sum())
        if self.peak > MAX_PEAK:
            raise UnreadableAudio(
                f"samples reach {self.peak:g} times full scale", "scale floating-point samples to -1..1"
            )
        if self.n_samples > self._limits.max_audio_s * SAMPLE_RATE_HZ + LENGTH_SLACK_SAMPLES:
            raise _too_long(self._limits)

    def _check(self) -> None:
        missing_s = self._listed_s - self.n_samples / SAMPLE_RATE_HZ
        if missing_s > max(MIN_MISSING_S, MAX_MISSING_SHARE * self._listed_s):
            raise _unreadable(f"{missing_s:.1f} of its {self._listed_s:.1f} s do not decode")
        if self.n_samples < self._limits.min_audio_s * SAMPLE_RATE_HZ - LENGTH_SLACK_SAMPLES:
            raise AudioTooShort(
                f"the recording lasts {self.n_samples / SAMPLE_RATE_HZ:.3f} s",
                f"at least {self._limits.min_audio_s:g} s is needed",
            )
        if _to_dbfs(self.peak) < self._limits.silence_dbfs:
            raise SilentAudio(
                f"the recording is silent: its peak is {_to_dbfs(self.peak):.0f} dBFS",
                f"speech above {self._limits.silence_dbfs:g} dBFS is needed",
            )


def _to_dbfs(amplitude: float) -> float:
    return 20 * math.log10(max(amplitude, 1e-10))


def _write_wav(path: Path, blocks: Iterable[Samples]) -> None:
    with atomic_path(path) as temporary, wave.open(str(temporary), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE_HZ)
        for block in blocks:
            wav.writeframesraw(_to_int16(block))


def _to_int16(samples: Samples) -> bytes:
    scaled = np.rint(samples * INT16_SCALE)
    return scaled.clip(-INT16_SCALE, INT16_SCALE - 1).astype("<i2").tobytes()


def _from_int16(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(INT16_SCALE)
