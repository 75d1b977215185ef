"""More work than the service takes: limits hold over several replicas, callers take turns, nobody gets a 5xx."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from emo_hallo.client import Hallo2Client
from emo_hallo.errors import ApiError, BadRequest
from tests.chaos.crowd import poll, upload
from tests.chaos.run import SETTINGS
from tests.chaos.undisturbed import speech_of
from tests.e2e.conftest import PORTRAIT
from tests.live_service import ROOT, LiveService, live_service, wait_until

KEYS = ("key of one", "key of another")
MAX_CONCURRENT, MAX_QUEUED = 2, 8
N_REPLICAS = 3
HASHES = str([sha256(key.encode()).hexdigest() for key in KEYS]).replace("'", '"')


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    settings = SETTINGS | {
        "tasks__max_concurrent": str(MAX_CONCURRENT),
        "tasks__max_queued": str(MAX_QUEUED),
        "access__api_key_hashes": HASHES,
    }
    replicas = [{"name": "Ingress", "num_replicas": N_REPLICAS}]
    folder = tmp_path_factory.mktemp("crowded")
    with live_service(folder, settings=settings, deployments=replicas, environ={"PYTHONPATH": str(ROOT)}) as service:
        # each that joins makes the proxy start anew, which breaks connections
        wait_until(lambda: _n_ingress(service) == N_REPLICAS, 90, "all replicas are up")
        yield service


def _n_ingress(service: LiveService) -> int:
    stages = httpx.get(f"{service.base_url}/api/v1/health", timeout=30).json().get("stages", {})
    return int(stages.get("Ingress", 0))


@pytest.fixture
def callers(crowded: LiveService) -> Iterator[list[Hallo2Client]]:
    clients = [Hallo2Client(crowded.base_url, api_key=key) for key in KEYS]
    yield clients
    for client in clients:
        for task in client.tasks():
            with suppress(BadRequest):  # it ended meanwhile
                client.cancel(task.task_id, force=True)
        client.close()


def submit(client: Hallo2Client, scratch: Path, n_clips: int = 5) -> str:
    return client.inference(image_path=PORTRAIT, audio_path=speech_of(n_clips, scratch), engine="drifting")


def test_a_full_queue_says_when_to_come_back(callers: list[Hallo2Client], scratch: Path) -> None:
    impatient = Hallo2Client(callers[0].base_url, api_key=KEYS[0], max_retries=0)
    with impatient, pytest.raises(ApiError) as refusal:
        for _ in range(MAX_QUEUED + MAX_CONCURRENT + 1):
            submit(impatient, scratch, n_clips=20)

    assert (refusal.value.status_code, refusal.value.error_code) == (429, "QUEUE_FULL")
    answer = httpx.post(
        f"{callers[0].base_url}/api/v1/inference/hallo2", content=b"", headers={"Authorization": f"Bearer {KEYS[0]}"}
    )
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_no_more_tasks_run_than_may_whatever_replica_claims(
    crowded: LiveService, callers: list[Hallo2Client], scratch: Path
) -> None:
    task_ids = [submit(callers[0], scratch) for _ in range(7)]
    running = []
    with httpx.Client(timeout=30) as http:
        while not all(callers[0].status(task_id).is_terminal for task_id in task_ids):
            health = http.get(f"{crowded.base_url}/api/v1/health").json()
            running.append(health["tasks"]["running"])
            time.sleep(0.05)

    assert max(running) == MAX_CONCURRENT
    assert {callers[0].status(task_id).status for task_id in task_ids} == {"completed"}


def test_a_caller_with_many_tasks_does_not_keep_another_waiting(callers: list[Hallo2Client], scratch: Path) -> None:
    many = [submit(callers[0], scratch) for _ in range(6)]
    few = [submit(callers[1], scratch) for _ in range(2)]

    first, second = (callers[1].wait(task_id, timeout_s=120) for task_id in few)
    others = [callers[0].wait(task_id, timeout_s=120) for task_id in many]

    # two were running when the other caller came; from the first that ended each caller has one of the two places
    starts = sorted(str(task.started_at) for task in (first, second, *others))
    assert str(first.started_at) in starts[:3]
    assert _seconds(second.started_at) - _seconds(first.finished_at) < 3.0
    assert str(second.started_at) < max(str(task.started_at) for task in others)
    for task_id in few:
        with pytest.raises(ApiError, match="no task"):
            callers[0].status(task_id)


def _seconds(moment: str | None) -> float:
    return datetime.fromisoformat(str(moment)).timestamp()


def test_a_crowd_of_callers_gets_no_5xx(arena_free: LiveService, scratch: Path) -> None:
    counts: Counter[int] = Counter()

    async def crowd() -> None:
        with Hallo2Client(arena_free.base_url) as client:
            task_id = submit(client, scratch, n_clips=20)
        url = f"{arena_free.base_url}/api/v1/tasks/{task_id}"
        image, speech = PORTRAIT.read_bytes(), speech_of(1, scratch).read_bytes()
        await asyncio.gather(poll(url, 200, 10.0, counts), upload(arena_free.base_url, 20, image, speech, counts))

    asyncio.run(crowd())

    assert set(counts) <= {200, 429}
    assert counts[200] >= 200 * 5


@pytest.fixture
def arena_free(arena) -> LiveService:
    """The mortal service, of which nobody kills anything meanwhile."""
    service: LiveService = arena.service
    return service
