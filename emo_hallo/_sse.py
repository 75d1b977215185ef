"""Server-sent events (WHATWG HTML, section 9.2) and the task's stream of them, without I/O."""

import json
import re
from dataclasses import dataclass

from emo_hallo import _calls
from emo_hallo.errors import ConnectionFailed, UnexpectedResponse
from emo_hallo.models import Task

LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a CR at the end of what has arrived may be half of a CRLF


@dataclass(frozen=True)
class ServerSentEvent:
    """One dispatched event; `last_id` is where to resume after it."""

    name: str
    data: str
    last_id: str | None


class SseDecoder:
    """Turns bytes, cut anywhere, into events. An event without its closing blank line was cut off and is dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._last_id: str | None = None

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take more bytes; return the events that they complete."""
        *lines, self._rest = LINE_END.split(self._rest + chunk)
        events = [self._take_line(line.decode("utf-8", errors="replace")) for line in lines]
        return [event for event in events if event is not None]

    def _take_line(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "id":
                self._last_id = value
        return None  # any other field is ignored, as is a comment, whose name is empty

    def _dispatch(self) -> ServerSentEvent | None:
        name, data = self._name or "message", self._data
        self._name, self._data = "", []
        return ServerSentEvent(name, "\n".join(data), self._last_id) if data else None


class TaskEvents:
    """What was seen of one task's stream, over any number of connections."""

    def __init__(self, task_id: str) -> None:
        self._task_id = task_id
        self._last_event_id: str | None = None
        self._decoder = SseDecoder()
        self.is_finished = False

    def next_call(self) -> _calls.Call:
        """The request that goes on where the last connection broke off."""
        self._decoder = SseDecoder()
        return _calls.events(self._task_id, self._last_event_id)

    def feed(self, chunk: bytes) -> list[Task]:
        """Take bytes of the open connection; return the states of the task that they tell."""
        events = [event for event in self._decoder.feed(chunk) if event.name == "task"]
        return [self._apply(event) for event in events]

    def broken_off(self) -> ConnectionFailed:
        """The error for a connection that ended before the task did."""
        return ConnectionFailed(f"the events of task {self._task_id} broke off before its end")

    def _apply(self, event: ServerSentEvent) -> Task:
        try:
            task = Task.from_json(json.loads(event.data))
        except (ValueError, TypeError, AttributeError) as error:
            raise UnexpectedResponse(f"an event does not describe a task: {event.data!r}") from error
        self._last_event_id = event.last_id or self._last_event_id
        self.is_finished = task.is_terminal
        return task
