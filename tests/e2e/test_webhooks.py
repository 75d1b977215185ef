"""Webhooks of a real service, told to a real server on loopback; and what the service refuses to talk to."""

import hmac
import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from emo_hallo.client import Hallo2Client
from tests.e2e.conftest import PORTRAIT, SPEECH
from tests.live_service import ROOT, LiveService, live_service
from tests.unit.webhooks.receiver import receiver

SETTINGS = {
    "webhooks__allow_private_addresses": "true",
    "webhooks__secret": "s3cret",
    "webhooks__first_retry_s": "3",
    "tasks__max_concurrent": "2",
}
DISCARD = "http://127.0.0.1:9/"  # nobody listens there


@pytest.mark.timeout(600)
def test_webhooks_hear_of_what_they_asked_for_even_across_a_crash(tmp_path: Path, short_speech: Path) -> None:
    with receiver() as told:
        with live_service(tmp_path / "first", tmp_path / "storage", settings=SETTINGS) as service:
            with Hallo2Client(service.base_url) as client:
                task_id = client.inference(PORTRAIT, short_speech, webhook_url=f"{told.address}/all?token=x")
                [message] = told.wait(1)
                assert json.loads(message.body)["result"]["frames"] > 0

                post_as_documented(service, told.address, tmp_path, short_speech)
                told.wait(1)

                told.answers = [503, 200]
                events = "processing,completed"
                second = client.inference(PORTRAIT, short_speech, webhook_url=told.address, webhook_events=events)
                client.wait(second)
                told.wait(3)
                bodies = [json.loads(each.body) for each in told.received[2:5]]
                lines = client.logs(second)
                first_lines = client.logs(task_id)

                told.answers = [503, 200]  # the next one fails once, and the service dies before it tries again
                third = client.inference(PORTRAIT, short_speech, webhook_url=told.address)
                client.wait(third)
                told.wait(1)
            service.kill()
        with live_service(tmp_path / "second", tmp_path / "storage", settings=SETTINGS):
            told.wait(1, timeout_s=120)

    assert message.path == "/all?token=x"
    assert told.received[1].path == "/videos?token=of-your-own"
    assert message.headers["X-Signature-256"] == f"sha256={hmac.new(b's3cret', message.body, sha256).hexdigest()}"
    assert (json.loads(message.body)["event"], json.loads(message.body)["task_id"]) == ("completed", task_id)
    assert "webhook completed to 127.0.0.1 delivered: 200, try 1" in first_lines
    assert "token" not in first_lines
    # the one that failed came again, after the other or before it
    assert sorted(body["event"] for body in bodies) in (
        ["completed", "processing", "processing"],
        ["completed", "completed", "processing"],
    )
    assert len({body["delivery_id"] for body in bodies}) == 2
    assert " to 127.0.0.1 failed, try 1: answered 503; again in " in lines
    assert json.loads(told.received[-1].body)["task_id"] == third
    assert told.received[-1].headers["X-Emo-Hallo-Delivery"] == told.received[-2].headers["X-Emo-Hallo-Delivery"]


def post_as_documented(service: LiveService, receiver_address: str, folder: Path, speech: Path) -> None:
    """The recipe's own command, with our addresses."""
    shutil.copy(PORTRAIT, folder / "person.jpg")
    shutil.copy(speech, folder / "speech.wav")
    recipe = re.search(r"```bash\n([^`]*example\.com[^`]*)```", (ROOT / "docs" / "RECIPES.md").read_text())
    assert recipe
    command = recipe[1].replace("https://example.com", receiver_address)
    command = command.replace("http://localhost:8001", service.base_url).replace("curl ", "curl --fail-with-body ")
    subprocess.run(["bash", "-e", "-c", command], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize(
    "address",
    [
        *(
            DISCARD,
            "http://localhost:8265/",
            "http://[::1]/",
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1",
        ),
        *("http://2130706433/", "http://0x7f000001/", "http://no-such-host.invalid/", "file:///etc/passwd", "nonsense"),
        *("http://user:password@93.184.216.34/", "https://93.184.216.34/#fragment"),
    ],
)
def test_a_service_talks_to_nobody_inside(http: httpx.Client, address: str) -> None:
    answer = create(http, webhook_url=address)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "WEBHOOK_NOT_ALLOWED")


def test_an_unknown_event_is_refused_with_those_that_there_are(http: httpx.Client) -> None:
    answer = create(http, webhook_url="https://93.184.216.34/", webhook_events="completed,started")

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER")
    assert "'started'; there are processing, completed, failed, cancelled" in answer.json()["detail"]


def create(http: httpx.Client, **fields: str) -> httpx.Response:
    files = {"image_file": PORTRAIT.read_bytes(), "audio_file": SPEECH.read_bytes()}
    return http.post("/api/v1/inference/hallo2", files=files, data=fields)
