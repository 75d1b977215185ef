"""The README's pictures of the page: `python -m tools.screenshots` drives a running service with the bundled sample.

make serve                          # in another terminal
python -m tools.screenshots
"""

import io
import os
import shutil
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich.progress import track

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SERVER = os.environ.get("EMO_HALLO_SERVER", "http://localhost:8001")
PATIENCE_MS = 120_000
DESK = {"viewport": {"width": 1280, "height": 860}, "device_scale_factor": 1.5}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}


def make_pictures(browser: Browser) -> None:
    """Light while the video is made, dark when it is there, Chinese on a phone."""
    shots = (("page-light", DESK, "light", "en", False), ("page-dark", DESK, "dark", "en", True))
    for name, device, scheme, language, is_finished in track(shots, "screenshots"):
        page = _open(browser, device, scheme, language)
        _submit(page)
        if is_finished:
            page.wait_for_selector("#download:not([hidden])", timeout=PATIENCE_MS)
        page.wait_for_function("() => document.querySelector('video').currentTime > 0.9", timeout=PATIENCE_MS)
        _save(page, name)
    page = _open(browser, PHONE, "dark", "zh-CN")
    page.wait_for_timeout(500)
    _save(page, "page-phone")


def _open(browser: Browser, device: dict[str, Any], scheme: str, language: str) -> Page:
    options: dict[str, Any] = {**device, "color_scheme": scheme, "locale": language}
    page = browser.new_context(**options).new_page()
    page.goto(SERVER)
    page.set_input_files("#portrait-file", ROOT / "samples" / "portrait.jpg")
    page.set_input_files("#sound-file", ROOT / "samples" / "speech.wav")
    page.wait_for_selector("#submit:not([disabled])", timeout=PATIENCE_MS)
    page.wait_for_timeout(1_000)  # the mesh is drawn line by line
    return page


def _submit(page: Page) -> None:
    page.click("#submit")
    page.wait_for_selector("#stage:not([hidden])", timeout=PATIENCE_MS)
    page.evaluate("() => scrollTo(0, 0)")


def _save(page: Page, name: str) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(IMAGES / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        flags = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        make_pictures(browser)
        browser.close()
