"""What travels over HTTP: the request forms, validated, and how a task looks from outside."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from emo_hallo_ray.hallo2.presets import PresetName, SchedulerName
from emo_hallo_ray.settings import int_from_text
from emo_hallo_ray.tasks.model import Task, TaskStatus, Webhook

ENDS = ("completed", "failed", "cancelled")
EVENTS = ("processing", *ENDS)


def _known_events(text: str) -> str:
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in EVENTS]:
        raise ValueError(f"there is no event {unknown[0][:40]!r}; there are {', '.join(EVENTS)}")
    return ",".join(dict.fromkeys(words))


class InferenceForm(BaseModel):
    """The fields of `POST /inference/hallo2` beside the two files; None takes the configured default."""

    model_config = ConfigDict(extra="forbid")

    use_cache: bool | None = Field(None, description="reuse preprocessing of equal files")
    engine: str | None = Field(None, description="auto, hallo2 or preview", max_length=40)
    preset: PresetName | None = Field(None, description="quality is exact; balanced and draft are faster at a price")
    seed: int = Field(42, ge=0, le=2**63 - 1, description="same seed, same video")
    guidance_scale: float | None = Field(None, ge=1.0, le=20.0, description="classifier-free guidance; 1 is off")
    inference_steps: int | None = Field(None, ge=1, le=200, description="denoising steps; where left out, the preset's")
    scheduler: SchedulerName | None = Field(None, description="where left out, the preset's")
    pose_weight: float = Field(1.0, ge=0.0, le=2.0, description="how much the head moves")
    face_weight: float = Field(1.0, ge=0.0, le=2.0, description="how much brows and eyes move")
    lip_weight: float = Field(1.0, ge=0.0, le=2.0, description="how much the mouth moves")
    upscale: Annotated[Literal[1, 2, 4], BeforeValidator(int_from_text)] = Field(1, description="enlargement")
    fidelity_weight: float = Field(0.5, ge=0.0, le=1.0, description="of restored faces: 0 looks best, 1 is closest")
    restore_faces: bool | None = Field(None, description="draw enlarged faces anew; left out, where it can be done")
    restore_background: bool | None = Field(None, description="the same for everything else")
    webhook_url: str | None = Field(None, max_length=2048, description="is told of the events")
    webhook_events: Annotated[str, AfterValidator(_known_events)] = Field(
        ",".join(ENDS), description="of processing, completed, failed, cancelled, with commas"
    )

    def webhook(self) -> Webhook | None:
        """Whom to tell, and of what."""
        return Webhook(self.webhook_url, tuple(self.webhook_events.split(","))) if self.webhook_url else None


class ConfigChange(BaseModel):
    """A partial change of the defaults of tasks created afterwards."""

    model_config = ConfigDict(extra="forbid")

    guidance_scale: float | None = Field(None, ge=1.0, le=20.0)
    inference_steps: int | None = Field(None, ge=1, le=200)
    enable_cache: bool | None = None
    preset: PresetName | None = None


class ErrorBody(BaseModel):
    """Every error looks like this."""

    detail: str = Field(description="what was wrong, for a person")
    error_code: str = Field(description="what was wrong, for a program")
    hint: str | None = Field(None, description="what would be right")


class Submitted(BaseModel):
    """Answer to an accepted request."""

    task_id: str
    status: TaskStatus
    message: str


class ConfigChanged(BaseModel):
    """Answer to a change of the defaults."""

    status: Literal["success"] = "success"
    message: str = "Configuration updated successfully"


class ConfigView(BaseModel):
    """The defaults in force."""

    guidance_scale: float
    inference_steps: int
    enable_cache: bool
    preset: PresetName


class TaskView(BaseModel):
    """A task from outside."""

    task_id: str
    status: TaskStatus
    progress: int = Field(ge=0, le=100, description="never goes down")
    status_message: str
    result: dict[str, Any] | None
    error: str | None
    error_code: str | None
    created_at: str
    updated_at: str
    started_at: str | None
    finished_at: str | None
    data_deleted_at: str | None = Field(description="since when uploads, video and log are gone")
    engine: str
    engine_reason: str
    queue_position: int | None = Field(description="1 is next; only while queued")
    eta_seconds: float | None = Field(description="only while processing, once a clip is done")
    attempts: int
    webhook_events: list[str] | None = Field(description="of which its webhook is told; null without one")
    stream_url: str | None = Field(description="HLS; while processing, from the first finished segment on")
    thumbnail_url: str | None
    params: dict[str, Any]
    stage_seconds: dict[str, float]


class TaskList(BaseModel):
    """Tasks by id, newest first."""

    tasks: dict[str, TaskView]
    count: int
    next_cursor: str | None


class TaskLogs(BaseModel):
    """A task's log as text, a line a record."""

    task_id: str
    logs: str


