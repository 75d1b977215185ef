"""A real browser that can reach nothing but this machine, and tells what it tried."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--autoplay-policy=no-user-gesture-required"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),  # a microphone that beeps
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium, the system's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One visitor on the page, and all that went wrong meanwhile."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visit(browser: Browser, base_url: str, **options: Any) -> Iterator[Visit]:
    """Open a page in a profile of its own; nothing may fail on it, and nothing may be asked elsewhere."""
    context = browser.new_context(base_url=base_url, **{"locale": "en-GB", **options})
    visitor = Visit(context.new_page())
    _watch(context, visitor, base_url)
    yield visitor
    context.close()
    assert visitor.complaints == []


def _watch(context: BrowserContext, visitor: Visit, base_url: str) -> None:
    def guard(route: Route) -> None:
        if route.request.url.startswith(base_url):
            route.continue_()
        else:
            visitor.complaints.append(f"asked for {route.request.url}")
            route.abort()

    context.route(lambda url: url.startswith(("http", "ws")), guard)
    visitor.page.on("pageerror", lambda error: visitor.complaints.append(f"error {error}"))
    visitor.page.on(
        "console",
        lambda message: visitor.complaints.append(message.text) if message.type in ("error", "warning") else None,
    )
