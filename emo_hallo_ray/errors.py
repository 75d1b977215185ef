"""Every error that this project raises on purpose.

EmoHalloError                     500
├── InputError                    400   the request cannot be served as it is
│   ├── EmptyFile
│   ├── InvalidImageFormat, UnreadableImage, ImageTooLarge
│   ├── NoFaceFound, FaceTooSmall
│   ├── InvalidAudioFormat, UnreadableAudio, NoAudioStream
│   ├── UnreadableVideo
│   ├── AudioTooShort, AudioTooLong, SilentAudio
│   ├── InvalidParameter, EngineUnavailable, WebhookNotAllowed
│   ├── TaskNotCompleted, TaskNotCancellable, TaskNotEnded
│   ├── UploadTooLarge            413
│   └── UploadTimedOut            408
├── Unauthorized                  401
├── NotFound                      404
│   ├── TaskNotFound
│   └── VideoNotFound, StreamNotFound, ThumbnailNotFound
├── IdempotencyConflict           409
├── QueueFull                     429
├── ServiceUnavailable            503
│   ├── ShuttingDown
│   ├── StorageUnavailable              the disk is full or cannot be written
│   └── DatabaseDamaged
├── SubmissionFailed              500
├── MediaToolFailed               500   ffmpeg failed on material that had been accepted
├── UnusableModelFile             500   a model file is missing, cut short or another model's
├── OutOfMemory                   500   a GPU's memory does not even hold the smallest batches
├── LeaseLost                     500   another attempt owns the task now: stop writing
├── InvalidSettings               500   a variable or the configuration has a value that cannot be
└── TaskCancelled                 500   raised inside a stage when its task was cancelled

`detail` (the message) says what was wrong, `hint` what would be right. Both survive pickling, because every
constructor argument reaches `Exception.__init__`: errors cross process borders.
"""


class EmoHalloError(Exception):
    """Base of all; on its own an unexpected failure."""

    code = "INTERNAL_ERROR"
    http_status = 500

    def __init__(self, detail: str = "Internal server error", hint: str | None = None) -> None:
        super().__init__(detail, hint)
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return self.detail if self.hint is None else f"{self.detail} ({self.hint})"


class InputError(EmoHalloError):
    """The request or one of its files cannot be used."""

    code = "INVALID_REQUEST"
    http_status = 400


class EmptyFile(InputError):
    """An uploaded file has no bytes."""

    code = "EMPTY_FILE"


class InvalidImageFormat(InputError):
    """The content is neither JPEG nor PNG, whatever its name says."""

    code = "INVALID_IMAGE_FORMAT"

    def __init__(self, detail: str = "Invalid image file format", hint: str | None = None) -> None:
        super().__init__(detail, hint)


class UnreadableImage(InputError):
    """The content starts like a JPEG or PNG but does not decode."""

    code = "UNREADABLE_IMAGE"


class ImageTooLarge(InputError):
    """The picture has more pixels than is safe to decode."""

    code = "IMAGE_TOO_LARGE"


class NoFaceFound(InputError):
    """There is no face that could be animated."""

    code = "NO_FACE_FOUND"

    def __init__(self, detail: str = "No face was found in the image", hint: str | None = None) -> None:
        super().__init__(detail, hint)


class FaceTooSmall(InputError):
    """The largest face has too few pixels to be animated."""

    code = "FACE_TOO_SMALL"


class InvalidAudioFormat(InputError):
    """The content is not WAV, MP3, OGG or M4A, whatever its name says."""

    code = "INVALID_AUDIO_FORMAT"

    def __init__(self, detail: str = "Invalid audio file format", hint: str | None = None) -> None:
        super().__init__(detail, hint)


class UnreadableAudio(InputError):
    """The content starts like a sound file but does not decode to its end."""

    code = "UNREADABLE_AUDIO"


class NoAudioStream(InputError):
    """The container is fine but holds no sound."""

    code = "NO_AUDIO_STREAM"


class UnreadableVideo(InputError):
    """The file holds no video, or none that decodes."""

    code = "UNREADABLE_VIDEO"


class AudioTooShort(InputError):
    """Less sound than one video frame can be made from."""

    code = "AUDIO_TOO_SHORT"


class AudioTooLong(InputError):
    """More sound than this service is configured to accept."""

    code = "AUDIO_TOO_LONG"


class SilentAudio(InputError):
    """The recording holds nothing that could move a mouth."""

    code = "SILENT_AUDIO"


class InvalidParameter(InputError):
    """A field is missing, unknown, of the wrong type or out of range."""

    code = "INVALID_PARAMETER"


class EngineUnavailable(InputError):
    """The engine that was asked for cannot run here."""

    code = "ENGINE_UNAVAILABLE"


class WebhookNotAllowed(InputError):
    """The address to tell is none, or one that this service must not talk to."""

    code = "WEBHOOK_NOT_ALLOWED"


