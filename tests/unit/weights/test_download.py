"""Downloads against a fake hub: whole or not at all, resumed, compared, and never a token to a stranger."""

import hashlib
import pickle
from pathlib import Path

import pytest
from huggingface_hub import constants

from emo_hallo_ray.errors import UnusableModelFile
from emo_hallo_ray.weights import download as module
from emo_hallo_ray.weights.checksum import git_sha1_of
from emo_hallo_ray.weights.download import download
from emo_hallo_ray.weights.errors import DownloadFailed, NotEnoughDisk
from emo_hallo_ray.weights.layout import missing_files, partial_files
from emo_hallo_ray.weights.lock import LOCK_NAME, Lock, LockedFile
from emo_hallo_ray.weights.manifest import HALLO2, MODEL_FILES, ModelFile, file_at
from tests.unit.weights.fake_hub import COMMIT, FakeHub, git_sha1
from tests.unit.weights.samples import make_content

NET, CONFIG = "hallo2/net.pth", "sd-vae-ft-mse/config.json"


def model_file(path: str) -> ModelFile:
    file = file_at(path)
    assert file is not None
    return file


def fetch(hub: FakeHub, root: Path, *paths: str) -> list[str]:
    """Download; returns what was reported."""
    reports: list[str] = []
    files = [model_file(path) for path in paths] if paths else MODEL_FILES
    download(files, root, hub.url, reports.append)
    return reports


def file_names(root: Path) -> list[str]:
    paths = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    return sorted(set(paths) - {LOCK_NAME, module.BUSY_NAME})


def test_every_file_arrives_whole_as_a_plain_file_and_nothing_else_is_left(hub: FakeHub, root: Path) -> None:
    fetch(hub, root)

    assert file_names(root) == sorted(hub.files)
    assert all((root / path).read_bytes() == content for path, content in hub.files.items())
    assert not any((root / path).is_symlink() for path in hub.files)
    assert missing_files(root, HALLO2) == []


def test_checksums_commit_and_source_are_written_down(hub: FakeHub, root: Path) -> None:
    fetch(hub, root)

    lock = Lock.read(root)

    assert set(lock.files) == set(hub.files)
    for path in (NET, CONFIG):
        entry, content = lock.files[path], hub.files[path]
        assert entry.sha256 == hashlib.sha256(content).hexdigest()
        assert (entry.size_bytes, entry.commit) == (len(content), COMMIT)
        assert entry.repository == model_file(path).source.repository


def test_what_is_there_and_right_is_not_fetched_again_nor_even_asked_about(hub: FakeHub, root: Path) -> None:
    fetch(hub, root)
    hub.recover()

    fetch(hub, root)

    assert hub.requests == []


def test_a_folder_made_by_the_originals_instructions_is_taken_over(hub: FakeHub, root: Path) -> None:
    for path, content in hub.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)

    fetch(hub, root)

    assert hub.transferred() == []
    assert set(Lock.read(root).files) == set(hub.files)


def test_weights_in_the_older_container_are_not_fetched_in_the_newer(hub: FakeHub, root: Path) -> None:
    path = "wav2vec/wav2vec2-base-960h/model.safetensors"
    older = (root / path).with_name("pytorch_model.bin")
    older.parent.mkdir(parents=True)
    older.write_bytes(make_content("pytorch_model.bin"))

    reports = fetch(hub, root, path)

    assert hub.requests == []
    assert reports == [f"{path}: 'pytorch_model.bin' is there and will do"]


def test_an_interrupted_download_goes_on_where_it_stopped(hub: FakeHub, root: Path) -> None:
    hub.cut_after = 2000
    with pytest.raises(DownloadFailed, match="the hub answered 503"):
        fetch(hub, root, NET)
    [partial] = partial_files(model_file(NET), root)
    assert partial.read_bytes() == hub.files[NET][:2000]
    assert file_names(root) == [partial.relative_to(root).as_posix()]

    hub.recover()
    reports = fetch(hub, root, NET)

    assert hub.ranges() == ["bytes=2000-"]
    assert (root / NET).read_bytes() == hub.files[NET]
    assert file_names(root) == [NET]
    assert reports[0].startswith(f"{NET}: going on with")


def test_within_one_run_a_broken_connection_is_taken_up_again(hub: FakeHub, root: Path) -> None:
    """The hub's library does this; here we see that it still appends at the right place."""
    hub.cut_after, hub.stays_down = 3000, False

    fetch(hub, root, NET)

    assert hub.ranges() == [None, "bytes=3000-"]
    assert (root / NET).read_bytes() == hub.files[NET]


