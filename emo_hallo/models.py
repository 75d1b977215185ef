"""What travels between the caller and the client: tasks, settings, options."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self, TypedDict

Preset = Literal["quality", "balanced", "draft"]
Scheduler = Literal["ddim", "dpm++"]

TERMINAL_STATUSES = frozenset({"completed", "failed", "cancelled"})


class InferenceOptions(TypedDict, total=False):
    """What `inference` accepts beside the two files. What is left out, the service decides."""

    seed: int  # 0 to 2**63 - 1; equal inputs, options and seed give the same video
    guidance_scale: float  # 1.0 to 20.0
    preset: Preset  # of hallo2: quality is exact; balanced and draft are faster at a price
    inference_steps: int  # denoising steps, 1 to 200; left out, the preset's
    scheduler: Scheduler  # left out, the preset's
    pose_weight: float  # how much head and brows move, 0.0 to 2.0
    face_weight: float  # how much the face expresses, 0.0 to 2.0
    lip_weight: float  # how much the mouth moves, 0.0 to 2.0
    upscale: Literal[1, 2, 4]
    fidelity_weight: float  # of restored faces, 0.0 looks best, 1.0 is closest to the small video
    restore_faces: bool  # left out, where the service has the weights; True is refused where it has not
    restore_background: bool  # likewise, for everything else
    engine: str  # auto, hallo2, preview, or what the service's operator added
    webhook_url: str  # is told of the task's end by a POST of its JSON
    webhook_events: str  # of which it is told instead: processing, completed, failed, cancelled, with commas
    idempotency_key: str  # the same key with the same request gives the same task; made up where absent


@dataclass(frozen=True)
class Task:
    """One task as the service last described it.

    Attributes:
        status: `queued`, `processing`, `completed`, `failed` or `cancelled`. A plain string, so that a word of a
            newer service does not break an older client.
        progress: 0 to 100, never goes down.
        result: about the finished video; None until completed.
        created_at: RFC 3339, as are the other times.
        engine: the one that runs or ran, never `auto`; `engine_reason` says why this one.
        queue_position: 1 is next; only while queued.
        eta_seconds: estimated time left; only while processing.
        engine_reason: why this engine runs.
        stage_seconds: how long each stage was busy with it so far; stages overlap.
        raw: the whole object as received, with keys that this version of the client does not know.
    """

    task_id: str
    status: str
    progress: int = 0
    status_message: str = ""
    result: Mapping[str, Any] | None = None
    error: str | None = None
    error_code: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    engine: str | None = None
    engine_reason: str | None = None
    queue_position: int | None = None
    eta_seconds: float | None = None
    attempts: int | None = None
    params: Mapping[str, Any] | None = None
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_terminal(self) -> bool:
        """True when the task will not change any more."""
        return self.status in TERMINAL_STATUSES

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Build from the service's JSON.

        Raises:
            TypeError: `task_id` or `status` is missing.
        """
        known = {f.name for f in fields(cls)} - {"raw"}
        return cls(**{name: value for name, value in data.items() if name in known}, raw=dict(data))


@dataclass(frozen=True)
class Configuration:
    """Defaults of tasks that are created from now on; `inference_steps` is for the preset quality."""

    guidance_scale: float
    inference_steps: int
    enable_cache: bool
    preset: str = "quality"
