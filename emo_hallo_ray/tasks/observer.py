"""What happens to tasks, for whoever counts it. Called once per event, when it is on disk and cannot be undone."""

from typing import Protocol

from emo_hallo_ray.tasks.model import Task


class TaskObserver(Protocol):
    """Hears of everything; must be quick, and must not raise."""

    def created(self, task: Task) -> None:
        """A task was accepted."""

    def started(self, task: Task) -> None:
        """Its first attempt began."""

    def attempt_failed(self, task: Task) -> None:
        """An attempt ended badly, and another one will follow."""

    def ended(self, task: Task) -> None:
        """It is over, in whichever way."""

    def delivery_tried(self, is_delivered: bool) -> None:
        """A webhook was told, or not."""


class NobodyWatches:
    """A `TaskObserver` for where nothing is counted."""

    def created(self, task: Task) -> None: ...

    def started(self, task: Task) -> None: ...

    def attempt_failed(self, task: Task) -> None: ...

    def ended(self, task: Task) -> None: ...

    def delivery_tried(self, is_delivered: bool) -> None: ...
