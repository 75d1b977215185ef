"""The warning of a service that is open to strangers."""

import asyncio
import logging

import pytest

from deployments import exposure
from deployments.exposure import is_loopback, warn_if_open


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_only_this_machine_reaches_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", [None, "", "0.0.0.0", "::", "10.0.0.5", "192.168.1.2", "gpu-server", "localhost.evil"])
def test_others_may_reach_everything_else(host: str | None) -> None:
    assert not is_loopback(host)


def warnings(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, has_keys: bool, host: str) -> list[str]:
    monkeypatch.setattr(exposure, "_http_host", lambda: host)
    with caplog.at_level(logging.WARNING):
        asyncio.run(warn_if_open(has_keys))
    return [record.getMessage() for record in caplog.records]


def test_open_to_the_network_without_keys_is_said_loudly_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lines = warnings(monkeypatch, caplog, has_keys=False, host="0.0.0.0")

    assert len(lines) == 5
    assert "0.0.0.0" in lines[1]
    assert "emo-hallo key" in lines[2]


@pytest.mark.parametrize(("has_keys", "host"), [(True, "0.0.0.0"), (False, "127.0.0.1")])
def test_keys_or_loopback_need_no_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, has_keys: bool, host: str
) -> None:
    assert warnings(monkeypatch, caplog, has_keys, host) == []


def test_where_ray_does_not_tell_the_host_the_service_starts_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def changed() -> str:
        raise AttributeError("no such thing in this version")

    monkeypatch.setattr(exposure, "_http_host", changed)
    with caplog.at_level(logging.WARNING):
        asyncio.run(warn_if_open(has_keys=False))

    assert "could not find out where HTTP listens" in caplog.text
