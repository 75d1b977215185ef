"""The logger of this application: Serve shows it on the console, keeps it in files and in the Ray dashboard.

Where logs are JSON, each line that is about a task says about which, and which request had created it. That comes from
the context in which a line is written, not from every call.
"""

import logging
from contextvars import ContextVar

from emo_hallo_ray.tasks.model import Task

# records of any other logger would end in a worker's private output
logger = logging.getLogger("ray.serve")

_task: ContextVar[Task | None] = ContextVar("task", default=None)


def note_task(task: Task) -> None:
    """From here on this request, or this call of a stage, is about a task."""
    _task.set(task)


class TaskContext(logging.Filter):
    """Writes the task of the context into records; lets all of them through."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (task := _task.get()) is not None:
            record.task = task.task_id  # Serve drops `task_id`, which is Ray's own word
            record.origin_request_id = task.request_id
        return True


class Forward(logging.Handler):
    """Hands records of the library, which knows no Serve, to where our own go, unless that hears all loggers anyway."""

    def emit(self, record: logging.LogRecord) -> None:
        if logger.isEnabledFor(record.levelno) and logger.filter(record):
            for handler in set(logger.handlers) - set(logging.getLogger().handlers):
                if record.levelno >= handler.level:
                    handler.handle(record)


logger.addFilter(TaskContext())
logging.getLogger("emo_hallo_ray").addHandler(Forward())
