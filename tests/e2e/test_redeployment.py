"""The service is deployed anew while a task runs; deaths are the business of tests/chaos."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from emo_hallo.client import Hallo2Client
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.e2e.frames import assert_same_frames, render_quietly
from tests.live_service import LiveService, live_service, wait_until


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service of its own for these tests."""
    with live_service(tmp_path_factory.mktemp("mortal"), settings={"tasks__lease_s": "3"}) as service:
        yield service


def submit_and_wait_for_a_segment(client: Hallo2Client, service: LiveService, speech: Path) -> str:
    task_id = client.inference(image_path=PORTRAIT, audio_path=speech, seed=5)
    folder = service.storage / "tasks" / task_id / "segments"
    wait_until(lambda: any(folder.glob("[0-9]*.mp4")), 60, "a segment is finished")
    return task_id


@pytest.mark.timeout(600)
def test_a_redeployment_gives_the_running_task_back_and_keeps_the_others(mortal: LiveService, tmp_path: Path) -> None:
    # two minutes of speech: their rendering must outlast the start of `serve deploy` on the fastest machine
    speech = cut_speech(SPEECH, tmp_path / "long.wav", seconds=9, repeat=13)
    quiet_video = render_quietly(speech, tmp_path / "quiet.mp4", seed=5)
    dashboard = re.search(r"dashboard at .*?(127\.0\.0\.1:\d+)", mortal.log.read_text(errors="replace"))
    assert dashboard is not None
    config = yaml.safe_load((mortal.log.parent / "serve_config.yaml").read_text())
    config["applications"][0]["args"] = {"build_id": "a newer build"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "ray.serve.scripts", "deploy", "--address", f"http://{dashboard[1]}"]
    with Hallo2Client(mortal.base_url, max_retries=8) as client:
        task_id = submit_and_wait_for_a_segment(client, mortal, speech)
        others = {task.task_id for task in client.tasks()} - {task_id}

        environ = os.environ | {"RAY_AUTH_MODE": "token"}
        subprocess.run([*command, tmp_path / "config.yaml"], env=environ, check=True, capture_output=True, timeout=60)

        client.wait(task_id, timeout_s=300)
        assert others <= {task.task_id for task in client.tasks()}
        assert "given back to the queue" in client.logs(task_id)
        client.download(task_id, tmp_path / "out.mp4")
    assert_same_frames(tmp_path / "out.mp4", quiet_video)
