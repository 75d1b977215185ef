"""The second stage: what does the sound ask of the face?"""

from dataclasses import dataclass, field

import numpy as np

from emo_hallo_ray.cache import PreprocessingCache, content_key
from emo_hallo_ray.engines.base import Arrays, SpeechEmbedder, SpeechTrack
from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.media.audio import wav_length
from emo_hallo_ray.media.limits import MediaLimits
from emo_hallo_ray.pipeline import CacheUse, Prepared, Segment
from emo_hallo_ray.storage import Storage, TaskFiles, load_arrays, save_arrays
from emo_hallo_ray.tasks.model import Task

REMARKS = "remarks"  # kept with the figures, so that a cached recording says what was done to it as a new one does


@dataclass(frozen=True)
class SpeechEmbedding:
    """Keeps engines loaded, decodes a recording once and turns it into features, a segment at a time."""

    storage: Storage
    cache: PreprocessingCache
    limits: MediaLimits
    engines: EngineCatalog
    _embedders: dict[str, SpeechEmbedder] = field(default_factory=dict)

    def prepare(self, task: Task) -> Prepared:
        """Leave the decoded recording and the figures over all of it in the task's folder."""
        files = self.storage.task(task.task_id)
        cache, how = self._place_speech(task, files)
        remarks = [str(line) for line in load_arrays(files.fetch(files.loudness)).get(REMARKS, ())]
        n_frames = self._track(files).n_frames
        length = f"speech of {n_frames / 25:.1f} s makes {n_frames} frames"
        return Prepared([how, *remarks, length], n_frames=n_frames, cache=cache)

    def embed(self, task: Task, segment: Segment) -> Arrays:
        """Features of the segment's frames; reads no more of the recording than they need."""
        track = self._track(self.storage.task(task.task_id))
        return self._embedder(task.params.engine).embed(track, segment.first_frame, segment.n_frames)

    def _place_speech(self, task: Task, files: TaskFiles) -> tuple[CacheUse | None, str]:
        if files.has(files.loudness):
            return None, "speech was prepared by an earlier attempt"
        embedder = self._embedder(task.params.engine)
        audio = files.fetch(files.audio)
        key = content_key(audio, task.params.engine, embedder.version)
        if task.params.use_cache and self.cache.fetch(key, files.speech) and self.cache.fetch(key, files.loudness):
            files.keep(files.speech, files.loudness)  # in this order: where the figures are, the recording is
            return "hit", "speech taken from the preprocessing cache (hit)"
        remarks = embedder.decode(audio, files.speech, self.limits)
        figures = embedder.measure(files.speech)
        save_arrays(files.loudness, {**figures, REMARKS: np.array(remarks, dtype=np.str_)})
        files.keep(files.speech, files.loudness)
        if not task.params.use_cache:
            return "off", "speech decoded and measured; the cache was not asked (use_cache=false)"
        self.cache.store(key, files.speech)
        self.cache.store(key, files.loudness)
        return "miss", "speech decoded, measured and put into the preprocessing cache (miss)"

    def _embedder(self, engine: str) -> SpeechEmbedder:
        if engine not in self._embedders:
            # two tasks may come here at once; both get the one that was first
            self._embedders.setdefault(engine, self.engines.load(engine).speech_embedder())
        return self._embedders[engine]

    def _track(self, files: TaskFiles) -> SpeechTrack:
        figures = load_arrays(files.fetch(files.loudness))
        figures.pop(REMARKS, None)
        speech = files.fetch(files.speech)
        return SpeechTrack(speech, wav_length(speech), figures)
