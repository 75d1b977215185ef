"""What browsers must not do with our answers."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self), payment=(), usb=()",
}
# an answer of the API is no page: whatever is in it, nothing of it runs
DATA = "default-src 'none'; frame-ancestors 'none'; sandbox"
# blob: is how video players feed what they have loaded, and what a person has chosen or recorded is shown
PAGE = (
    "default-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; img-src 'self' blob: data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Swagger UI and ReDoc start by a script, and style themselves, within pages that hold nothing of any user's
REFERENCE = PAGE + "; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; font-src 'self' data:"
REFERENCE_PATHS = ("/docs", "/redoc")


class SecurityHeaders:
    """Adds them to every answer; a route that sets one itself keeps its own."""

    def __init__(self, app: ASGIApp, allows_other_origins: bool = False) -> None:
        """Wrap an application.

        Args:
            allows_other_origins: CORS is configured, so pages of other origins may read answers.
        """
        self._app = app
        self._always = ALWAYS | ({"Cross-Origin-Resource-Policy": "cross-origin"} if allows_other_origins else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._always.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _policy(scope["path"], headers.get("content-type", "")))
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _policy(path: str, content_type: str) -> str:
    if path.startswith("/api/"):
        return DATA
    if not content_type.startswith("text/html"):
        return PAGE
    return REFERENCE if path.startswith(REFERENCE_PATHS) else PAGE
