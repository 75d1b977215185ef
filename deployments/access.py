"""API keys, checked before any route is reached, so that no route can forget to."""

import secrets
from hashlib import sha256

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.http_errors import error_response
from emo_hallo_ray.errors import Unauthorized

PROTECTED = "/api/"
OPEN = frozenset({"/api/v1/health"})  # for monitors


class RequireApiKey:
    """Answers 401 to requests without a known key; puts the fingerprint of a known one into the scope as `caller`."""

    def __init__(self, app: ASGIApp, key_hashes: tuple[str, ...]) -> None:
        self._app = app
        self._key_hashes = [each.lower() for each in key_hashes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_protected(scope):
            key = _presented_key(Headers(scope=scope))
            fingerprint = sha256(key.encode()).hexdigest()
            # every hash is compared, so that the time taken tells nothing
            is_known = any([secrets.compare_digest(fingerprint, each) for each in self._key_hashes])  # noqa: C419  # no short cut
            if not (key and is_known):
                error = Unauthorized("No valid API key was given", "send the header 'Authorization: Bearer <key>'")
                await error_response(error)(scope, receive, send)
                return
            scope["caller"] = fingerprint
        await self._app(scope, receive, send)


def _is_protected(scope: Scope) -> bool:
    # the router's own function: `scope["path"]` begins with the application's route prefix, where it has one
    path = get_route_path(scope)
    return path.startswith(PROTECTED) and path not in OPEN


def _presented_key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else headers.get("x-api-key", "")
