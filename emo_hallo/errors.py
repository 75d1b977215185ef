"""Every error that the client raises on purpose.

HalloError
├── ApiError                     the service answered with an error
│   ├── BadRequest               400 and every other 4xx without a class of its own
│   ├── Unauthorized             401, 403
│   ├── NotFound                 404
│   ├── Conflict                 409
│   ├── TooLarge                 413
│   ├── RateLimited              429   `retry_after_s` says when to come back
│   └── ServerError              5xx
│       └── ServiceUnavailable   503
├── ConnectionFailed             no answer, or an answer that broke off
│   └── DownloadIncomplete       a video arrived with the wrong number of bytes
├── UnexpectedResponse           an answer, but not one of this API
├── LocalFileError               a file on this machine cannot be read or written
├── TaskFailed                   the task ended badly; `task` is its last state
├── TaskCancelled                somebody cancelled the task
└── WaitTimeout                  the task is still going; waiting was given up, not the task

All carry `detail` (what was wrong), `hint` (what would be right, or None) and `error_code` (the service's word for it,
or None). All survive pickling.
"""

from emo_hallo.models import Task


class HalloError(Exception):
    """Base of all errors of the client."""

    error_code: str | None = None

    def __init__(self, detail: str, hint: str | None = None) -> None:
        super().__init__(detail, hint)
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return self.detail if self.hint is None else f"{self.detail} ({self.hint})"


class ApiError(HalloError):
    """The service answered with an error.

    Attributes:
        status_code: the HTTP status.
        error_code: stable word for programs, such as `NO_FACE_FOUND`; None if something before the service answered.
        request_id: finds the request in the service's log.
        retry_after_s: how long the service asks to wait, where it says so.
    """

    def __init__(
        self,
        detail: str,
        hint: str | None = None,
        status_code: int = 500,
        error_code: str | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail, hint)
        self.status_code = status_code
        self.error_code = error_code
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.args = (detail, hint, status_code, error_code, request_id, retry_after_s)


class BadRequest(ApiError):
    """The request or one of its files cannot be used; the same request will fail again."""


class Unauthorized(ApiError):
    """The service wants an API key, or another one than was sent."""


class NotFound(ApiError):
    """The service has no such task, video or route."""


class Conflict(ApiError):
    """The idempotency key was used before with another request."""


class TooLarge(ApiError):
    """The upload exceeds the service's limit."""


class RateLimited(ApiError):
    """The service's queue is full."""


class ServerError(ApiError):
    """The service, or a proxy in front of it, failed."""


class ServiceUnavailable(ServerError):
    """The service is starting, stopping or lacks a part; trying again later may help."""


class ConnectionFailed(HalloError):
    """No answer arrived, or it broke off."""


class DownloadIncomplete(ConnectionFailed):
    """The bytes of a video do not add up to the length that was announced."""


class UnexpectedResponse(HalloError):
    """The answer is not one that this API gives: is `base_url` right?"""


class LocalFileError(HalloError):
    """A file on this machine cannot be read or written; the message names its path."""


class TaskFailed(HalloError):
    """The task ended with an error."""

    def __init__(self, task: Task) -> None:
        super().__init__(f"task {task.task_id} failed: {task.error or task.status_message or 'no reason given'}")
        self.task = task
        self.error_code = task.error_code
        self.args = (task,)


class TaskCancelled(HalloError):
    """The task was cancelled before it was completed."""

    def __init__(self, task: Task) -> None:
        super().__init__(f"task {task.task_id} was cancelled")
        self.task = task
        self.args = (task,)


class WaitTimeout(HalloError):
    """The time given to `wait` is over; the task itself goes on."""

    def __init__(self, task: Task, timeout_s: float) -> None:
        super().__init__(
            f"task {task.task_id} is still {task.status} at {task.progress}% after {timeout_s:g} s",
            "it goes on; wait for it again with the same id",
        )
        self.task = task
        self.timeout_s = timeout_s
        self.args = (task, timeout_s)
