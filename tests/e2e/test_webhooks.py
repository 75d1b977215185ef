"""Where a service that may be reached from outside does not send its webhooks."""

import httpx
import pytest

from tests.e2e.conftest import PORTRAIT, SPEECH

DISCARD = "http://127.0.0.1:9/"  # nobody listens there


@pytest.mark.parametrize(
    "address",
    [
        *(
            DISCARD,
            "http://localhost:8265/",
            "http://[::1]/",
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1",
        ),
        *("http://2130706433/", "http://0x7f000001/", "http://no-such-host.invalid/", "file:///etc/passwd", "nonsense"),
        *("http://user:password@93.184.216.34/", "https://93.184.216.34/#fragment"),
    ],
)
def test_a_service_talks_to_nobody_inside(http: httpx.Client, address: str) -> None:
    answer = create(http, webhook_url=address)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "WEBHOOK_NOT_ALLOWED")


def test_an_unknown_event_is_refused_with_those_that_there_are(http: httpx.Client) -> None:
    answer = create(http, webhook_url="https://93.184.216.34/", webhook_events="completed,started")

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER")
    assert "'started'; there are processing, completed, failed, cancelled" in answer.json()["detail"]


def create(http: httpx.Client, **fields: str) -> httpx.Response:
    files = {"image_file": PORTRAIT.read_bytes(), "audio_file": SPEECH.read_bytes()}
    return http.post("/api/v1/inference/hallo2", files=files, data=fields)