class PortraitView(BaseModel):
    """What there is to see in a picture. Places are shares of its width and height, as it is looked at upright."""

    face: list[float] = Field(description="left, top, right, bottom of the face that would be animated")
    points: list[list[float]] = Field(description="478 points of its mesh")
    lines: list[list[int]] = Field(description="pairs of points to draw lines between")
    remarks: list[str] = Field(description="what may spoil the result")


class RecordingView(BaseModel):
    """What a recording holds."""

    duration: float = Field(description="seconds of what decodes")
    codec: str
    sample_rate: int
    channels: str


class InspectionView(BaseModel):
    """Answer to a look at files; what was not sent is null."""

    image: PortraitView | None
    audio: RecordingView | None


class Cancelled(BaseModel):
    """Answer to a cancellation."""

    status: Literal["cancelled"] = "cancelled"
    task_id: str
    message: str = "Task cancelled successfully"


class DataDeleted(BaseModel):
    """Answer to the deletion of a task's data."""

    status: Literal["deleted"] = "deleted"
    task_id: str
    data_deleted_at: str | None
    message: str = "Task data deleted successfully"


class Health(BaseModel):
    """The short answer about the service."""

    status: Literal["healthy"]
    gpu_available: bool
    gpu_count: int
    gpu_name: str | None


class GpuDevice(BaseModel):
    """One GPU."""

    index: int
    name: str
    memory_allocated: str
    memory_total: str


class Gpus(BaseModel):
    """The GPUs that the model stages use."""

    available: bool
    count: int
    devices: list[GpuDevice]


class EngineHealth(BaseModel):
    """Whether an engine can run, and why or why not."""

    available: bool
    reason: str


class QueueHealth(BaseModel):
    """How much waits, and for how long."""

    length: int
    oldest_age_seconds: float | None


class DetailedHealth(BaseModel):
    """The long answer; of an unhealthy service only the first three."""

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: str
    reason: str | None = Field(None, description="why the service is unhealthy")
    uptime: float | None = None
    models_loaded: list[str] | None = None
    gpu: Gpus | None = None
    tasks: dict[str, int] | None = Field(None, description="how many by status, over all callers")
    engines: dict[str, EngineHealth] | None = None
    queue: QueueHealth | None = None
    stages: dict[str, int] | None = Field(None, description="live replicas of each deployment")


RESULT_FIELDS = (
    "video_url",
    "duration",
    "frames",
    "fps",
    "width",
    "height",
    "size_bytes",
    "engine",
    "seed",
    "upscaling",
)


def task_view(task: Task) -> dict[str, Any]:
    """The JSON of `TaskView`; a plain dict, since status polling is the hottest path of the service."""
    result, address = task.result, f"/api/v1/tasks/{task.task_id}"
    is_running = task.status is TaskStatus.PROCESSING
    return {
        "task_id": task.task_id,
        "status": task.status.value,
        "progress": task.progress,
        "status_message": task.status_message,
        "result": result and {name: result[name] for name in RESULT_FIELDS},
        "error": task.error,
        "error_code": task.error_code,
        "created_at": rfc3339(task.created_at),
        "updated_at": rfc3339(task.updated_at),
        "started_at": rfc3339(task.started_at),
        "finished_at": rfc3339(task.finished_at),
        "data_deleted_at": rfc3339(task.data_deleted_at),
        "engine": task.params.engine,
        "engine_reason": task.engine_reason,
        "queue_position": task.queue_position,
        "eta_seconds": _eta_seconds(task),
        "attempts": task.attempts,
        "webhook_events": list(task.webhook.events) if task.webhook else None,
        "stream_url": f"{address}/stream.m3u8" if is_running and task.segments else None,
        "thumbnail_url": None if task.data_deleted_at else f"{address}/thumbnail",
        "params": vars(task.params),
        "stage_seconds": {stage: round(seconds, 3) for stage, seconds in task.stage_seconds.items()},
    }


def rfc3339(seconds: float | None) -> str | None:
    """Seconds since the epoch as UTC text with `Z`."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _eta_seconds(task: Task) -> float | None:
    """What is left at the measured pace of this task; generation sets the pace, the other stages run beside it."""
    spent = task.stage_seconds.get("generation")
    if task.status is not TaskStatus.PROCESSING or not (spent and task.frames_done and task.frames_total):
        return None
    return round(spent / task.frames_done * (task.frames_total - task.frames_done), 1)
