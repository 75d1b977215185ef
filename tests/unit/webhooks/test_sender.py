"""Deliveries to a real server on loopback."""

import asyncio
import hmac
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from emo_hallo_ray.errors import WebhookNotAllowed
from emo_hallo_ray.settings import WebhookSettings
from emo_hallo_ray.tasks.model import Delivery, Task, TaskParams, TaskStatus, Webhook
from emo_hallo_ray.webhooks.addresses import Gate
from emo_hallo_ray.webhooks.sender import Outcome, WebhookSender
from tests.unit.webhooks.receiver import receiver

TASK = Task(
    task_id="550e8400-e29b-41d4-a716-446655440000",
    status=TaskStatus.COMPLETED,
    progress=100,
    status_message="Task completed",
    params=TaskParams(),
    engine_reason="asked for",
    created_at=1.0,
    updated_at=2.0,
)
NEAR = WebhookSettings(allow_private_addresses=True, timeout_s=2.0, secret=SecretStr("s3cret"))


def send(url: str, settings: WebhookSettings = NEAR, attempts: int = 1) -> Outcome:
    webhook = Webhook(url, ("completed",))
    delivery = Delivery("d-1", "completed", attempts, replace(TASK, webhook=webhook))
    return asyncio.run(WebhookSender.of(settings).send(delivery))


def test_the_receiver_gets_the_task_and_can_verify_who_sent_it() -> None:
    with receiver() as told:
        outcome = send(f"{told.address}/hook?token=x")

    [message] = told.received
    body = json.loads(message.body)
    assert outcome == Outcome("webhook completed to 127.0.0.1 delivered: 200, try 1", is_delivered=True)
    assert message.path == "/hook?token=x"
    assert (body["task_id"], body["status"], body["event"], body["delivery_id"]) == (
        *(TASK.task_id, "completed", "completed", "d-1"),
    )
    assert body["sent_at"].endswith("Z")
    expected = hmac.new(b"s3cret", message.body, sha256).hexdigest()
    assert message.headers["X-Signature-256"] == f"sha256={expected}"
    assert message.headers["X-Emo-Hallo-Event"] == "completed"
    assert message.headers["X-Emo-Hallo-Delivery"] == "d-1"
    assert message.headers["Content-Type"] == "application/json"
    assert "token" not in message.body.decode()  # the address may hold a secret


def test_without_a_secret_nothing_is_signed() -> None:
    with receiver() as told:
        send(told.address, WebhookSettings(allow_private_addresses=True))

    assert "X-Signature-256" not in told.received[0].headers


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_what_may_pass_is_tried_again_later_each_time(status: int) -> None:
    with receiver() as told:
        told.answers = [status]
        waits = [send(told.address, attempts=attempts).retry_in_s or 0 for attempts in (1, 2, 5)]

    assert 8 <= waits[0] <= 12
    assert 16 <= waits[1] <= 24
    assert 128 <= waits[2] <= 192


def test_a_receiver_says_when_to_come_back() -> None:
    with receiver() as told:
        told.answers, told.answer_headers = [429], {"Retry-After": "120"}
        patient = send(told.address).retry_in_s
        told.answer_headers = {"Retry-After": "99999999999999999999"}
        endless = send(told.address).retry_in_s

    assert (patient, endless) == (120.0, NEAR.longest_retry_s)


@pytest.mark.parametrize(("status", "advice"), [(404, ""), (301, ", and redirects are not followed")])
def test_what_will_not_pass_is_given_up_at_once(status: int, advice: str) -> None:
    with receiver() as told, receiver() as elsewhere:
        told.answers, told.answer_headers = [status], {"Location": elsewhere.address}
        outcome = send(told.address)

    assert outcome.line == f"webhook completed to 127.0.0.1 given up: answered {status}{advice}"
    assert outcome.retry_in_s is None
    assert elsewhere.received == []


def test_the_last_try_says_so() -> None:
    with receiver() as told:
        told.answers = [500]
        outcome = send(told.address, attempts=NEAR.max_attempts)

    assert outcome.retry_in_s is None
    assert outcome.line.endswith("given up after 12 tries: answered 500")


def test_a_silent_receiver_is_left_after_the_timeout() -> None:
    with receiver() as told:
        told.answers = [5.0]
        started = time.monotonic()
        outcome = send(told.address, replace_timeout(0.5))

    assert time.monotonic() - started < 3
    assert "no answer within 0.5 s; again in" in outcome.line


def replace_timeout(seconds: float) -> WebhookSettings:
    return NEAR.model_copy(update={"timeout_s": seconds})


def test_a_closed_port_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    outcome = send(f"http://127.0.0.1:{port}/")

    assert "ConnectError; again in" in outcome.line


def test_a_name_that_leads_inside_at_delivery_reaches_nobody() -> None:
    """DNS rebinding: public when the task was created, this machine now."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    gate = Gate(resolve=rebinding)
    with receiver() as told:
        url = told.address.replace("127.0.0.1", "rebind.example")
        asyncio.run(gate.check(url))
        delivery = Delivery("d", "completed", 1, replace(TASK, webhook=Webhook(url, ("completed",))))
        outcome = asyncio.run(WebhookSender(WebhookSettings(), gate).send(delivery))

    assert "not on the public internet" in outcome.line
    assert told.received == []


def test_a_name_that_is_looked_up_for_ever_keeps_nobody_waiting() -> None:
    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    sender = WebhookSender(replace_timeout(0.2), Gate(resolve=silent))

    with pytest.raises(WebhookNotAllowed, match="in time"):
        asyncio.run(sender.check("https://example.com/"))


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as told, receiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        monkeypatch.setenv("http_proxy", proxy.address)
        send(told.address)

    assert len(told.received) == 1
    assert proxy.received == []


def test_over_tls_the_certificate_must_be_the_hosts(tmp_path: Path) -> None:
    context, authority = certificate_for("hooks.example", tmp_path)

    async def near(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    gate = Gate(allow_private=True, resolve=near)
    with receiver(context) as told, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority))
        outcomes = []
        for host in ("hooks.example", "other.example"):
            webhook = Webhook(told.address.replace("127.0.0.1", host), ("completed",))
            delivery = Delivery("d", "completed", 1, replace(TASK, webhook=webhook))
            outcomes.append(asyncio.run(WebhookSender(NEAR, gate).send(delivery)))

    assert [outcome.is_delivered for outcome in outcomes] == [True, False]
    assert len(told.received) == 1


def certificate_for(host: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate of its own making, and what to trust to trust it."""

    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}"]
    command += ["-addext", f"subjectAltName=DNS:{host}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
