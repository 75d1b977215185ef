"""A stand-in for the Hugging Face hub: two real HTTP servers on loopback, one for the hub and one for its storage.

As the hub does, it serves small files itself, with git's blob hash as ETag, and redirects to storage for large ones,
whose SHA-256 it says in a header of the redirect.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" * 6 + "c0ff"
STORAGE_PATH = "/storage/"
DEADLINE_S = 60.0  # no test gets near it; a hung one ends


@dataclass(frozen=True)
class Request:
    """One request as it arrived; `server` is "hub" or "storage"."""

    server: str
    method: str
    path: str
    headers: Message


@dataclass
class FakeHub:
    """What the servers know, how they misbehave, and what they were asked.

    Attributes:
        files: content by path in the repository, whatever the repository is called.
        served: content that is sent in place of what was announced.
        cut_after: bytes after which the next transfer breaks.
        stays_down: after the break the storage answers 503, until `recover`.
        stall_after: bytes after which the next transfer stands still until the servers stop or `recover`.
        refusal: the hub's error code for every request.
        ignores_ranges: answer 200 with everything, as some mirrors do.
    """

    files: dict[str, bytes]
    small_below: int = 1000
    commit: str = COMMIT
    served: dict[str, bytes] = field(default_factory=dict)
    cut_after: int | None = None
    stays_down: bool = True
    is_down: bool = False
    stall_after: int | None = None
    ignores_ranges: bool = False
    has_checksums: bool = True
    refusal: str | None = None
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    storage_url: str = ""
    _may_go_on: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["FakeHub"]:
        with _serving(self._answer_as_hub) as self.url, _serving(self._answer_as_storage) as self.storage_url:
            try:
                yield self
            finally:
                self._may_go_on.set()

    def recover(self) -> None:
        """Behave again."""
        self.cut_after, self.stall_after, self.is_down = None, None, False
        self._may_go_on.set()
        self.served.clear()
        self.requests.clear()

    def ranges(self) -> list[str | None]:
        """The Range header of every transfer from storage, as asked for."""
        return [request.headers["Range"] for request in self.requests if request.server == "storage"]

    def transferred(self) -> list[str]:
        """Paths whose bytes were asked for."""
        gets = [request for request in self.requests if request.method == "GET" and request.server == "hub"]
        return [_path_in_repository(request.path) for request in gets]

    def _answer_as_hub(self, handler: BaseHTTPRequestHandler) -> None:
        self._note("hub", handler)
        path = _path_in_repository(handler.path)
        refusal = self.refusal or (None if path in self.files else "EntryNotFound")
        if refusal is not None:
            _answer(handler, 403 if refusal == "GatedRepo" else 404, {"X-Error-Code": refusal})
        elif len(self.files[path]) < self.small_below:
            self._send(handler, path, {"ETag": f'"{git_sha1(self.files[path])}"', "X-Repo-Commit": self.commit})
        else:
            content = self.files[path]
            etag = hashlib.sha256(content).hexdigest() if self.has_checksums else "W-something"
            headers = {
                "X-Repo-Commit": self.commit,
                "X-Linked-Etag": f'"{etag}"',
                "X-Linked-Size": str(len(content)),
                "Location": f"{self.storage_url}{STORAGE_PATH}{path}",
            }
            _answer(handler, 302, headers)

    def _answer_as_storage(self, handler: BaseHTTPRequestHandler) -> None:
        self._note("storage", handler)
        if self.is_down:
            _answer(handler, 503, {})
        else:
            self._send(handler, handler.path.removeprefix(STORAGE_PATH), {})

    def _send(self, handler: BaseHTTPRequestHandler, path: str, headers: dict[str, str]) -> None:
        content = self.served.get(path, self.files[path])
        asked = handler.headers["Range"]
        start = 0 if asked is None or self.ignores_ranges else int(asked.removeprefix("bytes=").rstrip("-"))
        body = content[start:]
        if start:
            headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        _answer(handler, 206 if start else 200, headers | {"Content-Length": str(len(body))})
        if handler.command == "HEAD":
            return
        if self.cut_after is not None:
            body, self.cut_after, self.is_down = body[: self.cut_after], None, self.stays_down
        if self.stall_after is not None:
            body, self.stall_after = body[: self.stall_after], None
            handler.wfile.write(body)
            self._may_go_on.wait(DEADLINE_S)
        else:
            handler.wfile.write(body)

    def _note(self, server: str, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(Request(server, handler.command, handler.path, handler.headers))


def git_sha1(content: bytes) -> str:
    """What `git hash-object` prints."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _path_in_repository(path: str) -> str:
    return path.partition("/resolve/")[2].partition("/")[2]


def _answer(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Length": "0"} | headers).items():
        handler.send_header(name, value)
    handler.end_headers()


@contextmanager
def _serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def do_HEAD(self) -> None:
            answer(self)

        def log_message(self, *arguments: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
