"""The API pages render in a real browser that can reach nothing but the service."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.browser import CHROMIUM, needs_browser
from tests.live_service import LiveService

OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--virtual-time-budget=15000",
    OFFLINE,
]


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize(
    ("page", "rendered"),
    [("/docs", 'class="opblock-summary-path"'), ("/redoc", "Create a task")],
)
def test_the_page_renders_without_the_internet(service: LiveService, tmp_path: Path, page: str, rendered: str) -> None:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path}", "--dump-dom", service.base_url + page]

    dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout

    assert rendered in dom
    assert "/api/v1/inference/hallo2" in dom
