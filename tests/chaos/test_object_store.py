"""A cluster whose nodes share no folder: all that one stage leaves for another goes through an object store."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from emo_hallo_ray.storage import ObjectStore
from tests.chaos.cluster import ClusterArena, processes_of
from tests.chaos.plan import WORKER_NODE, Fault, Plan, PlannedTask
from tests.chaos.run import run
from tests.live_service import processes
from tests.object_stores import S3_KEYS, s3_server


class ApartArena(ClusterArena):
    """Each node has a home of its own, and so its own `storage.local`; both workers answer requests and run tasks."""

    deployments = ({"name": "Ingress", "num_replicas": 2},)

    def __init__(self, folder: Path, store: ObjectStore) -> None:
        self.args = {
            "storage": {
                "root": store.url,
                "options": dict(store.options),
                "local": "~/copies",
                "database": str(folder / "head-disk" / "tasks.sqlite"),
            }
        }
        super().__init__(folder)

    def _node_environ(self, name: str) -> dict[str, str]:
        home = self.folder / "homes" / name
        home.mkdir(parents=True)
        return {"HOME": str(home), **S3_KEYS}

    def nodes_of(self, deployment: str) -> set[str]:
        """Which workers have a replica of it."""
        titles = processes(self.service).items()
        replicas = {pid for pid, title in titles if re.search(rf":{deployment}\b", title)}
        return {name for name in self._nodes if replicas & set(processes_of(name))}

    def copies(self) -> dict[str, set[str]]:
        """The tasks' files that each node has."""
        homes = {home.name: home / "copies" / "tasks" for home in (self.folder / "homes").iterdir()}
        return {
            name: {str(path.relative_to(tasks)) for path in tasks.rglob("*") if path.is_file()}
            for name, tasks in homes.items()
        }


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with s3_server() as store:
        yield store


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory, store: ObjectStore) -> Iterator[ApartArena]:
    arena = ApartArena(tmp_path_factory.mktemp("apart"), store)
    yield arena
    arena.kill_all()


@pytest.mark.serve
@pytest.mark.timeout(400)
def test_a_node_is_lost_and_its_tasks_go_on_elsewhere_from_the_object_store(
    apart: ApartArena, store: ObjectStore, scratch: Path
) -> None:
    tasks = (
        PlannedTask("drifting", seed=7, upscale=1, n_clips=40),
        PlannedTask("preview", seed=8, upscale=1, n_clips=4),
    )
    plan = Plan(0, tasks, (Fault(victim=WORKER_NODE, after_s=6.0),))

    assert apart.nodes_of("Ingress") == {"worker-1", "worker-2"}
    outcome = run(plan, apart, scratch)

    assert outcome.violations == []
    assert outcome.fired
    kept = {found.key for found in store.objects("tasks")}
    assert sum("result-" in key for key in kept) == len(tasks)
    assert sum(bool(files) for files in apart.copies().values()) >= 2, "both workers had work"
    assert not apart.copies()["head"], "a node without work has no copies"
    assert not (apart.folder / "storage" / "tasks").exists(), "nothing went to a common folder"


@pytest.mark.serve
def test_downloads_keep_range_and_the_stream_its_parts(apart: ApartArena) -> None:
    api = f"{apart.service.base_url}/api/v1/tasks"
    with httpx.Client(timeout=30) as http:
        task_id = next(iter(http.get(api).json()["tasks"]))
        whole = http.get(f"{api}/{task_id}/video").content
        part = http.get(f"{api}/{task_id}/video", headers={"Range": "bytes=10-99"})
        playlist = http.get(f"{api}/{task_id}/stream.m3u8").text
        parts = [line for line in playlist.splitlines() if line and not line.startswith("#")]
        answers = [http.get(f"{api}/{task_id}/{part}") for part in ("stream/init.mp4", *parts)]
        thumbnail = http.get(f"{api}/{task_id}/thumbnail")

    assert part.status_code == 206
    assert part.content == whole[10:100]
    assert playlist.endswith("#EXT-X-ENDLIST\n")
    assert {answer.status_code for answer in answers} == {200}
    assert thumbnail.content.startswith(b"\xff\xd8")


@pytest.mark.serve
def test_deleted_data_leave_the_object_store(apart: ApartArena, store: ObjectStore) -> None:
    api = f"{apart.service.base_url}/api/v1/tasks"
    with httpx.Client(timeout=30) as http:
        task_id = next(iter(http.get(api).json()["tasks"]))
        http.delete(f"{api}/{task_id}/data").raise_for_status()

    assert store.objects(f"tasks/{task_id}") == []
