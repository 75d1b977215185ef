"""The last stage: frames become segments, segments become the MP4."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emo_hallo_ray.errors import MediaToolFailed
from emo_hallo_ray.media.encoder import Encoder, choose_encoder
from emo_hallo_ray.media.frames import Frames, split_first
from emo_hallo_ray.media.sound import SOUND_RATE_HZ, encode_sound
from emo_hallo_ray.media.thumbnail import save_thumbnail
from emo_hallo_ray.media.video import FPS, VideoInfo, encode_segment, join_segments
from emo_hallo_ray.pipeline import Segment, segment_name
from emo_hallo_ray.provenance import Provenance
from emo_hallo_ray.provenance.metadata import tags_of
from emo_hallo_ray.stages.super_resolution import Enlarged
from emo_hallo_ray.storage import Storage, TaskFiles, load_json, save_json
from emo_hallo_ray.tasks.model import Task

SOUND_TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Encoding:
    """The only stage that writes video."""

    storage: Storage
    provenance: Provenance

    def encode_sound(self, task: Task, n_frames: int) -> None:
        """Leave the sound of the whole video in the task's folder.

        It is made from the upload itself, so that nothing of its quality or channels is lost on the way through the
        model.
        """
        files = self.storage.task(task.task_id)
        if not files.has(files.sound):  # by an earlier attempt
            encode_sound(files.fetch(files.audio), n_frames * SOUND_RATE_HZ // FPS, files.sound, SOUND_TIMEOUT_S)
            files.keep(files.sound)

    def encode(self, task: Task, segment: Segment, clips: Iterable[Frames | Enlarged]) -> None:
        """Write one segment; it appears under its name when it is complete."""
        files = self.storage.task(task.task_id)
        path = files.segment(segment_name(segment.index, task.fence))
        first, frames = split_first(clip.frames if isinstance(clip, Enlarged) else clip for clip in clips)
        if first is None:
            raise ValueError("a segment needs at least one frame")
        encoder = _settle_encoder(files, width_px=first.shape[2], height_px=first.shape[1])
        if mark := self.provenance.mark:
            frames = (mark.draw(block) for block in frames)
        encode_segment(frames, path, first_frame=segment.first_frame, encoder=encoder)
        files.keep(path)
        if segment.index == 0:
            save_thumbnail(first[0], files.thumbnail)
            files.keep(files.thumbnail)

    def join(self, task: Task, segments: Sequence[str], n_frames: int) -> VideoInfo:
        """Put segments and sound together as the result of this attempt."""
        files = self.storage.task(task.task_id)
        result = files.result(task.fence)
        paths, sound = files.fetch_all(files.segment(name) for name in segments), files.fetch(files.sound)
        info = self._join(task, paths, sound, n_frames, result)
        files.keep(result)
        return info

    def _join(self, task: Task, paths: Sequence[Path], sound: Path, n_frames: int, result: Path) -> VideoInfo:
        tags = tags_of(task)
        if self.provenance.credentials is None:
            return join_segments(paths, sound, n_frames, result, tags)
        unsigned = result.with_name(f".unsigned-{result.name}")
        try:
            info = join_segments(paths, sound, n_frames, unsigned, tags)
            self.provenance.credentials.sign(unsigned, result, task)
        finally:
            unsigned.unlink(missing_ok=True)
        return replace(info, size_bytes=result.stat().st_size)


def _settle_encoder(files: TaskFiles, width_px: int, height_px: int) -> Encoder:
    """One encoder for all segments of a task: streams of two cannot be joined.

    Raises:
        MediaToolFailed: the task was begun with an encoder that this machine has not.
    """
    here = choose_encoder(width_px, height_px)
    if not files.has(files.encoder):
        save_json(files.encoder, here)
        files.keep(files.encoder)
    begun_with: Encoder = load_json(files.fetch(files.encoder))
    if begun_with == "nvenc" and here != "nvenc":
        raise MediaToolFailed("this video was begun with NVENC, which this machine lacks", "another machine may go on")
    return begun_with
