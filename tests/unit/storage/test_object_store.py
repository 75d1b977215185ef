"""Tasks' files in object stores: real servers on loopback, and nodes that share nothing but them."""

import os
import pickle
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from emo_hallo_ray.errors import InvalidSettings, StorageUnavailable
from emo_hallo_ray.settings import StorageSettings
from emo_hallo_ray.storage import ObjectStore, Storage, TaskFiles
from emo_hallo_ray.storage.task_files import COPIES_IDLE_S
from tests.object_stores import gcs_server, s3_server

SERVERS = {"s3": s3_server, "gcs": gcs_server}
TASK = "0b4c4c8e-7a53-4c56-8a31-3d0d1d3f6a10"


@pytest.fixture(scope="module", params=SERVERS)
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    with SERVERS[request.param]() as store:
        yield store


@pytest.fixture
def nodes(store: ObjectStore, tmp_path: Path) -> Iterator[tuple[TaskFiles, TaskFiles]]:
    """One task's files as two nodes see them."""
    here, there = (Storage(tmp_path / name, store).task(TASK) for name in ("here", "there"))
    for files in (here, there):
        files.make_folders()
    yield here, there
    store.delete_all("tasks")


def written(path: Path, content: bytes = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_what_one_node_keeps_another_fetches(nodes: tuple[TaskFiles, TaskFiles]) -> None:
    here, there = nodes
    content = os.urandom(7_000_000)

    here.keep(written(here.image, content), written(here.segment("00000-1.mp4")))

    assert there.fetch(there.image).read_bytes() == content
    assert there.has(there.segment("00000-1.mp4"))
    assert there.names("segments") == {"00000-1.mp4"}


def test_what_nobody_kept_is_not_there(nodes: tuple[TaskFiles, TaskFiles]) -> None:
    here, there = nodes
    written(here.image)

    assert not there.has(there.image)
    with pytest.raises(FileNotFoundError):
        there.fetch(there.image)
    assert not list(there.image.parent.iterdir())  # nor half of it


def test_many_are_fetched_in_their_order(nodes: tuple[TaskFiles, TaskFiles]) -> None:
    here, there = nodes
    names = [f"{index:05d}-1.mp4" for index in range(40)]
    here.keep(*(written(here.segment(name), name.encode()) for name in names))

    fetched = there.fetch_all(map(there.segment, names))

    assert [path.read_text() for path in fetched] == names


def test_a_file_that_may_have_changed_is_fetched_anew(nodes: tuple[TaskFiles, TaskFiles]) -> None:
    here, there = nodes
    here.keep(written(here.thumbnail, b"portrait"))
    there.fetch(there.thumbnail)
    here.keep(written(here.thumbnail, b"first frame"))

    assert there.fetch(there.thumbnail, anew=True).read_bytes() == b"first frame"


def test_old_checkpoints_go_everywhere_but_for_the_last(nodes: tuple[TaskFiles, TaskFiles]) -> None:
    here, there = nodes
    for index in range(4):
        here.keep(written(here.checkpoint(f"{index:05d}-1.mp4")), written(here.enlarging(f"{index:05d}-1.mp4")))

    there.drop_checkpoints(before=3)

    assert here.names("checkpoints") == {"00003-1.npz", "00003-1.enlarging.npz"}


def test_scratch_goes_and_the_result_stays(nodes: tuple[TaskFiles, TaskFiles]) -> None:
    here, there = nodes
    here.keep(*map(written, (here.image, here.portrait, here.segment("00000-2.mp4"), here.result(1), here.result(2))))
    assert there.has_scratch()

    there.delete_scratch(fence=2)

    assert not there.has_scratch()
    assert not there.has(there.result(1))
    assert there.fetch(there.result(2))
    assert there.has(there.image)


def test_a_deleted_task_is_gone_from_the_store(nodes: tuple[TaskFiles, TaskFiles], store: ObjectStore) -> None:
    here, there = nodes
    here.keep(written(here.image), written(here.result(1)))

    there.delete()
    there.delete()  # another replica does it too

    assert store.objects("tasks") == []
    assert there.last_change() == 0


def test_sizes_and_times_are_those_of_the_store(nodes: tuple[TaskFiles, TaskFiles]) -> None:
    here, there = nodes
    here.keep(written(here.image, bytes(1_000)), written(here.audio, bytes(500)))

    assert there.size_bytes() == 1_500
    assert abs(there.last_change() - time.time()) < 60


def test_every_task_with_files_is_known(nodes: tuple[TaskFiles, TaskFiles], store: ObjectStore, tmp_path: Path) -> None:
    here, _ = nodes
    here.keep(written(here.image))

    assert Storage(tmp_path / "a third node", store).task_ids() == [TASK]


def test_copies_that_nobody_asks_for_go_when_another_task_comes(
    nodes: tuple[TaskFiles, TaskFiles], store: ObjectStore, tmp_path: Path
) -> None:
    here, _ = nodes
    here.keep(written(here.image))
    long_ago = time.time() - COPIES_IDLE_S - 1
    os.utime(here.folder, (long_ago, long_ago))

    Storage(tmp_path / "here", store).task(str(uuid.uuid4())).make_folders()

    assert not here.folder.exists()
    assert here.fetch(here.image).read_bytes() == b"content"  # they can be had again


def test_a_store_travels_between_processes(store: ObjectStore) -> None:
    store.put(written(Path("/tmp") / f"emo-hallo-{uuid.uuid4().hex}"), "travelled")

    assert pickle.loads(pickle.dumps(store)).exists("travelled")
    store.delete(["travelled"])


def test_writing_is_tried_with_an_object_that_does_not_stay(store: ObjectStore, tmp_path: Path) -> None:
    Storage(tmp_path, store).check_writable()

    assert not [name for name in store.names("") if name.startswith("probe")]


def test_a_bucket_that_is_not_there_says_so(tmp_path: Path, store: ObjectStore) -> None:
    scheme = store.url.partition("://")[0]
    files = Storage(tmp_path, ObjectStore(f"{scheme}://no-such-bucket/x", store.options)).task(TASK)

    with pytest.raises(StorageUnavailable, match="object store"):
        files.keep(written(files.image))


def test_a_store_that_does_not_answer_is_no_fault_of_the_task(tmp_path: Path) -> None:
    nowhere = {"endpoint_url": "http://127.0.0.1:1", "config_kwargs": {"retries": {"max_attempts": 0}}}
    files = Storage(tmp_path, ObjectStore("s3://bucket", nowhere)).task(TASK)

    with pytest.raises(StorageUnavailable, match="object store"):
        files.fetch(files.image)


def test_an_address_that_nothing_speaks_to_is_refused_at_the_start() -> None:
    with pytest.raises(InvalidSettings, match="nonsense"):
        Storage.of(StorageSettings(root="nonsense://bucket"))
