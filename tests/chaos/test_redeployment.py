"""The service is deployed anew while a task runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emo_hallo.client import Hallo2Client
from tests.chaos.plan import PlannedTask
from tests.chaos.run import Arena
from tests.chaos.test_takeover import assert_frames_of_a_quiet_day, submit
from tests.live_service import wait_until

# some 50 clips of 0.15 s: their rendering must outlast the start of `serve deploy` on the fastest machine
LONG = PlannedTask("drifting", seed=4, upscale=1, n_clips=50)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_redeployment_gives_the_running_task_back_and_keeps_the_others(
    arena: Arena, scratch: Path, tmp_path: Path
) -> None:
    log = arena.service.log.read_text(errors="replace")
    dashboard = re.search(r"dashboard at .*?(127\.0\.0\.1:\d+)", log)
    assert dashboard is not None
    config = yaml.safe_load((arena.service.log.parent / "serve_config.yaml").read_text())
    config["applications"][0]["args"] = {"build_id": "a newer build"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "ray.serve.scripts", "deploy", "--address", f"http://{dashboard[1]}"]
    with Hallo2Client(arena.service.base_url, max_retries=10) as client:
        task_id = submit(client, LONG, scratch)
        segments = arena.service.storage / "tasks" / task_id / "segments"
        wait_until(lambda: any(segments.glob("[0-9]*.mp4")), 60, "a segment is finished")
        others = {task.task_id for task in client.tasks()} - {task_id}

        environ = os.environ | {"RAY_AUTH_MODE": "token"}
        subprocess.run([*command, tmp_path / "config.yaml"], env=environ, check=True, capture_output=True, timeout=60)

        client.wait(task_id, timeout_s=200)
        assert others <= {task.task_id for task in client.tasks()}
        assert "given back to the queue" in client.logs(task_id)
        assert_frames_of_a_quiet_day(client, task_id, scratch, LONG)
