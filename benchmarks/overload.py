"""How much a crowd slows a running task: 200 callers that poll every 2 s, and 20 uploads at once.

The crowd takes processor time itself, here and in the service; what counts is the slowdown beyond that.
"""

import asyncio
import os
import statistics
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil

from benchmarks.report import report
from emo_hallo.client import Hallo2Client
from emo_hallo.errors import BadRequest
from tests.chaos.crowd import poll, upload
from tests.e2e.conftest import PORTRAIT, SPEECH, cut_speech
from tests.live_service import LiveService, live_service, processes

N_CALLERS, N_UPLOADS = 200, 20
SPEECH_S, REPEATS = 9.0, 5
ROUNDS = 3


def main() -> None:
    rounds = []
    answers: Counter[int] = Counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, live_service(Path(folder)) as service:
        speech = cut_speech(SPEECH, Path(folder) / "long.wav", SPEECH_S, REPEATS)
        short = cut_speech(SPEECH, Path(folder) / "short.wav", 0.5).read_bytes()
        measure(service, speech)  # models load
        for _ in range(ROUNDS):
            alone_s, alone_cpu_s = measure(service, speech)
            crowded_s, crowded_cpu_s = measure(service, speech, crowd=(short, answers))
            # both cores are busy with the task, so what others take delays it by their share
            own_s = (crowded_cpu_s - alone_cpu_s) / (os.cpu_count() or 1)
            rounds.append(
                {
                    "alone, s": alone_s,
                    "in the crowd, s": crowded_s,
                    "slowdown": crowded_s / alone_s - 1,
                    "crowd's own time, s": own_s,
                    "beyond that": (crowded_s - own_s) / alone_s - 1,
                }
            )
    median = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    n_5xx = sum(n for status, n in answers.items() if status >= 500)
    title = (
        f"{N_CALLERS} callers, {N_UPLOADS} uploads; goal: beyond at most 0.2, no 5xx (had {n_5xx} of {answers.total()})"
    )
    report(
        "overload",
        title,
        [*({"round": str(i + 1), **one} for i, one in enumerate(rounds)), {"round": "median", **median}],
    )


def measure(service: LiveService, speech: Path, crowd: tuple[bytes, Counter[int]] | None = None) -> tuple[float, float]:
    """Wall seconds of one task, and processor seconds of everything meanwhile."""
    with Hallo2Client(service.base_url) as client:
        cpu_s = _cpu_s(service)
        task_id = client.inference(image_path=PORTRAIT, audio_path=speech, engine="preview")
        if crowd is None:
            client.wait(task_id, timeout_s=300)
        else:
            asyncio.run(_crowd(service, task_id, *crowd))
        task = client.wait(task_id, timeout_s=300)
        cpu_s = _cpu_s(service) - cpu_s
        for other in client.tasks():  # of the crowd: they wait, since one task runs at a time
            with suppress(BadRequest):  # it ended meanwhile
                client.cancel(other.task_id, force=True)
    assert task.result is not None
    created, finished = (datetime.fromisoformat(str(moment)) for moment in (task.created_at, task.finished_at))
    return (finished - created).total_seconds(), cpu_s


async def _crowd(service: LiveService, task_id: str, short: bytes, answers: Counter[int]) -> None:
    url = f"{service.base_url}/api/v1/tasks/{task_id}"
    polling = asyncio.create_task(poll(url, N_CALLERS, 600.0, answers))
    uploading = asyncio.create_task(upload(service.base_url, N_UPLOADS, PORTRAIT.read_bytes(), short, answers))
    with Hallo2Client(service.base_url) as client:
        await asyncio.to_thread(client.wait, task_id)
    await uploading
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)


def _cpu_s(service: LiveService) -> float:
    """Of all processes of the service, their children's included, and of this one."""
    total = sum(psutil.Process().cpu_times()[:2])
    for pid in processes(service):
        try:
            total += sum(psutil.Process(pid).cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return float(total)


if __name__ == "__main__":
    main()
