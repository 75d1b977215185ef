"""The requests of the API as values: built here, sent by either client."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from emo_hallo.errors import LocalFileError
from emo_hallo.models import InferenceOptions, Preset

StrPath = str | os.PathLike[str]

API = "/api/v1"
INFERENCE = f"{API}/inference/hallo2"
TASKS_PER_PAGE = 100


@dataclass(frozen=True)
class Call:
    """One request. Files are named, not opened, so that a call can be sent again.

    Attributes:
        files: form field → path.
        is_stream: the answer may pause for as long as the service's heartbeat.
    """

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    is_stream: bool = False

    @contextmanager
    def request(self) -> Iterator[dict[str, Any]]:
        """Keyword arguments for httpx's `build_request`; files stay open, and are read as they are sent, meanwhile."""
        with ExitStack() as stack:
            files = {name: (path.name, stack.enter_context(_open(name, path))) for name, path in self.files.items()}
            yield {
                "method": self.method,
                "url": self.path,
                "params": self.query or None,
                "headers": self.headers,
                "json": self.json,
                "data": self.form or None,
                "files": files or None,
            }


def inference(image_path: StrPath, audio_path: StrPath, use_cache: bool | None, options: InferenceOptions) -> Call:
    """Create a task. The key makes repeating it safe: the service answers with the task it already made."""
    if unknown := sorted(options.keys() - InferenceOptions.__annotations__.keys()):
        raise TypeError(
            f"inference() got unexpected options {unknown}; it knows {sorted(InferenceOptions.__annotations__)}"
        )
    fields = {"use_cache": use_cache, **options}
    form = {name: value for name, value in fields.items() if name != "idempotency_key" and value is not None}
    return Call(
        "POST",
        INFERENCE,
        headers={"Idempotency-Key": options.get("idempotency_key") or str(uuid.uuid4())},
        form=form,
        files={"image_file": Path(image_path), "audio_file": Path(audio_path)},
    )


def configure(
    guidance_scale: float | None, inference_steps: int | None, enable_cache: bool | None, preset: Preset | None
) -> Call:
    """Change the given defaults and keep the others."""
    values = {
        "guidance_scale": guidance_scale,
        "inference_steps": inference_steps,
        "enable_cache": enable_cache,
        "preset": preset,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return Call("POST", f"{INFERENCE}/config", json=given)


def configuration() -> Call:
    """Read the defaults."""
    return Call("GET", f"{INFERENCE}/config")


def health() -> Call:
    """Read the detailed health."""
    return Call("GET", f"{API}/health")


def status(task_id: str) -> Call:
    """Read one task."""
    return Call("GET", _task_path(task_id))


def tasks(status: str | None, cursor: str | None) -> Call:
    """Read one page of tasks."""
    query: dict[str, str | int] = {"limit": TASKS_PER_PAGE}
    if status is not None:
        query["status"] = status
    if cursor is not None:
        query["cursor"] = cursor
    return Call("GET", f"{API}/tasks", query=query)


def logs(task_id: str, tail: int | None) -> Call:
    """Read a task's log, whole or its last lines."""
    return Call("GET", _task_path(task_id, "/logs"), query={} if tail is None else {"tail": tail})


def cancel(task_id: str, force: bool) -> Call:
    """Cancel a queued task, or with force a running one."""
    return Call("DELETE", _task_path(task_id), query={"force": "true"} if force else {})


def delete_data(task_id: str) -> Call:
    """Delete all that an ended task left."""
    return Call("DELETE", _task_path(task_id, "/data"))


def events(task_id: str, last_event_id: str | None) -> Call:
    """Follow a task from the event after the given one."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    return Call("GET", _task_path(task_id, "/events"), headers=headers, is_stream=True)


def video(task_id: str, headers: Mapping[str, str]) -> Call:
    """Read a finished video; the headers say from which byte."""
    # compressed bytes could not be counted against the announced length
    return Call("GET", _task_path(task_id, "/video"), headers={"Accept-Encoding": "identity", **headers})


def _task_path(task_id: str, suffix: str = "") -> str:
    if not task_id:
        raise ValueError("task_id is empty")
    return f"{API}/tasks/{quote(task_id, safe='')}{suffix}"


def _open(name: str, path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise LocalFileError(f"cannot read {name} {str(path)!r}: {error.strerror}") from error
