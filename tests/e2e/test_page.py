"""The page at `/` in a real browser, against the real service."""

import re
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from emo_hallo.client import Hallo2Client
from tests.e2e.browser import chromium, needs_browser, visit
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.live_service import LiveService, free_port, wait_until
from tests.unit.deployments.api import make_api

pytestmark = [pytest.mark.browser, needs_browser]

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
SOON_MS, LATER_MS = 20_000, 90_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def long_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 20 s of work."""
    return cut_speech(SPEECH, tmp_path_factory.mktemp("speech") / "long.wav", seconds=8.0, repeat=2)


def fill(page: Page, portrait: Path, speech: Path) -> None:
    page.set_input_files("#portrait-file", portrait)
    page.set_input_files("#sound-file", speech)
    expect(page.locator("#submit")).to_be_enabled(timeout=SOON_MS)


def is_playing(page: Page) -> bool:
    playing: bool = page.locator("video").evaluate("(video) => video.currentTime > 0.5 && !video.paused")
    return playing


def test_a_person_makes_a_video_watches_it_meanwhile_and_downloads_it(
    browser: Browser, service: LiveService, http: httpx.Client, long_speech: Path, tmp_path: Path
) -> None:
    with visit(browser, service.base_url, accept_downloads=True) as visitor:
        page = visitor.page
        page.goto("/")
        expect(page.locator("#service")).to_have_text("Preview is ready", timeout=SOON_MS)
        expect(page.locator("#submit")).to_be_disabled()

        fill(page, PORTRAIT, long_speech)
        expect(page.locator("#portrait-note")).to_have_text("Face found.")
        expect(page.locator("#sound-note")).to_have_text("0:16 of sound.")
        assert painted(page, "#portrait canvas") > 0.01
        assert painted(page, "#sound canvas") > 0.01

        page.get_by_role("button", name="Make the video").click()
        expect(page.locator("#stage-title")).to_have_text(re.compile("Drawing frames"), timeout=SOON_MS)
        expect(page.locator("#remaining")).to_have_text(re.compile(r"about \d:\d\d left"), timeout=SOON_MS)
        page.wait_for_function("() => document.querySelector('video').currentTime > 0.5", timeout=SOON_MS)
        task_id = page.url.rsplit("/", 1)[1]
        assert http.get(f"/api/v1/tasks/{task_id}").json()["status"] == "processing"
        assert is_playing(page)

        expect(page.locator("#stage-title")).to_have_text("The video is ready", timeout=LATER_MS)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
        download.value.save_as(tmp_path / "video.mp4")
        page.wait_for_function("() => document.querySelector('video').currentTime > 10", timeout=LATER_MS)
        assert is_playing(page)  # over the seam of stream and file, and of all segments

    expected = http.get(f"/api/v1/tasks/{task_id}/video").content
    assert download.value.suggested_filename == f"emo-hallo-{task_id[:8]}.mp4"
    assert sha256((tmp_path / "video.mp4").read_bytes()).digest() == sha256(expected).digest()


def painted(page: Page, canvas: str) -> float:
    """Share of a canvas's pixels that are not transparent."""
    share: float = page.locator(canvas).evaluate(
        """(canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let n = 0;
            for (let at = 3; at < data.length; at += 4) n += data[at] > 0;
            return (4 * n) / data.length;
        }"""
    )
    return share


def test_files_that_cannot_be_used_are_told_at_once(browser: Browser, service: LiveService, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with visit(browser, service.base_url) as visitor:
        page = visitor.page
        page.goto("/")
        page.set_input_files("#portrait-file", tmp_path / "a.jpg")
        page.set_input_files("#sound-file", tmp_path / "a.wav")

        expect(page.locator("#portrait-note.bad")).to_have_text(
            re.compile("Invalid image file format"), timeout=SOON_MS
        )
        expect(page.locator("#sound-note.bad")).to_have_text(re.compile("Invalid audio file format"), timeout=SOON_MS)
        expect(page.locator("#submit")).to_be_disabled()
        # the browser tells its console of answers that are no success
        assert all("400" in complaint for complaint in visitor.complaints)
        visitor.complaints.clear()


def test_files_can_be_dropped(browser: Browser, service: LiveService) -> None:
    with visit(browser, service.base_url) as visitor:
        page = visitor.page
        page.goto("/")
        dropped = page.evaluate_handle(
            """([bytes]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], "portrait.jpg", { type: "image/jpeg" }));
                return data;
            }""",
            [list(PORTRAIT.read_bytes())],
        )
        page.dispatch_event(".drop.portrait", "drop", {"dataTransfer": dropped})

        expect(page.locator("#portrait-note")).to_have_text("Face found.", timeout=SOON_MS)


def test_the_microphone_gives_a_recording_that_the_service_takes(browser: Browser, service: LiveService) -> None:
    with visit(browser, service.base_url, permissions=["microphone"]) as visitor:
        page = visitor.page
        page.goto("/")
        page.get_by_role("button", name="Use the microphone").click()
        expect(page.locator("#sound-note")).to_have_text("Recording, 0:02", timeout=SOON_MS)
        page.get_by_role("button", name="Stop recording").click()

        expect(page.locator("#sound-note.good")).to_have_text(re.compile("0:0[23] of sound"), timeout=SOON_MS)
        expect(page.get_by_role("button", name="Use the microphone")).to_be_visible()


def test_the_whole_way_goes_by_keyboard(browser: Browser, service: LiveService, short_speech: Path) -> None:
    with visit(browser, service.base_url) as visitor:
        page = visitor.page
        page.goto("/")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the form")
        page.keyboard.press("Enter")
        fill(page, PORTRAIT, short_speech)
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("() => document.activeElement.name || document.activeElement.id"))
            if reached[-1] == "submit":
                break
        assert {"sound-file", "record", "engine", "preset", "upscale", "submit"} <= set(reached)
        page.keyboard.press("Enter")

        expect(page.locator("#stage-title")).to_have_text("The video is ready", timeout=LATER_MS)
        assert "The video is ready" in page.locator("#announcer").inner_text()


