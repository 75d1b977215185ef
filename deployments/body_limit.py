"""A limit to request bodies, checked before any route runs. Uploads stream, and count themselves: see uploads.py."""

import asyncio

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.http_errors import error_response
from emo_hallo_ray.errors import EmoHalloError, UploadTimedOut, UploadTooLarge

MAX_BYTES = 64 * 1024
TIMEOUT_S = 30.0
STREAMED = frozenset({"/api/v1/inference/hallo2", "/api/v1/inspect"})


class BodyLimit:
    """Reads bodies whole, so that routes get them at once or not at all."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BYTES, timeout_s: float = TIMEOUT_S) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope) or get_route_path(scope) in STREAMED:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except EmoHalloError as error:
            await error_response(error)(scope, receive, send)
            return
        replay: list[Message] = [body]

        async def receive_again() -> Message:
            return replay.pop() if replay else await receive()

        await self._app(scope, receive_again, send)

    async def _read(self, scope: Scope, receive: Receive) -> Message:
        """The body in one message, or what came instead of it: the caller has gone."""
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise self._too_large()
        body = b""
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return message
                    body += message.get("body", b"")
                    if len(body) > self._max_bytes:  # chunked bodies declare nothing
                        raise self._too_large()
                    if not message.get("more_body"):
                        return {"type": "http.request", "body": body, "more_body": False}
        except TimeoutError as error:
            raise UploadTimedOut(f"The body did not arrive within {self._timeout_s:g} s") from error

    def _too_large(self) -> UploadTooLarge:
        return UploadTooLarge(f"The body is larger than the limit of {self._max_bytes // 1024} KB")


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
