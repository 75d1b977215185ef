"""Weights from an object store, fetched by real processes of one node."""

import json
import multiprocessing
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from emo_hallo_ray.engines.registry import EngineCatalog
from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.storage import ObjectStore
from emo_hallo_ray.super_resolution.base import EnlargeOptions
from emo_hallo_ray.super_resolution.enlargers import Enlargers
from emo_hallo_ray.weights.manifest import FACES, HALLO2, MODEL_FILES, files_of
from emo_hallo_ray.weights.source import WeightsSource
from tests.object_stores import s3_server

CONTENT = b"weights" * 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    with s3_server() as store:
        yield store


@pytest.fixture
def store(server: ObjectStore, tmp_path: Path) -> ObjectStore:
    """A folder of weights with every file, one of them in its other container, and no lock file."""
    store = ObjectStore(f"{server.url}/{tmp_path.name}", server.options)
    (tmp_path / "content").write_bytes(CONTENT)
    for file in MODEL_FILES:
        usual = Path(file.path)
        store.put(tmp_path / "content", str(usual.with_name(file.other_names[0]) if file.other_names else usual))
    return store


class CountedStore(ObjectStore):
    """Writes down what is fetched, in a file that all processes share."""

    def get(self, key: str, path: Path) -> None:
        with Path(self.options["ledger"]).open("a") as ledger:
            ledger.write(f"{key}\n")
        ObjectStore(self.url, {"endpoint_url": self.options["endpoint_url"]}).get(key, path)


def provide(source: WeightsSource, root: Path) -> None:
    source.provide(root, files_of(HALLO2))


def test_each_file_is_fetched_once_however_many_replicas_want_it(store: ObjectStore, tmp_path: Path) -> None:
    ledger, root = tmp_path / "ledger", tmp_path / "weights"
    counted = CountedStore(store.url, {**store.options, "ledger": str(ledger)})
    source = WeightsSource(counted, WeightsSource.at(store).keys)

    replicas = [multiprocessing.get_context("spawn").Process(target=provide, args=(source, root)) for _ in range(3)]
    for replica in replicas:
        replica.start()
    for replica in replicas:
        replica.join(60)

    assert [replica.exitcode for replica in replicas] == [0, 0, 0]
    fetched = ledger.read_text().splitlines()
    assert sorted(fetched) == sorted(name for file in files_of(HALLO2) if (name := source.name_of(file)))
    assert all(file.find(root) for file in files_of(HALLO2))


def test_a_stage_fetches_its_own_files_only(store: ObjectStore, tmp_path: Path) -> None:
    root = tmp_path / "weights"
    catalog = EngineCatalog(weights_root=root, weights_source=WeightsSource.at(store))

    catalog.load("hallo2").portrait_preparer(512)

    assert {path.parent for path in root.rglob("*") if path.is_file()} == {root / FACES}


def test_what_can_be_fetched_counts_as_there(store: ObjectStore, tmp_path: Path) -> None:
    source = WeightsSource.at(store)

    [hallo2, *_] = EngineCatalog(weights_root=tmp_path / "w", has_gpu=True, weights_source=source).statuses()
    _, enlarging = Enlargers(tmp_path / "w", weights_source=source).settle(EnlargeOptions(2, 0.5, None, None))

    assert hallo2.available
    assert enlarging.method == "codeformer+realesrgan"


def test_a_file_that_arrives_wrong_is_not_used(store: ObjectStore, tmp_path: Path) -> None:
    path = f"{FACES}/glintr100.onnx"
    entry = {
        "repository": "r",
        "commit": "c",
        "size_bytes": 1,
        "sha256": sha256(b"other").hexdigest(),
        "checked_at": "",
    }
    (tmp_path / "lock").write_text(json.dumps({"version": 1, "files": {path: entry}}))
    store.put(tmp_path / "lock", "models.lock.json")

    with pytest.raises(UnusableModelFile, match=r"glintr100\.onnx arrived wrong"):
        provide(WeightsSource.at(store), tmp_path / "weights")

    assert not (tmp_path / "weights" / path).exists()


def test_what_a_node_has_is_not_fetched(store: ObjectStore, tmp_path: Path) -> None:
    own = tmp_path / "weights" / "hallo2" / "net.pth"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"own")

    provide(WeightsSource.at(store), tmp_path / "weights")

    assert own.read_bytes() == b"own"
