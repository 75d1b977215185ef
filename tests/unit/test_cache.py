"""The preprocessing cache: hits, misses, bounds, concurrent writers."""

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from emo_hallo_ray.cache import PreprocessingCache, content_key


def make_entry(cache: PreprocessingCache, folder: Path, key: str, size_bytes: int) -> None:
    source = folder / f"{key}.npz"
    source.write_bytes(key.encode() * (size_bytes // len(key)))
    cache.store(key, source)


def test_what_was_stored_is_fetched_under_the_same_key_only(tmp_path: Path) -> None:
    cache = PreprocessingCache(tmp_path / "cache", max_bytes=1000)
    make_entry(cache, tmp_path, "a", 100)

    assert cache.fetch("a", tmp_path / "out" / "portrait.npz")
    assert (tmp_path / "out" / "portrait.npz").read_bytes() == b"a" * 100
    assert not cache.fetch("b", tmp_path / "out" / "other.npz")
    assert not (tmp_path / "out" / "other.npz").exists()


def test_the_least_recently_used_entry_goes_first(tmp_path: Path) -> None:
    cache = PreprocessingCache(tmp_path / "cache", max_bytes=250)
    for age, key in enumerate("ab"):
        make_entry(cache, tmp_path, key, 100)
        os.utime(cache.folder / f"{key}.npz", (age, age))
    cache.fetch("a", tmp_path / "used.npz")  # now "b" is the older one

    make_entry(cache, tmp_path, "c", 100)

    assert sorted(path.stem for path in cache.folder.iterdir()) == ["a", "c"]


def test_eviction_does_not_take_a_file_from_a_task_that_uses_it(tmp_path: Path) -> None:
    cache = PreprocessingCache(tmp_path / "cache", max_bytes=150)
    make_entry(cache, tmp_path, "a", 100)
    cache.fetch("a", tmp_path / "task" / "portrait.npz")

    make_entry(cache, tmp_path, "b", 100)

    assert not (cache.folder / "a.npz").exists()
    assert (tmp_path / "task" / "portrait.npz").read_bytes() == b"a" * 100


def test_concurrent_writers_of_one_key_leave_a_whole_entry(tmp_path: Path) -> None:
    cache = PreprocessingCache(tmp_path / "cache", max_bytes=3_000_000)
    source = tmp_path / "source.npz"
    source.write_bytes(os.urandom(500_000))

    with ProcessPoolExecutor(4) as pool:
        results = list(pool.map(_store_and_fetch, [(cache, source, i) for i in range(40)]))

    assert all(results)
    assert [path.name for path in cache.folder.iterdir() if not path.name.startswith("k")] == []


def _store_and_fetch(job: tuple[PreprocessingCache, Path, int]) -> bool:
    cache, source, index = job
    cache.store(f"k{index % 3}", source)
    copy = source.with_name(f"copy-{index}.npz")
    return cache.fetch(f"k{index % 3}", copy) and copy.read_bytes() == source.read_bytes()


def test_a_key_depends_on_content_and_on_everything_else_that_matters(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    (tmp_path / "c").write_bytes(b"other")

    assert content_key(tmp_path / "a", "v1") == content_key(tmp_path / "b", "v1")
    assert content_key(tmp_path / "a", "v1") != content_key(tmp_path / "a", "v2")
    assert content_key(tmp_path / "a", "v1") != content_key(tmp_path / "c", "v1")