def test_a_server_that_ignores_ranges_sends_everything_and_that_is_noticed(hub: FakeHub, root: Path) -> None:
    hub.cut_after = 2000
    with pytest.raises(DownloadFailed):
        fetch(hub, root, NET)
    hub.recover()
    hub.ignores_ranges = True

    fetch(hub, root, NET)

    assert (root / NET).read_bytes() == hub.files[NET]


def test_a_partial_file_of_another_version_is_not_continued(hub: FakeHub, root: Path) -> None:
    hub.cut_after = 2000
    with pytest.raises(DownloadFailed):
        fetch(hub, root, NET)
    hub.recover()
    hub.files[NET] = make_content(NET, 6000)

    fetch(hub, root, NET)

    assert hub.ranges() == [None]
    assert (root / NET).read_bytes() == hub.files[NET]
    assert file_names(root) == [NET]


def test_a_partial_file_that_is_too_long_is_started_anew(hub: FakeHub, root: Path) -> None:
    hub.cut_after = 2000
    with pytest.raises(DownloadFailed):
        fetch(hub, root, NET)
    [partial] = partial_files(model_file(NET), root)
    partial.write_bytes(bytes(len(hub.files[NET]) + 1))
    hub.recover()

    fetch(hub, root, NET)

    assert (root / NET).read_bytes() == hub.files[NET]


@pytest.mark.parametrize("path", [NET, CONFIG], ids=["large", "small"])
def test_a_file_with_a_wrong_checksum_is_deleted_and_named(hub: FakeHub, root: Path, path: str) -> None:
    content = hub.files[path]
    wrong = bytes([content[0] ^ 1]) + content[1:]
    hub.served[path] = wrong

    with pytest.raises(UnusableModelFile) as caught:
        fetch(hub, root, path)

    hashes = [git_sha1, lambda data: hashlib.sha256(data).hexdigest()][path == NET]
    assert path in caught.value.detail
    assert f"{hashes(content)} expected, {hashes(wrong)} found" in caught.value.detail
    assert file_names(root) == []
    assert Lock.read(root).files == {}


def test_files_before_the_wrong_one_stay(hub: FakeHub, root: Path) -> None:
    hub.served[NET] = bytes(len(hub.files[NET]))

    with pytest.raises(UnusableModelFile):
        fetch(hub, root, CONFIG, NET)

    assert file_names(root) == [CONFIG]
    assert set(Lock.read(root).files) == {CONFIG}


def test_too_small_a_disk_is_told_before_anything_is_fetched(
    hub: FakeHub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda folder: 100_000_000)
    monkeypatch.setattr(module, "MARGIN_BYTES", 100_000_000)

    with pytest.raises(NotEnoughDisk) as caught:
        fetch(hub, root)

    assert hub.transferred() == []
    assert "are to be fetched and 0.10 GB kept free" in caught.value.detail
    assert "has only 0.10 GB free" in caught.value.detail


