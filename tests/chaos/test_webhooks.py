"""Webhooks of a real service, told to a real server on loopback, even where the service dies in between."""

import hmac
import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from emo_hallo.client import Hallo2Client
from tests.chaos.run import WEBHOOK_SECRET, Arena
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.live_service import ROOT, LiveService, wait_until
from tests.unit.webhooks.receiver import receiver


@pytest.mark.timeout(600)
def test_webhooks_hear_of_what_they_asked_for_even_across_a_crash(arena: Arena, scratch: Path, tmp_path: Path) -> None:
    short_speech = cut_speech(SPEECH, scratch / "short.wav", seconds=1.5)
    with receiver() as told:
        with Hallo2Client(arena.service.base_url) as client:
            task_id = client.inference(PORTRAIT, short_speech, webhook_url=f"{told.address}/all?token=x")
            [message] = told.wait(1)
            assert json.loads(message.body)["result"]["frames"] > 0

            post_as_documented(arena.service, told.address, tmp_path, short_speech)
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
            told.wait(1)
            # before that, the message would be in the courier's hands for a minute
            wait_until(lambda: "failed, try 1" in client.logs(third), 10, "the failure is written down")
        arena.kill_all()
        arena.start_again()
        told.wait(1, timeout_s=120)

    assert message.path == "/all?token=x"
    assert told.received[1].path == "/videos?token=of-your-own"
    assert message.headers["X-Signature-256"] == f"sha256={hmac.new(WEBHOOK_SECRET, message.body, sha256).hexdigest()}"
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
