"""Requests that no honest client sends, over raw sockets: each gets a refusal, and everybody else is served."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from tests.live_service import LiveService

CONFIG = b"POST /api/v1/inference/hallo2/config HTTP/1.1\r\nContent-Type: application/json\r\n"
END = b"Host: x\r\nConnection: close\r\n"
N_SLOW = 200
SLOW_FOR_S = 8.0


@pytest.fixture
def address(service: LiveService, http: httpx.Client) -> Iterator[tuple[str, int]]:
    """Where to connect to; afterwards the service must be as well as before."""
    parts = urlsplit(service.base_url)
    yield str(parts.hostname), int(parts.port or 0)
    assert http.get("/health").status_code == 200


def first_line(address: tuple[str, int], request: bytes) -> bytes:
    """Of the answer; the proxy may close without any."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            return answer.readline().strip()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x00\x01\x02 nonsense\r\n\r\n", 400),
        (b"GET /health\r\n\r\n", 400),
        (b"CONNECT elsewhere:443 HTTP/1.1\r\n" + END + b"\r\n", 400),
        (b"GET http://elsewhere/health HTTP/1.1\r\n" + END + b"\r\n", 400),
        (b"GET /api/v1/tasks/\x00 HTTP/1.1\r\n" + END + b"\r\n", 400),
        (b"GET /api/v1/tasks/%00 HTTP/1.1\r\n" + END + b"\r\n", 404),
        (b"GET /%ff%fe HTTP/1.1\r\n" + END + b"\r\n", 404),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + END + b"\r\n", 400),
        (b"GET /static-offline-docs/../../../../etc/passwd HTTP/1.1\r\n" + END + b"\r\n", 404),
        (b"GET /static-offline-docs/..%2f..%2f..%2fetc/passwd HTTP/1.1\r\n" + END + b"\r\n", 404),
        (b"GET /health HTTP/1.1\r\n" + END + b"no colon\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n" + END + b"X-A: a\x00b\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n" + END + b"X-A: " + b"a" * 70_000 + b"\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n" + END + b"X-A: a\r\n" * 300 + b"\r\n", 400),
        (CONFIG + END + b"Content-Length: -5\r\n\r\n{}", 400),
        (CONFIG + END + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (CONFIG + END + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400),
        (CONFIG + END + b"Content-Length: 999999999999\r\n\r\n{}", 413),
        (CONFIG + END + b"Transfer-Encoding: chunked\r\n\r\n" + (b"8000\r\n" + b" " * 0x8000 + b"\r\n") * 3, 413),
        (CONFIG + END + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n{}\r\n0\r\n\r\n", 400),
    ],
    ids=[
        *("nonsense", "HTTP 0.9", "CONNECT", "another host's URL", "NUL in the path", "quoted NUL", "no UTF-8"),
        *("long path", "climbing path", "quoted climbing path", "header without colon", "NUL in a header"),
        *("long header", "many headers", "negative length", "two lengths", "length and chunks", "huge length"),
        *("many chunks", "chunk without length"),
    ],
)
def test_what_is_no_sound_request_is_refused(address: tuple[str, int], request_bytes: bytes, status: int) -> None:
    assert first_line(address, request_bytes).split()[1] == str(status).encode()


@pytest.mark.parametrize("seconds", [b"0", b"-1", b"nan", b"inf", b"1e999", b"soon", b""])
def test_the_time_limit_that_a_caller_names_for_itself_harms_nobody(address: tuple[str, int], seconds: bytes) -> None:
    request = b"GET /health HTTP/1.1\r\n" + END + b"X-Request-Timeout-Seconds: " + seconds + b"\r\n\r\n"

    assert first_line(address, request).split()[1] == b"200"


def test_callers_who_never_finish_their_headers_keep_nobody_else_waiting(
    address: tuple[str, int], http: httpx.Client
) -> None:
    slowest_s = 0.0
    ends_at = time.monotonic() + SLOW_FOR_S
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(address, timeout=5)) for _ in range(N_SLOW)]
        for connection in slow:
            connection.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
        while time.monotonic() < ends_at:
            for connection in slow:
                connection.sendall(b"a")
            started = time.monotonic()
            assert http.get("/health").status_code == 200
            assert http.get("/api/v1/tasks?limit=1").status_code == 200
            slowest_s = max(slowest_s, time.monotonic() - started)

    assert slowest_s < 2.0
