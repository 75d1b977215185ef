"""Mixed load: what many kinds of users do at once, for as long as it is told to."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx

from emo_hallo.client import Hallo2Client
from emo_hallo.errors import ApiError, HalloError
from tests.chaos.undisturbed import speech_of
from tests.e2e.conftest import PORTRAIT

BAD_UPLOADS = (b"GIF89a nothing", b"", b"\xff\xd8\xff\xe0 cut short", bytes(5000))
MAX_WAITING = 4


class Load:
    """Threads of users; `counts` says what they did and what they were told."""

    def __init__(self, base_url: str, scratch: Path, api_key: str | None = None) -> None:
        self.base_url = base_url
        self.counts: Counter[str] = Counter()
        self._scratch = scratch
        self._api_key = api_key
        self._stopped = threading.Event()
        self._open: list[str] = []
        self._threads: list[threading.Thread] = []

    def start(self, n_pollers: int = 8) -> None:
        jobs: list[Callable[[Hallo2Client, random.Random], None]] = [
            self._submit,
            self._look_around,
            self._upload_nonsense,
        ]
        jobs += [self._poll] * n_pollers
        for number, job in enumerate(jobs):
            thread = threading.Thread(target=self._repeat, args=(job, number), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, job: Callable[[Hallo2Client, random.Random], None], number: int) -> None:
        dice = random.Random(number)
        with Hallo2Client(self.base_url, api_key=self._api_key, max_retries=0) as client:
            while not self._stopped.is_set():
                try:
                    job(client, dice)
                except ApiError as error:
                    self.counts[f"answer {error.status_code}"] += 1
                except HalloError as error:
                    self.counts[type(error).__name__] += 1

    def _submit(self, client: Hallo2Client, dice: random.Random) -> None:
        if len(self._open) >= MAX_WAITING:
            self._stopped.wait(0.5)
            return
        task_id = client.inference(
            image_path=PORTRAIT,
            audio_path=speech_of(dice.choice((1, 2, 4)), self._scratch),
            engine=dice.choice(("drifting", "preview")),
            seed=dice.randrange(10),
            upscale=dice.choice((1, 1, 2)),
            use_cache=dice.random() < 0.7,
        )
        self.counts["submitted"] += 1
        self._open.append(task_id)
        if dice.random() < 0.15:
            client.cancel(task_id, force=True)
            self.counts["cancelled"] += 1
        threading.Thread(target=self._follow, args=(task_id, dice.random()), daemon=True).start()

    def _follow(self, task_id: str, chance: float) -> None:
        """To the end by events, then fetch the video, and sometimes delete what is left."""
        with Hallo2Client(self.base_url, api_key=self._api_key) as client:
            try:
                status = "unknown"
                for task in client.events(task_id):
                    self.counts["events"] += 1
                    status = task.status
                self.counts[f"ended {status}"] += 1
                if status == "completed":
                    client.download(task_id, self._scratch / f"{task_id}.mp4")
                    (self._scratch / f"{task_id}.mp4").unlink()
                if chance < 0.2:
                    client.delete_data(task_id)
                    self.counts["data deleted"] += 1
            except HalloError as error:
                self.counts[f"following: {error}"] += 1
            finally:
                self._open.remove(task_id)

    def _poll(self, client: Hallo2Client, dice: random.Random) -> None:
        self._stopped.wait(2.0)
        for task_id in list(self._open)[:1]:
            client.status(task_id)
            self.counts["polls"] += 1

    def _look_around(self, client: Hallo2Client, dice: random.Random) -> None:
        self._stopped.wait(3.0)
        client.health()
        next(iter(client.tasks()), None)
        client.configure(inference_steps=dice.randint(1, 200))
        self.counts["looks around"] += 1

    def _upload_nonsense(self, client: Hallo2Client, dice: random.Random) -> None:
        self._stopped.wait(2.0)
        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        answer = httpx.post(
            f"{self.base_url}/api/v1/inference/hallo2",
            files={"image_file": dice.choice(BAD_UPLOADS), "audio_file": dice.choice(BAD_UPLOADS)},
            headers=headers,
            timeout=60,
        )
        self.counts[f"nonsense answered {answer.status_code}"] += 1


def wait(seconds: float, every_s: float, tick: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        tick()
        time.sleep(every_s)