def test_what_has_already_arrived_needs_no_room(hub: FakeHub, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.cut_after = 4500
    with pytest.raises(DownloadFailed):
        fetch(hub, root, NET)
    hub.recover()
    monkeypatch.setattr(module, "MARGIN_BYTES", 0)
    monkeypatch.setattr(module, "free_bytes", lambda folder: len(hub.files[NET]) - 4500)

    fetch(hub, root, NET)

    assert (root / NET).exists()


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_under_the_final_name(hub: FakeHub, root: Path) -> None:
    checksum = hashlib.sha256(hub.files[NET]).hexdigest()
    partial = module.partial_path(root / NET, checksum)
    partial.parent.mkdir(parents=True)
    partial.symlink_to("/dev/full")  # the kernel's own ENOSPC

    with pytest.raises(NotEnoughDisk, match="is full"):
        fetch(hub, root, NET)

    assert not (root / NET).exists()
    assert Lock.read(root).files == {}


def test_another_failure_of_the_disk_keeps_its_own_words(hub: FakeHub, root: Path) -> None:
    root.mkdir()
    (root / "hallo2").write_text("a file where a folder should be")

    with pytest.raises(FileExistsError):
        fetch(hub, root, NET)


def test_a_damaged_file_of_ours_is_replaced(hub: FakeHub, root: Path) -> None:
    fetch(hub, root, NET)
    (root / NET).write_bytes(bytes(len(hub.files[NET])))

    fetch(hub, root, NET)

    assert (root / NET).read_bytes() == hub.files[NET]
    assert file_names(root) == [NET]


def test_a_file_that_somebody_else_put_there_is_kept_beside_the_hubs(hub: FakeHub, root: Path) -> None:
    (root / NET).parent.mkdir(parents=True)
    (root / NET).write_bytes(b"weeks of training")

    reports = fetch(hub, root, NET)

    assert (root / NET).read_bytes() == hub.files[NET]
    assert (root / f"{NET}.replaced").read_bytes() == b"weeks of training"
    assert "it is kept as 'net.pth.replaced'" in reports[-1]


def test_a_file_in_the_lock_is_fetched_from_the_commit_it_names(hub: FakeHub, root: Path) -> None:
    fetch(hub, root, NET)
    (root / NET).unlink()
    hub.recover()

    fetch(hub, root, NET)

    assert {
        request.path.split("/resolve/")[1].split("/")[0] for request in hub.requests if request.server == "hub"
    } == {COMMIT}


def test_an_entry_of_another_repository_does_not_count(hub: FakeHub, root: Path) -> None:
    root.mkdir()
    Lock({}).with_file(NET, LockedFile("someone/else", "0" * 40, 1, "0" * 64, "then")).write(root)

    fetch(hub, root, NET)

    assert "/resolve/main/" in hub.requests[0].path


def test_the_token_goes_to_the_hub_and_not_to_its_storage(
    hub: FakeHub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    fetch(hub, root, NET, CONFIG)

    told = {
        request.server: {r.headers["Authorization"] for r in hub.requests if r.server == request.server}
        for request in hub.requests
    }
    assert told == {"hub": {"Bearer hf_secret"}, "storage": {None}}


def test_without_a_token_none_is_sent(hub: FakeHub, root: Path) -> None:
    fetch(hub, root, NET)

    assert {request.headers["Authorization"] for request in hub.requests} == {None}


def test_the_hub_does_not_hear_what_else_is_installed(hub: FakeHub, root: Path) -> None:
    usual = constants.HF_HUB_DISABLE_TELEMETRY

    fetch(hub, root, NET)

    assert [r.headers["User-Agent"] for r in hub.requests if "torch" in r.headers["User-Agent"]] == []
    assert usual == constants.HF_HUB_DISABLE_TELEMETRY


def test_a_file_that_the_hub_does_not_have_is_named(hub: FakeHub, root: Path) -> None:
    del hub.files[NET]

    with pytest.raises(DownloadFailed, match=f"'{NET}' was not downloaded: 'fudan-generative-ai/hallo2' has no such"):
        fetch(hub, root, NET)


def test_a_hub_that_is_out_of_order_is_told_by_its_answer(hub: FakeHub, root: Path) -> None:
    hub.is_down = True

    with pytest.raises(DownloadFailed, match="the hub answered 503"):
        fetch(hub, root, NET)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("GatedRepo", "accept the terms on its page"),
        ("RepoNotFound", "look at HF_TOKEN"),
        ("RevisionNotFound", "models.lock.json names a commit that is gone"),
    ],
)
def test_each_refusal_of_the_hub_has_its_own_hint(hub: FakeHub, root: Path, code: str, words: str) -> None:
    hub.refusal = code

    with pytest.raises(DownloadFailed) as caught:
        fetch(hub, root, NET)

    assert words in str(caught.value)


def test_a_hub_that_gives_no_checksum_is_not_trusted(hub: FakeHub, root: Path) -> None:
    hub.has_checksums = False

    with pytest.raises(DownloadFailed, match="lacks commit, size or checksum"):
        fetch(hub, root, NET)


def test_a_hub_that_is_not_there_is_told_in_one_line(root: Path) -> None:
    with pytest.raises(DownloadFailed, match="refused"):
        download([model_file(NET)], root, "http://127.0.0.1:9", lambda line: None)


def test_the_librarys_offline_switch_is_obeyed(hub: FakeHub, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(DownloadFailed, match="HF_HUB_OFFLINE forbids it"):
        fetch(hub, root, NET)

    assert hub.requests == []


def test_two_downloads_into_one_folder_do_not_mix(hub: FakeHub, root: Path) -> None:
    root.mkdir()

    with module._sole_download(root), pytest.raises(DownloadFailed, match="another download"):
        fetch(hub, root, NET)

    assert hub.requests == []


def test_nothing_is_left_in_the_librarys_cache(hub: FakeHub, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = root.parent / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HOME", str(cache))

    fetch(hub, root, NET)

    assert not cache.exists()


@pytest.mark.parametrize("content", [b"", b"small", bytes(3_000_000)], ids=["empty", "small", "several blocks"])
def test_gits_hash_is_that_of_git(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    assert git_sha1_of(tmp_path / "file") == git_sha1(content)


@pytest.mark.parametrize("error_class", [NotEnoughDisk, DownloadFailed])
def test_errors_survive_pickling(error_class: type[DownloadFailed]) -> None:
    error = pickle.loads(pickle.dumps(error_class("what", "hint")))

    assert (type(error), error.detail, error.hint) == (error_class, "what", "hint")
