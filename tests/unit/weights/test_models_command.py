"""`emo-hallo models`, through the real command line."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emo_hallo_ray.cli import models
from emo_hallo_ray.weights.lock import Lock
from emo_hallo_ray.weights.manifest import MODEL_FILES
from tests.unit.weights.conftest import Run
from tests.unit.weights.fake_hub import FakeHub
from tests.unit.weights.samples import make_content

NET, RESTORER, SEPARATOR = "hallo2/net.pth", "hallo2/net_g.pth", "audio_separator/Kim_Vocal_2.onnx"
DEFAULTS = {file.path for file in MODEL_FILES if file.is_default}


@pytest.fixture
def mirror(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.url}/")
    return hub


def agree(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    monkeypatch.setattr(models, "_can_ask", lambda: True)
    monkeypatch.setattr(models.typer, "confirm", lambda question, err: answer)


def test_the_list_names_file_engine_size_licence_and_state(run: Run, root: Path) -> None:
    output = run("list", "--root", root).stdout

    assert all(file.path in output and file.licence.name in output for file in MODEL_FILES)
    assert "4.9 GB" in output
    assert "NON-COMMERCIAL" in output
    assert output.count("missing") == len(MODEL_FILES)


def test_the_list_fits_a_narrow_terminal(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    lines = run("list", "--root", root).stdout.splitlines()

    assert all(any(line.split()[:1] == [file.path] for line in lines) for file in MODEL_FILES)


def test_the_list_as_json_has_everything(run: Run, root: Path) -> None:
    report = json.loads(run("list", "--root", root, "--json").stdout)

    by_path = {file["file"]: file for file in report["files"]}
    assert report["root"] == str(root)
    assert set(by_path) == {file.path for file in MODEL_FILES}
    assert by_path[RESTORER]["licence"]["is_commercial_use_allowed"] is False
    assert by_path[SEPARATOR]["is_required"] is False
    assert by_path[NET]["state"] == "missing"


def test_the_folder_is_the_settings_unless_another_is_named(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMO_HALLO_WEIGHTS__ROOT", str(root))

    assert run("path").stdout == f"{root}\n"
    assert run("path", "--root", root / "other").stdout == f"{root / 'other'}\n"


def test_a_download_through_a_mirror_brings_what_hallo2_requires(run: Run, root: Path, mirror: FakeHub) -> None:
    result = run("download", "--yes", "--root", root)

    assert result.exit_code == 0, result.output
    assert set(mirror.transferred()) == DEFAULTS
    assert set(Lock.read(root).files) == DEFAULTS
    assert not (root / RESTORER).exists()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--engine", "super-resolution"], {RESTORER, "realesrgan/RealESRGAN_x2plus.pth"}),
        (["--all"], {file.path for file in MODEL_FILES}),
        ([SEPARATOR], {SEPARATOR}),
    ],
    ids=["engine", "all", "named"],
)
def test_one_can_choose_what_is_fetched(
    run: Run, root: Path, mirror: FakeHub, arguments: list[str], wanted: set[str]
) -> None:
    result = run("download", "--yes", "--root", root, *arguments)

    assert result.exit_code == 0, result.output
    assert set(mirror.transferred()) == wanted


def test_licences_are_shown_and_without_anybody_to_agree_nothing_is_asked_of_the_hub(
    run: Run, root: Path, mirror: FakeHub
) -> None:
    result = run("download", "--root", root)

    assert result.exit_code == 2
    assert "nobody is here to agree to these licences (add --yes if you do)" in result.stderr
    assert "InsightFace model licence (NON-COMMERCIAL)" in result.stderr
    assert mirror.requests == []
    assert not root.exists()


def test_a_person_who_declines_gets_nothing(
    run: Run, root: Path, mirror: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(monkeypatch, False)

    result = run("download", "--root", root)

    assert result.exit_code == 1
    assert "nothing was downloaded" in result.stderr
    assert mirror.requests == []


def test_a_person_who_agrees_gets_the_files_after_the_licences(
    run: Run, root: Path, mirror: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(monkeypatch, True)

    result = run("download", "--root", root, "--engine", "super-resolution")

    assert result.exit_code == 0, result.output
    assert result.stderr.index("S-Lab License 1.0") < result.stderr.index(f"{RESTORER}: fetching")
    assert (root / RESTORER).exists()


def test_nobody_is_asked_where_nothing_is_to_be_fetched(run: Run, root: Path, mirror: FakeHub) -> None:
    run("download", "--yes", "--root", root)

    result = run("download", "--root", root)

    assert result.exit_code == 0, result.output
    assert "licence" not in result.stderr


def test_an_unknown_file_is_a_usage_error(run: Run, root: Path) -> None:
    result = run("download", "--yes", "--root", root, "hallo2/net_h.pth")

    assert result.exit_code == 2
    assert "net_h.pth" in result.stderr


def test_a_failure_is_one_line_and_an_exit_code(run: Run, root: Path, mirror: FakeHub) -> None:
    mirror.cut_after = 100

    result = run("download", "--yes", "--root", root, NET)

    assert result.exit_code == 1
    assert "the same command goes on from there" in result.stderr.splitlines()[-1]


def test_a_killed_download_goes_on_where_it_was(run: Run, root: Path, mirror: FakeHub) -> None:
    chunk_bytes = 10 * 1024 * 1024  # the hub's library writes so much at a time
    mirror.files[NET] = make_content(NET, 2 * chunk_bytes)
    mirror.stall_after = chunk_bytes + 1000
    command = [sys.executable, "-m", "emo_hallo_ray.cli", "models", "download", "--yes", "--root", str(root), NET]

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        wait_until_arrived(root, chunk_bytes)
        process.kill()
    assert not (root / NET).exists()
    assert {request.path.rpartition("/")[2] for request in mirror.requests} == {"net.pth"}  # and nothing else was asked
    mirror.recover()
    result = run("download", "--yes", "--root", root, NET)

    assert result.exit_code == 0, result.output
    assert mirror.ranges() == [f"bytes={chunk_bytes}-"]
    assert (root / NET).read_bytes() == mirror.files[NET]


def wait_until_arrived(root: Path, n_bytes: int, deadline_s: float = 60.0) -> None:
    ends_at = time.monotonic() + deadline_s
    while time.monotonic() < ends_at:
        if sum(path.stat().st_size for path in root.rglob("*.partial")) >= n_bytes:
            return
        time.sleep(0.05)
    raise AssertionError(f"{n_bytes} bytes expected in a partial file within {deadline_s} s")


def test_a_file_that_is_named_twice_is_fetched_once(run: Run, root: Path, mirror: FakeHub) -> None:
    run("download", "--yes", "--root", root, NET, NET)

    assert mirror.transferred() == [NET]


@pytest.mark.parametrize("address", ["nonsense", "http://[", "ftp://127.0.0.1"])
def test_a_mistyped_mirror_is_told_in_one_line(run: Run, root: Path, address: str) -> None:
    result = run("download", "--yes", "--root", root, "--endpoint", address, NET)

    assert result.exit_code == 1
    assert f"'{NET}' was not downloaded" in result.stderr.splitlines()[-1]


def test_after_a_download_everything_verifies_without_a_network(run: Run, root: Path, mirror: FakeHub) -> None:
    run("download", "--yes", "--root", root)
    mirror.recover()

    result = run("verify", "--root", root)

    assert result.exit_code == 0, result.output
    assert result.stdout.count("size and SHA-256 are right") == len(DEFAULTS)
    assert f"✗ {SEPARATOR}: missing, but optional" in result.stdout
    assert mirror.requests == []


def test_a_damaged_required_file_fails_verification_and_the_line_says_what_mends_it(
    run: Run, root: Path, mirror: FakeHub
) -> None:
    run("download", "--yes", "--root", root)
    (root / NET).write_bytes(bytes(len(mirror.files[NET])))

    result = run("verify", "--root", root)

    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if line.startswith("✗ hallo2/net.pth")]
    assert line.endswith(f"→ emo-hallo models download {NET} --root {root}")


def test_what_the_line_says_does_mend_it(run: Run, root: Path, mirror: FakeHub) -> None:
    run("download", "--yes", "--root", root)
    (root / NET).write_bytes(bytes(len(mirror.files[NET])))

    assert run("download", "--yes", NET, "--root", root).exit_code == 0
    assert run("verify", "--root", root).exit_code == 0


def test_verifying_where_nothing_is_names_every_required_file(run: Run, root: Path) -> None:
    result = run("verify", "--root", root)

    assert result.exit_code == 1
    assert all(f"✗ {path}: missing" in result.stdout for path in DEFAULTS)


def test_an_optional_file_may_be_damaged_without_failing_the_others(run: Run, root: Path, mirror: FakeHub) -> None:
    run("download", "--yes", "--root", root, "--all")
    (root / SEPARATOR).write_bytes(b"<html>")

    result = run("verify", "--root", root)

    assert result.exit_code == 0, result.output
    assert f"✗ {SEPARATOR}: 6 bytes found" in result.stdout


def test_a_lock_file_that_is_none_is_named(run: Run, root: Path) -> None:
    root.mkdir()
    (root / "models.lock.json").write_text("{")

    result = run("verify", "--root", root)

    assert result.exit_code == 1
    assert "models.lock.json" in result.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["list"], ["download"], ["verify"], ["path"]], ids=lambda names: "".join(names)
)
def test_every_command_explains_itself(run: Run, arguments: list[str]) -> None:
    result = run(*arguments, "--help")

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 5


def test_the_list_does_not_load_the_hubs_library_or_torch(root: Path) -> None:
    program = f"""
import sys
from typer.testing import CliRunner
from emo_hallo_ray.cli import app
result = CliRunner().invoke(app, ["models", "list", "--root", {str(root)!r}])
assert result.exit_code == 0, result.output
heavy = {{"torch", "huggingface_hub", "httpx", "httpx2", "ray", "scipy"}} & set(sys.modules)
sys.exit(f"loaded {{heavy}}" if heavy else 0)
"""

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
