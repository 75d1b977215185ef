"""The settings tree: precedence, refusals, misspelt variables."""

from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import ValidationError

from emo_hallo_ray.errors import InvalidSettings
from emo_hallo_ray.settings import Settings, read_settings, serve_environment, unused_variables


def test_arguments_win_over_the_environment_which_wins_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMO_HALLO_TASKS__MAX_QUEUED", "7")
    monkeypatch.setenv("EMO_HALLO_TASKS__LEASE_S", "5")

    settings = Settings.model_validate({"tasks": {"max_queued": 9}})

    assert settings.tasks.max_queued == 9
    assert settings.tasks.lease_s == 5
    assert settings.tasks.max_attempts == 3


@pytest.mark.parametrize("args", [{"task": {}}, {"tasks": {"max_quued": 1}}, {"tasks": {"max_queued": 0}}])
def test_unknown_keys_and_impossible_values_are_refused(args: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(args)


@pytest.mark.parametrize("text", ["secret", "0" * 63, "g" * 64, sha256(b"").hexdigest()])
def test_what_cannot_be_the_hash_of_a_key_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match=r"SHA-256"):
        Settings.model_validate({"access": {"api_key_hashes": [text]}})


@pytest.mark.parametrize("origin", ["*", "null", "https://a.example/", "https://*.example", "a.example", "file://x"])
def test_an_origin_is_named_in_full(origin: str) -> None:
    with pytest.raises(ValidationError, match="cors_origins"):
        Settings.model_validate({"access": {"cors_origins": [origin]}})
    assert Settings.model_validate({"access": {"cors_origins": ["http://localhost:3000"]}}).access.cors_origins


def test_every_setting_can_be_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMO_HALLO_VIDEO__FRAME_PX", "1024")
    monkeypatch.setenv("EMO_HALLO_HALLO2__COMPILE", "off")

    settings = read_settings()

    assert (settings.video.frame_px, settings.hallo2.compile) == (1024, "off")


def test_an_impossible_variable_is_named_with_its_value_and_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMO_HALLO_VIDEO__FRAME_PX", "333")

    with pytest.raises(InvalidSettings, match=r"EMO_HALLO_VIDEO__FRAME_PX=333: .*256, 512, 768 or 1024"):
        read_settings()


def test_the_storage_root_is_absolute_wherever_it_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert Settings.model_validate({"storage": {"root": "data"}}).storage.root == str(tmp_path / "data")
    assert Settings.model_validate({"storage": {"root": "~/x"}}).storage.root == str(tmp_path / "x")
    assert Settings().storage.folder.is_absolute()


def test_the_storage_root_may_be_an_object_store() -> None:
    storage = Settings.model_validate({"storage": {"root": "s3://bucket/prefix/", "local": "~/copies"}}).storage

    assert storage.url == "s3://bucket/prefix"
    assert storage.folder == Path("~/copies")  # each node's own, so it is read there


def test_a_variable_that_names_no_setting_is_reported() -> None:
    environ = {"EMO_HALLO_TASK__LEASE_S": "1", "EMO_HALLO_TASKS__LEASE_S": "1", "EMO_HALLO_SERVER": "x", "PATH": "/"}

    assert unused_variables(environ) == ["EMO_HALLO_TASK__LEASE_S"]


def test_the_caller_may_choose_another_proxy() -> None:
    assert serve_environment({})["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert serve_environment({"RAY_SERVE_ENABLE_HA_PROXY": "0"})["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
