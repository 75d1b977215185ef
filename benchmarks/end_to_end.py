"""Ten seconds of speech through the whole service at 512² with the preview engine: submission to download."""

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.report import report
from emo_hallo.client import Hallo2Client
from tests.live_service import ROOT, live_service

RUNS = 3


def main() -> None:
    samples = ROOT / "samples"
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        live_service(Path(folder)) as service,
        Hallo2Client(service.base_url) as client,
    ):
        for seed in range(RUNS):
            started = time.monotonic()
            task_id = client.inference(
                image_path=samples / "portrait.jpg", audio_path=samples / "speech.wav", use_cache=False, seed=seed
            )
            client.wait_and_download(task_id, output_path=Path(folder) / "out.mp4")
            seconds = time.monotonic() - started
            task = client.status(task_id)
            assert task.result is not None
            stages = {f"{name}, s": busy for name, busy in task.stage_seconds.items()}
            rows.append({"video, s": task.result["duration"], "all, s": seconds, **stages, "goal": "under 20 s"})
    report("end_to_end", "Submission to download, 512², no cache; the first run loads the models", rows)
    print(f"median: {statistics.median(float(str(row['all, s'])) for row in rows):.1f} s")


if __name__ == "__main__":
    main()
