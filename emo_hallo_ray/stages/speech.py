"""The second stage: what does the sound ask of the face?"""

from dataclasses import dataclass

from emo_hallo_ray.cache import PreprocessingCache, content_key
from emo_hallo_ray.engines.base import Arrays, SpeechTrack
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.media.audio import decode_speech, wav_length
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.pipeline import Prepared, Segment
from emo_hallo_ray.storage import Storage, TaskFiles, load_arrays, save_arrays
from emo_hallo_ray.tasks.model import Task


@dataclass(frozen=True)
class SpeechEmbedding:
    """Decodes a recording once and turns it into features, a segment at a time."""

    storage: Storage
    cache: PreprocessingCache
    limits: MediaLimits
    engines: EngineCatalog

    def prepare(self, task: Task) -> Prepared:
        """Leave the decoded recording and the figures over all of it in the task's folder."""
        files = self.storage.task(task.task_id)
        remarks = [] if files.loudness.exists() else [self._decode_and_measure(task, files)]
        n_frames = self._track(files).n_frames
        return Prepared([*remarks, f"speech of {n_frames / 25:.1f} s makes {n_frames} frames"], n_frames=n_frames)

    def embed(self, task: Task, segment: Segment) -> Arrays:
        """Features of the segment's frames; reads no more of the recording than they need."""
        embedder = self.engines.load(task.params.engine).speech_embedder()
        track = self._track(self.storage.task(task.task_id))
        return embedder.embed(track, segment.first_frame, segment.n_frames)

    def _decode_and_measure(self, task: Task, files: TaskFiles) -> str:
        embedder = self.engines.load(task.params.engine).speech_embedder()
        key = content_key(files.audio, task.params.engine, embedder.version)
        if task.params.use_cache and self.cache.fetch(key, files.speech) and self.cache.fetch(key, files.loudness):
            return "speech taken from the preprocessing cache (hit)"
        decode_speech(files.audio, files.speech, self.limits)
        save_arrays(files.loudness, embedder.measure(files.speech))
        if not task.params.use_cache:
            return "speech decoded and measured; the cache was not asked (use_cache=false)"
        self.cache.store(key, files.speech)
        self.cache.store(key, files.loudness)
        return "speech decoded, measured and put into the preprocessing cache (miss)"

    def _track(self, files: TaskFiles) -> SpeechTrack:
        return SpeechTrack(files.speech, wav_length(files.speech), load_arrays(files.loudness))
