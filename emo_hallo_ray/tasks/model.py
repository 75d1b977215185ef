"""What a task is and which changes of status are legal."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class TaskStatus(StrEnum):
    """The five words that the API uses."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """True when the task will never change again."""
        return not LEGAL_TRANSITIONS[self]


LEGAL_TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.QUEUED: frozenset({TaskStatus.PROCESSING, TaskStatus.CANCELLED, TaskStatus.FAILED}),
    # back to the queue when a lease runs out or is given back
    TaskStatus.PROCESSING: frozenset(
        {TaskStatus.QUEUED, TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED}
    ),
    TaskStatus.COMPLETED: frozenset(),
    TaskStatus.FAILED: frozenset(),
    TaskStatus.CANCELLED: frozenset(),
}


@dataclass(frozen=True)
class TaskParams:
    """What the caller asked for, with every default filled in at creation."""

    engine: str = "preview"  # the engine that will run, never "auto"
    seed: int = 42
    guidance_scale: float = 3.5
    inference_steps: int = 40
    pose_weight: float = 1.0
    face_weight: float = 1.0
    lip_weight: float = 1.0
    upscale: int = 1
    use_cache: bool = True
    preset: str = "quality"
    scheduler: str = "ddim"
    fidelity_weight: float = 0.5
    restore_faces: bool = False  # settled at creation, like the engine
    restore_background: bool = False


@dataclass(frozen=True)
class Webhook:
    """Whom to tell of a task."""

    url: str
    events: tuple[str, ...]  # words of `TaskStatus`


@dataclass(frozen=True)
class NewTask:
    """A request that passed validation and whose files are in storage."""

    task_id: str
    params: TaskParams
    engine_reason: str  # why this engine runs, for people
    owner: str | None = None  # fingerprint of the API key; None where none are configured
    idempotency_key: str | None = None
    request_digest: str | None = None  # of everything in the request; compared under the same key
    webhook: Webhook | None = None
    request_id: str | None = None  # of the request that asked for it, for logs
    clips_per_segment: int | None = None  # settled once: an attempt cuts as those before it did; None is the setting's


@dataclass(frozen=True)
class Task:
    """One task as the store sees it. Times are seconds since the epoch."""

    task_id: str
    status: TaskStatus
    progress: int  # 0..100, never goes down
    status_message: str
    params: TaskParams
    engine_reason: str
    created_at: float
    updated_at: float
    owner: str | None = None
    started_at: float | None = None  # first attempt
    finished_at: float | None = None
    attempts: int = 0
    strikes: int = 0  # attempts that ended badly since the task last got further than ever
    fence: int = 0  # of the newest attempt
    segments: tuple[str, ...] = ()  # file names of finished segments, in order
    stage_seconds: dict[str, float] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    error: str | None = None
    error_code: str | None = None
    queue_position: int | None = None  # 1 is next; only while queued
    frames_done: int = 0  # generated in the newest attempt's view, for the ETA
    frames_total: int | None = None
    data_deleted_at: float | None = None  # files and log are gone, on request or by age
    webhook: Webhook | None = None
    request_id: str | None = None  # of the request that asked for it
    clips_per_segment: int | None = None  # None where the task is older than this column


@dataclass(frozen=True)
class Event:
    """A change worth telling: status, progress or message. `seq` grows by one per task."""

    seq: int
    at: float
    status: TaskStatus
    progress: int
    message: str


@dataclass(frozen=True)
class LogRecord:
    """One line of a task's log."""

    at: float
    level: str  # DEBUG, INFO, WARNING, ERROR
    message: str


@dataclass(frozen=True)
class Delivery:
    """A message to a webhook, to be delivered now. The task is as it is now, the event may be older."""

    delivery_id: str
    event: str
    attempts: int  # this one counted
    task: Task


@dataclass(frozen=True)
class Page:
    """Tasks, newest first, and where the next page starts."""

    tasks: tuple[Task, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class EngineDefaults:
    """What `POST /inference/hallo2/config` sets for tasks created afterwards."""

    guidance_scale: float = 3.5
    inference_steps: int = 40
    enable_cache: bool = True
    preset: str = "quality"
