"""The web page at `/`, and the files that it is made of."""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(str(files("emo_hallo_ray") / "web"))
# asked for again every time, which costs an ETag: after an upgrade no page mixes old parts with new ones
CACHING = {"Cache-Control": "no-cache"}


class PageFiles(StaticFiles):
    """Scripts, styles and pictures."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(CACHING)
        return response


def serve_page(app: FastAPI) -> None:
    """Add the page to an application. Its addresses are relative: under a route prefix it works as well."""

    @app.get("/", include_in_schema=False)
    @app.head("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(FOLDER / "index.html", headers=CACHING)

    app.mount("/web", PageFiles(directory=FOLDER))
