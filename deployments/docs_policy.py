"""The content security policy of /docs and /redoc: each has one inline script, which its policy names by its hash."""

import re
from base64 import b64encode
from hashlib import sha256

from starlette._utils import get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = frozenset({"/docs", "/redoc"})
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
# Swagger UI and ReDoc write styles into the page as they run, and ReDoc searches in a worker made from a blob
POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class DocsPolicy:
    """Gives the two pages their policy. Hashing what is sent is safe for these alone: they show nobody's input."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and get_route_path(scope) in PAGES
        await self._app(scope, receive, _Held(send).send if is_page else send)


class _Held:
    """Holds the start of an answer back until its body is there."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if not message.get("more_body"):
            scripts = " ".join(_source(script) for script in INLINE_SCRIPT.findall(self._body))
            policy = (b"content-security-policy", POLICY.format(scripts=scripts).encode())
            await self._send({**self._start, "headers": [*self._start["headers"], policy]})
            await self._send({"type": "http.response.body", "body": self._body})


def _source(script: bytes) -> str:
    return f"'sha256-{b64encode(sha256(script).digest()).decode()}'"
