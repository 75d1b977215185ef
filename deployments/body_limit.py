"""Small bodies only, and no slow ones, wherever a route would read the whole body into memory."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.http_errors import error_response
from emo_hallo_ray.errors import UploadTimedOut, UploadTooLarge

MAX_BODY_BYTES = 64 * 1024
MAX_BODY_S = 30.0
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})  # their bodies mean nothing, and nothing reads them
STREAMED = frozenset({"/api/v1/inference/hallo2"})  # reads its body piece by piece, and has limits of its own


class BodyLimit:
    """Answers 413 to a body that is too large, by its declaration or by what comes, and 408 to one that dawdles.

    The body is read before the route is called, which frameworks do anyway, and given to it in one piece.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in BODILESS or scope["path"].rstrip("/") in STREAMED:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(MAX_BODY_S):
                body = await _read(scope, receive)
        except TimeoutError:
            late = UploadTimedOut(f"The body did not arrive within {MAX_BODY_S:g} s", "send it again")
            await error_response(late)(scope, receive, send)
            return
        if body is None:
            large = UploadTooLarge(f"The body is larger than the limit of {MAX_BODY_BYTES // 1024} KB")
            await error_response(large)(scope, receive, send)
            return
        pieces: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return pieces.pop() if pieces else await receive()

        await self._app(scope, receive_again, send)


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body; None if it is too large."""
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        return None
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return body
