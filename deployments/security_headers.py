"""What every answer tells browsers: run nothing that is not ours, show us in nobody's frame, hear but do not look."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# a page may record speech; features that are not named here keep the browser's own rule
OFF = (
    *("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
    *("idle-detection", "local-fonts", "magnetometer", "midi", "payment", "publickey-credentials-get", "serial"),
    *("storage-access", "usb", "window-management", "xr-spatial-tracking"),
)
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(["microphone=(self)", *(f"{feature}=()" for feature in OFF)]),
}
FOR_DATA = "default-src 'none'; frame-ancestors 'none'; sandbox"
# blob: is how a player hands over what it has put together, and where it runs its parser
FOR_PAGES = (
    "default-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; img-src 'self' blob: data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# a worker goes by the policy that comes with its script
PAGE_TYPES = ("text/html", "text/javascript", "application/javascript")


class SecurityHeaders:
    """Adds them to every answer, a crash included, so it is the outermost. A policy that is there already stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._everywhere = [(name.lower().encode(), value.encode()) for name, value in EVERYWHERE.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = self._missing(Headers(raw=message["headers"]), scope["path"])
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _missing(self, headers: Headers, path: str) -> list[tuple[bytes, bytes]]:
        missing = list(self._everywhere)
        if "content-security-policy" not in headers:
            is_page = headers.get("content-type", "").startswith(PAGE_TYPES)
            missing.append((b"content-security-policy", (FOR_PAGES if is_page else FOR_DATA).encode()))
        if "cache-control" not in headers and "/api/" in path:
            # a key may come in X-API-Key, which no cache on the way knows for a secret
            missing.append((b"cache-control", b"private, no-cache"))
        return missing
