"""Pages of other origins that may call the API from a browser. Without the setting there are none."""

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from deployments.http_errors import error_response
from emo_hallo_ray.errors import InputError

METHODS = ("GET", "HEAD", "POST", "DELETE")
REQUEST_HEADERS = (
    *("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Range", "If-Range"),
    *("X-Request-ID",),
)
ANSWER_HEADERS = ("X-Request-ID", "Retry-After", "Content-Disposition", "Content-Range", "ETag", "Accept-Ranges")


def allow_origins(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Let pages of exactly these origins read answers. No cookies: keys come in headers."""
    app.add_middleware(
        CorsWithErrorBody,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=REQUEST_HEADERS,
        expose_headers=ANSWER_HEADERS,
    )


class CorsWithErrorBody(CORSMiddleware):
    """Starlette's, whose refusals have our error body. It answers preflights itself: they never carry a key."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer `OPTIONS` with `Access-Control-Request-Method`."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        refusal = error_response(InputError(bytes(answer.body).decode(), "see the setting access.cors_origins"))
        refusal.headers["Vary"] = answer.headers["Vary"]
        return refusal
