"""A scripted stand-in for the service: a real HTTP server on loopback that misbehaves as it is told."""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TASK_ID = "550e8400-e29b-41d4-a716-446655440000"
TASK_PATH = f"/api/v1/tasks/{TASK_ID}"
DEADLINE_S = 10.0  # no test gets near it; a hung one ends


@dataclass(frozen=True)
class Received:
    """One request as it arrived; of a body beyond `KEPT_BYTES` only the length is true."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes
    body_length: int

    KEPT_BYTES = 1_000_000


@dataclass(frozen=True)
class Answer:
    """What to send back, and how badly.

    Attributes:
        cut_after: bytes of the body after which the connection breaks, though all were announced.
        is_dropped: break the connection instead of answering.
        is_slow: keep silent until the service shuts down.
        has_length: announce the length; otherwise the end of the connection is the end of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    is_dropped: bool = False
    is_slow: bool = False
    has_length: bool = True


DROPPED = Answer(is_dropped=True)
SLOW = Answer(is_slow=True)

Script = Answer | Callable[[Received], Answer]


def json_answer(data: object, status: int = 200, **headers: str) -> Answer:
    """A JSON body; underscores in header names stand for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(data).encode(), {"Content-Type": "application/json", **named})


def error_answer(status: int, error_code: str, detail: str = "as scripted", **headers: str) -> Answer:
    """The body that every error of the API has."""
    return json_answer({"detail": detail, "error_code": error_code}, status, **headers)


def task_json(status: str = "processing", progress: int = 45, **more: Any) -> dict[str, Any]:
    """One task, as the API document shows it."""
    return {
        "task_id": TASK_ID,
        "status": status,
        "progress": progress,
        "status_message": "Running inference...",
        "result": None,
        "error": None,
        "created_at": "2024-01-15T10:30:00Z",
        "updated_at": "2024-01-15T10:35:00Z",
        **more,
    }


def task_answer(status: str = "processing", progress: int = 45, **more: Any) -> Answer:
    """An answer that holds one task."""
    return json_answer(task_json(status, progress, **more))


def video_answers(video: bytes, etag: str | None = '"v1"') -> Callable[[Received], Answer]:
    """Serve a video as the real service does, Range and all."""
    tag = {"ETag": etag} if etag else {}

    def answer(request: Received) -> Answer:
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if wanted is None or request.headers.get("If-Range", etag) != etag:
            return Answer(200, video, tag)
        start = int(wanted[1])
        return Answer(206, video[start:], {"Content-Range": f"bytes {start}-{len(video) - 1}/{len(video)}", **tag})

    return answer


class FakeService:
    """Answers each route from its own script, in order; the last entry repeats. Unscripted routes are 404."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.is_stopping = threading.Event()
        self._scripts: dict[str, list[Script]] = defaultdict(list)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def on(self, route: str, *script: Script) -> None:
        """Script a route such as `GET /health`."""
        self._scripts[route] = list(script)

    def requests(self, route: str) -> list[Received]:
        """What has arrived at a route so far."""
        return [request for request in self.received if f"{request.method} {request.path}" == route]

    @contextmanager
    def running(self) -> Iterator["FakeService"]:
        """Serve within the block."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.is_stopping.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join(DEADLINE_S)

    def answer_to(self, request: Received) -> Answer:
        """Take the next entry of the route's script."""
        with self._lock:
            self.received.append(request)
            script = self._scripts[f"{request.method} {request.path}"] or [error_answer(404, "NOT_FOUND")]
            entry = script.pop(0) if len(script) > 1 else script[0]
        return entry(request) if callable(entry) else entry

    def _handler_class(service) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = DEADLINE_S

            def handle_any(self) -> None:
                self.close_connection = True
                answer = service.answer_to(self.receive())
                if answer.is_slow:
                    service.is_stopping.wait(DEADLINE_S)
                elif not answer.is_dropped:
                    self.send(answer)

            do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - names of the standard library

            def receive(self) -> Received:
                length = left = int(self.headers.get("Content-Length", 0))
                body = b""
                while left and (chunk := self.rfile.read(min(left, 65_536))):
                    left -= len(chunk)
                    body += chunk if len(body) < Received.KEPT_BYTES else b""
                path, _, query = self.path.partition("?")
                return Received(self.command, path, query, self.headers, body, length - left)

            def send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.has_length:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(answer.body[: answer.cut_after])

            def log_message(self, format: str, *args: object) -> None:
                """The tests look at `received` instead."""

        return Handler