def test_a_link_leads_to_its_task_and_history_shows_it(
    browser: Browser, service: LiveService, client: Hallo2Client, short_speech: Path
) -> None:
    completed = client.inference(PORTRAIT, short_speech, seed=13)  # among the newest, which are those that are shown
    client.wait(completed)
    with visit(browser, service.base_url) as visitor:
        page = visitor.page
        page.goto(f"/#/tasks/{completed}")
        expect(page.locator("#stage-title")).to_have_text("The video is ready", timeout=SOON_MS)
        page.wait_for_function("() => document.querySelector('video').duration > 1", timeout=SOON_MS)
        card = page.locator(f"#history a[data-id='{completed}']")
        expect(card).to_have_attribute("aria-current", "true")
        expect(card.locator("img")).to_have_js_property("naturalWidth", 320, timeout=SOON_MS)
        page.locator("#facts summary").click()
        expect(page.locator("#facts pre")).to_have_text(re.compile(r"\[INFO\] completed"), timeout=SOON_MS)

        page.locator(".mark").click()
        expect(page.locator("#stage")).to_be_hidden()
        page.go_back()
        expect(page.locator("#stage")).to_be_visible()


def test_a_running_task_can_be_cancelled_and_its_data_deleted(
    browser: Browser, service: LiveService, client: Hallo2Client, long_speech: Path
) -> None:
    task_id = client.inference(PORTRAIT, long_speech, seed=11)
    with visit(browser, service.base_url) as visitor:
        page = visitor.page
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"/#/tasks/{task_id}")
        page.locator("#cancel").click()
        expect(page.locator("#stage-title")).to_have_text("Cancelled", timeout=SOON_MS)
        page.locator("#delete").click()
        expect(page.locator("#stage-note")).to_have_text("Photo, recording and video were deleted.", timeout=SOON_MS)

    assert client.status(task_id).raw["data_deleted_at"] is not None


def test_a_link_to_no_task_says_so(browser: Browser, service: LiveService) -> None:
    with visit(browser, service.base_url) as visitor:
        visitor.page.goto("/#/tasks/00000000-0000-4000-8000-000000000000")
        expect(visitor.page.locator("#stage-title")).to_have_text("There is no such task.", timeout=SOON_MS)
        assert all("404" in complaint for complaint in visitor.complaints)
        visitor.complaints.clear()


def test_the_page_speaks_the_language_of_its_visitor_and_remembers_another(
    browser: Browser, service: LiveService
) -> None:
    with visit(browser, service.base_url, locale="zh-CN") as visitor:
        page = visitor.page
        page.goto("/")
        expect(page.locator("h1")).to_have_text("让照片开口说话")
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        page.get_by_role("button", name="English").click()
        expect(page.locator("h1")).to_have_text("Make a portrait speak")
        page.reload()
        expect(page.locator("h1")).to_have_text("Make a portrait speak")


@pytest.mark.parametrize(
    "options",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "dark", "locale": "zh-CN", **PHONE}],
    ids=["light", "dark", "phone"],
)
def test_nobody_is_left_out(
    browser: Browser, service: LiveService, completed: str, short_speech: Path, options: dict[str, object]
) -> None:
    """No violation of the rules that axe can check, and nothing to scroll sideways for."""
    with visit(browser, service.base_url, **options) as visitor:
        page = visitor.page
        page.goto(f"/#/tasks/{completed}")
        fill(page, PORTRAIT, short_speech)
        page.locator("#facts summary").click()
        page.wait_for_function("() => document.querySelectorAll('#facts dd').length > 5", timeout=SOON_MS)

        # a video of somebody speaking has no captions to offer: nobody knows the words
        found = Axe().run(page, options={"rules": {"video-caption": {"enabled": False}}})

        assert [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found.response["violations"]] == []
        assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_chosen_theme_stays(browser: Browser, service: LiveService) -> None:
    with visit(browser, service.base_url, color_scheme="light") as visitor:
        page = visitor.page
        page.goto("/")
        background = "() => getComputedStyle(document.querySelector('.drop')).backgroundColor"
        light = page.evaluate(background)
        for _ in range(2):
            page.locator("#theme").click()
        expect(page.locator("#theme")).to_have_text("Dark")
        page.reload()

        assert page.evaluate(background) != light


@pytest.fixture
def protected(tmp_path: Path) -> Iterator[str]:
    """The address of an application that wants a key; nothing runs tasks there."""
    app = make_api(tmp_path, access={"api_key_hashes": [sha256(b"s3cret").hexdigest()]})
    server = uvicorn.Server(uvicorn.Config(app, port=free_port(), log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, 20, "the application is up")
    yield f"http://127.0.0.1:{server.config.port}"
    server.should_exit = True
    thread.join()


def test_a_protected_service_asks_for_its_key_until_it_is_right(browser: Browser, protected: str) -> None:
    with visit(browser, protected) as visitor:
        page = visitor.page
        page.goto("/")
        dialog = page.get_by_role("dialog", name="API key")
        for key in ("wrong", "s3cret"):
            expect(dialog).to_be_visible(timeout=SOON_MS)
            page.get_by_label("Key", exact=True).fill(key)
            page.get_by_role("button", name="Use this key").click()

        expect(page.locator("#history-note")).to_have_text("Nothing here yet.", timeout=SOON_MS)
        expect(dialog).to_be_hidden()
        assert all("401" in complaint for complaint in visitor.complaints)
        visitor.complaints.clear()
