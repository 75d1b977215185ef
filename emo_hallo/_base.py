"""What the sync and the async client have in common: everything but I/O."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from emo_hallo._calls import Call
from emo_hallo._responses import translated_errors
from emo_hallo._retry import PATIENT, Retries, RetryPolicy
from emo_hallo.errors import TaskCancelled, TaskFailed, WaitTimeout
from emo_hallo.models import Task

DEFAULT_BASE_URL = "http://localhost:8001"
DEFAULT_TIMEOUT_S = 60.0
DEFAULT_MAX_RETRIES = 4

HEARTBEAT_S = 15.0  # the service breaks its silence this often
FIRST_POLL_S, SLOWEST_POLL_S = 0.5, 2.0


class BaseClient:
    """Configuration and decisions; the subclasses send, sleep and write."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        timeout_s: float,
        max_retries: int,
        clock: Callable[[], float],
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url must start with http:// or https://, got {base_url!r}")
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s
        self._policy = RetryPolicy(max_retries)
        self._clock = clock

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def _silence_s(self, call: Call) -> float:
        return max(self._timeout_s, 3 * HEARTBEAT_S) if call.is_stream else self._timeout_s

    def _translated_errors(self, call: Call) -> AbstractContextManager[None]:
        return translated_errors(self.base_url, self._silence_s(call))

    def _retries(self) -> Retries:
        return Retries(self._policy)

    def _patient_retries(self, timeout_s: float | None) -> Retries:
        """For waiting: tasks survive a restart of the service, so waiting for them does too."""
        patience = PATIENT if self._policy.max_retries else self._policy
        give_up_at = None if timeout_s is None else self._clock() + timeout_s
        return Retries(patience, give_up_at, self._clock)


class PollingPauses:
    """The rhythm of polling: quick at first, then steady, and never beyond the deadline."""

    def __init__(self, timeout_s: float | None, clock: Callable[[], float]) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._started_at = clock()
        self._pause_s = FIRST_POLL_S

    def next_s(self, task: Task) -> float:
        """Seconds until the next look.

        Raises:
            WaitTimeout: the time is over.
        """
        pause_s, self._pause_s = self._pause_s, min(1.5 * self._pause_s, SLOWEST_POLL_S)
        if self._timeout_s is None:
            return pause_s
        left_s = self._started_at + self._timeout_s - self._clock()
        if left_s <= 0:
            raise WaitTimeout(task, self._timeout_s)
        return min(pause_s, left_s)


class Changes:
    """Drops the polled states that say nothing new."""

    def __init__(self) -> None:
        self._last: tuple[str, int, str] | None = None

    def of(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Yield the tasks whose status, progress or message differs from the one before."""
        for task in tasks:
            now = (task.status, task.progress, task.status_message)
            if now != self._last:
                yield task
            self._last = now


def require_completed(task: Task) -> Task:
    """Return a completed task.

    Raises:
        TaskFailed, TaskCancelled: it ended otherwise.
    """
    if task.status == "failed":
        raise TaskFailed(task)
    if task.status == "cancelled":
        raise TaskCancelled(task)
    return task
