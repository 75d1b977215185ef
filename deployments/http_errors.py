"""From an error to an HTTP answer: the only place below which nobody mentions HTTP."""

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.logs import logger
from emo_hallo_ray.errors import EmoHalloError, InvalidParameter, QueueFull, TaskNotCancellable

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "UPLOAD_TOO_LARGE",
    416: "RANGE_NOT_SATISFIABLE",
    503: "SERVICE_UNAVAILABLE",
}


def install(app: FastAPI) -> None:
    """Give every error of this application the documented body."""
    app.add_exception_handler(EmoHalloError, _own_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(PlainErrorsAsJson)


def describe_invalid(error: ValidationError | RequestValidationError) -> InvalidParameter:
    """A sentence for each field that did not validate."""
    return InvalidParameter("; ".join(_sentence(item) for item in error.errors()))


def error_response(error: EmoHalloError) -> JSONResponse:
    """One of our errors as an answer."""
    headers = {}
    if isinstance(error, QueueFull):
        headers["Retry-After"] = str(error.retry_after_s)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = _body(error.detail, error.code, error.hint)
    if isinstance(error, TaskNotCancellable) or error.detail == TaskNotCancellable().detail:
        body = {"status": "error", **body}  # the document's body for a refused cancellation
    return JSONResponse(body, error.http_status, headers)


def _own_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, EmoHalloError)
    if error.http_status >= 500:
        logger.error("request %s failed: %s", request.headers.get("x-request-id"), error)
    return error_response(error)


def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return _own_error(request, describe_invalid(error))


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = {
        404: f"There is nothing at {request.method} {request.url.path[:200]}",
        405: f"{request.url.path[:200]} does not take {request.method}",
    }.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    hint = "/docs lists every route" if error.status_code in (404, 405) else None
    code = CODES.get(error.status_code, "HTTP_ERROR")
    return JSONResponse(_body(detail, code, hint), error.status_code, headers)


def _allowed_methods(request: Request) -> list[str]:
    """Those of every route with this path; Starlette names the first route's only."""

    def is_taken(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in METHODS if is_taken(method)]


def _sentence(item: Any) -> str:
    """One pydantic complaint, without its jargon and without echoing a large input."""
    place = [str(part) for part in item["loc"] if part not in ("body", "query", "path")]
    if item["type"] == "extra_forbidden":
        return f"'{'.'.join(place)}' is not a known field"
    if item["type"] == "json_invalid":
        return "the body is not valid JSON"
    if not place and item["type"] in ("model_attributes_type", "missing"):
        return "the body must be a JSON object, sent as application/json"
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"'{'.'.join(place)}': {message}, got {_shorten(item.get('input'))}" if place else message


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _body(detail: str, code: str, hint: str | None) -> dict[str, str]:
    return {"detail": detail, "error_code": code} | ({"hint": hint} if hint else {})


class PlainErrorsAsJson:
    """Rewrites error answers that some library gave as text, and answers for crashes.

    A crash is logged with the request id that the caller sees in `X-Request-ID`; the caller sees no more than that.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            if answer.started:  # too late for another answer: the connection breaks, which is the truth
                raise
            request_id = Headers(scope=scope).get("x-request-id")
            logger.exception("request %s crashed: %s %s", request_id, scope["method"], scope["path"])
            crash = EmoHalloError(hint=f"tell the operator this request id: {request_id}")
            body = _body(crash.detail, crash.code, crash.hint)
            await JSONResponse(body, crash.http_status)(scope, receive, send)


class _Answer:
    """Lets messages through, except the start and body of an error that is not JSON."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._replaced: Message | None = None
        self._text = b""
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            if message["status"] >= 400 and not headers.get("content-type", "").startswith("application/json"):
                self._replaced = message
                return
        elif self._replaced is not None:
            self._text += message.get("body", b"")
            if not message.get("more_body"):
                await self._send_replacement(self._replaced)
            return
        self.started = True
        await self._send(message)

    async def _send_replacement(self, start: Message) -> None:
        status = start["status"]
        detail = self._text.decode(errors="replace").strip() or "The requested range is not in the file"
        body = json.dumps(_body(detail, CODES.get(status, "HTTP_ERROR"), None)).encode()
        kept = [(k, v) for k, v in start["headers"] if k.lower() not in (b"content-type", b"content-length")]
        own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        self.started = True
        await self._send({**start, "headers": kept + own})
        await self._send({"type": "http.response.body", "body": body})
