"""`doctor`: each finding by itself, and how findings are shown."""

import json
from types import SimpleNamespace

import pytest

from emo_hallo_ray.cli import checks
from emo_hallo_ray.cli.checks import Check
from tests.object_stores import s3_server
from tests.unit.sdk.fake_service import Answer, json_answer

GOOD = Check("packages", True, "all there", is_required=True)
NO_GPU = Check("gpu", False, "none", "buy one")
NO_FFMPEG = Check("ffmpeg", False, "none", "install one", is_required=True)


@pytest.mark.parametrize(
    ("found", "exit_code", "verdict"),
    [([GOOD, NO_GPU], 0, "ready"), ([GOOD, NO_FFMPEG], 1, "not ready")],
    ids=["only comfort missing", "needed part missing"],
)
def test_exit_code_says_whether_the_preview_engine_can_run(run, monkeypatch, found, exit_code, verdict):
    monkeypatch.setattr(checks, "run_checks", lambda: found)

    result = run("doctor")

    assert result.exit_code == exit_code
    assert result.stderr.startswith(verdict)
    assert "✓" in result.stdout
    assert f"→ {found[1].remedy}" in result.stdout


def test_json_holds_every_finding(run, monkeypatch):
    monkeypatch.setattr(checks, "run_checks", lambda: [GOOD, NO_GPU])

    report = json.loads(run("doctor", "--json").stdout)

    assert report["can_run_preview"] is True
    assert report["checks"][1] == {
        "name": "gpu",
        "ok": False,
        "detail": "none",
        "remedy": "buy one",
        "is_required": False,
    }


def test_this_machine_can_be_examined(run):
    report = json.loads(run("doctor", "--json").stdout)

    by_name = {check["name"]: check for check in report["checks"]}
    assert by_name["packages"]["ok"]
    assert by_name["engine preview"]["ok"]
    assert by_name["ffmpeg"]["ok"], by_name["ffmpeg"]


def test_check_that_breaks_becomes_a_finding(monkeypatch):
    def explode() -> Check:
        raise RuntimeError("the probe broke")

    monkeypatch.setattr(checks, "check_memory", explode)

    found = next(check for check in checks.run_checks() if check.name == "memory")

    assert (found.ok, found.detail) == (False, "RuntimeError: the probe broke")


def test_missing_package_comes_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(checks.metadata, "requires", lambda name: ["httpx>=0.28", "no-such-package[all]>=1,<2"])

    found = checks.check_core_packages()

    assert not found.ok
    assert found.detail.startswith("missing: no-such-package; httpx 0.")
    assert found.remedy == "pip install no-such-package"


def test_packages_of_an_extra_are_told_from_the_others(monkeypatch):
    monkeypatch.setattr(
        checks.metadata, "requires", lambda name: ["httpx", 'typer; extra == "dev"', "rich>=1 ; extra == 'hallo2'"]
    )

    assert checks.check_core_packages().detail.startswith("httpx ")
    assert checks.check_hallo2_packages().detail.startswith("rich ")


@pytest.mark.parametrize(
    ("encoders", "ok", "detail"),
    [(" V..... libx264\n A..... aac\n", True, "7.0, /bin/ff"), (" A..... aac\n", False, "lacks libx264")],
)
def test_ffmpeg_needs_the_encoders_of_every_video(monkeypatch, encoders, ok, detail):
    said = {"-version": "ffmpeg version 7.0 Copyright", "-encoders": encoders}
    monkeypatch.setattr("emo_hallo_ray.media.ffmpeg.ffmpeg_path", lambda: "/bin/ff")
    monkeypatch.setattr(checks, "_output_of", lambda program, argument: said[argument])

    found = checks.check_ffmpeg()

    assert found.ok == ok
    assert detail in found.detail


def test_storage_that_does_not_exist_yet_is_measured_where_it_will_be(monkeypatch, tmp_path):
    monkeypatch.setenv("EMO_HALLO_STORAGE__ROOT", str(tmp_path / "to" / "come"))
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: SimpleNamespace(free=10 * 1024**3))

    found = checks.check_storage()

    assert found.ok
    assert found.detail == f"10.0 GiB free at {tmp_path / 'to' / 'come'}"


def test_an_object_store_is_written_to(monkeypatch, tmp_path):
    monkeypatch.setenv("EMO_HALLO_STORAGE__LOCAL", str(tmp_path))
    with s3_server() as store:
        monkeypatch.setenv("EMO_HALLO_STORAGE__OPTIONS", json.dumps(store.options))
        monkeypatch.setenv("EMO_HALLO_STORAGE__ROOT", store.url)
        usable = checks.check_storage()
        monkeypatch.setenv("EMO_HALLO_STORAGE__ROOT", "s3://no-such-bucket/x")
        unusable = checks.check_storage()

    assert usable.detail.startswith(f"{store.url} can be written")
    assert not unusable.ok
    assert "object store" in unusable.detail


def test_unwritable_storage_names_the_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("EMO_HALLO_STORAGE__ROOT", str(tmp_path))
    monkeypatch.setattr(checks.os, "access", lambda path, mode: False)

    found = checks.check_storage()

    assert (found.ok, found.is_required) == (False, True)
    assert "EMO_HALLO_STORAGE__ROOT" in found.remedy


@pytest.mark.parametrize(
    ("answer", "ok", "detail"),
    [
        (json_answer({"status": "healthy", "gpu_available": False}), True, "this service is running there"),
        (Answer(200, b"<html>"), False, "answers 200"),
        (Answer(is_dropped=True), False, "does not speak HTTP"),
    ],
    ids=["our service", "another service", "no service"],
)
def test_port_in_use_is_told_by_who_answers(monkeypatch, service, answer, ok, detail):
    service.on("GET /health", answer)
    monkeypatch.setattr(checks, "PORT", int(service.url.rpartition(":")[2]))

    found = checks.check_port()

    assert found.ok == ok
    assert detail in found.detail


def test_port_without_a_listener_is_free(monkeypatch):
    monkeypatch.setattr(checks, "PORT", 9)

    assert checks.check_port() == Check("port 9", True, "free")