class TaskNotCompleted(InputError):
    """The video was asked for before the task ended well."""

    code = "TASK_NOT_COMPLETED"


class TaskNotCancellable(InputError):
    """The task is running or over."""

    code = "TASK_NOT_CANCELLABLE"

    def __init__(self, detail: str = "Task not found in queue or already running", hint: str | None = None) -> None:
        super().__init__(detail, hint)


class TaskNotEnded(InputError):
    """What was asked for can only be done to a task that is over."""

    code = "TASK_NOT_ENDED"


class UploadTooLarge(InputError):
    """The request body exceeds the configured limit."""

    code = "UPLOAD_TOO_LARGE"
    http_status = 413


class UploadTimedOut(InputError):
    """The request body came too slowly, or not to its end."""

    code = "UPLOAD_TIMED_OUT"
    http_status = 408


class Unauthorized(EmoHalloError):
    """API keys are configured and the request carries none of them."""

    code = "UNAUTHORIZED"
    http_status = 401


class NotFound(EmoHalloError):
    """The resource does not exist."""

    code = "NOT_FOUND"
    http_status = 404


class TaskNotFound(NotFound):
    """No task has this id."""

    code = "TASK_NOT_FOUND"


class VideoNotFound(NotFound):
    """The task is completed but its file is gone."""

    code = "VIDEO_NOT_FOUND"


class StreamNotFound(NotFound):
    """The task has no such part yet, or its segments were deleted some time after its end."""

    code = "STREAM_NOT_FOUND"


class ThumbnailNotFound(NotFound):
    """The task's files were deleted."""

    code = "THUMBNAIL_NOT_FOUND"


class IdempotencyConflict(EmoHalloError):
    """The idempotency key was used before with another request."""

    code = "IDEMPOTENCY_CONFLICT"
    http_status = 409


class QueueFull(EmoHalloError):
    """As many tasks are waiting as the service is configured to hold."""

    code = "QUEUE_FULL"
    http_status = 429

    def __init__(
        self,
        detail: str = "The queue is full",
        hint: str | None = None,
        retry_after_s: int = 30,
    ) -> None:
        super().__init__(detail, hint)
        self.retry_after_s = retry_after_s
        self.args = (detail, hint, retry_after_s)


class ServiceUnavailable(EmoHalloError):
    """A part of the service cannot be reached just now; trying again may help."""

    code = "SERVICE_UNAVAILABLE"
    http_status = 503


class ShuttingDown(ServiceUnavailable):
    """The service takes no new work because it is stopping."""

    code = "SHUTTING_DOWN"


class StorageUnavailable(ServiceUnavailable):
    """The storage is full, read-only or failing: nothing is wrong with the task, it goes on when there is room."""

    code = "STORAGE_UNAVAILABLE"

    def __init__(self, detail: str, hint: str | None = "it goes on by itself once the disk has room again") -> None:
        super().__init__(detail, hint)


class DatabaseDamaged(ServiceUnavailable):
    """The task database holds pages that SQLite did not write, as after a failing disk."""

    code = "DATABASE_DAMAGED"

    def __init__(
        self,
        detail: str = "The task database is damaged",
        hint: str | None = "the operator stops the service and runs: emo-hallo repair",
    ) -> None:
        super().__init__(detail, hint)


class SubmissionFailed(EmoHalloError):
    """The task could not be stored; the message starts with the documented words."""

    code = "SUBMISSION_FAILED"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Failed to submit task: {reason}")
        self.args = (reason,)


class MediaToolFailed(EmoHalloError):
    """ffmpeg failed on material that had been accepted."""

    code = "MEDIA_TOOL_FAILED"


class OutOfMemory(EmoHalloError):
    """Work did not fit into the GPU's memory, not even in the smallest batches."""

    code = "OUT_OF_MEMORY"

    def __init__(
        self,
        detail: str = "the GPU ran out of memory even with the smallest batches",
        hint: str | None = "lower video.frame_px or upscale, or see what else runs on this GPU",
    ) -> None:
        super().__init__(detail, hint)


class InvalidSettings(EmoHalloError):
    """A variable or the configuration has a value that cannot be."""

    code = "INVALID_SETTINGS"


class LeaseLost(EmoHalloError):
    """A write came from an attempt whose lease has passed to another one."""

    code = "LEASE_LOST"


class TaskCancelled(EmoHalloError):
    """Work stopped because somebody cancelled the task."""

    code = "TASK_CANCELLED"


class UnusableModelFile(EmoHalloError):
    """A model file is missing, cut short or another model's.

    `detail` names the file and what is wrong with it, `hint` the command that mends it.
    """

    code = "UNUSABLE_MODEL_FILE"

    def __init__(self, detail: str, hint: str | None = "run: emo-hallo models download") -> None:
        super().__init__(detail, hint)
