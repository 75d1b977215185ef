"""The code that docs/API.md gives to receivers, over messages that we sign."""

import json
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from emo_hallo_ray.tasks.model import Delivery, Webhook
from emo_hallo_ray.webhooks.message import SIGNATURE, write_body, write_headers
from tests.unit.webhooks.test_sender import TASK

SECTION = (Path(__file__).parents[3] / "docs" / "API.md").read_text(encoding="utf-8").split("## Webhooks\n")[1]
SECRET = "s3cret"


def code(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    assert found
    return found[1]


def message(sent_at: float) -> tuple[bytes, str]:
    delivery = Delivery("d", "completed", 1, replace(TASK, webhook=Webhook("https://example.com", ("completed",))))
    body = write_body(delivery, sent_at)
    return body, write_headers(delivery, body, SECRET)[SIGNATURE]


def read_in_python(body: bytes, signature: str) -> str:
    names: dict[str, object] = {}
    exec(code("python"), names)  # our own documentation
    try:
        return str(names["read_message"](body, signature, SECRET)["event"])  # type: ignore[operator]
    except ValueError as error:
        return str(error)


def read_in_javascript(body: bytes, signature: str) -> str:
    if (node := shutil.which("node")) is None:
        pytest.skip("not installed: node")
    call = f"readMessage(Buffer.from({json.dumps(body.decode())}), {json.dumps(signature)}, {json.dumps(SECRET)}).event"
    script = (
        code("javascript").replace("export ", "")
        + f"try {{ console.log({call}) }} catch (e) {{ console.log(e.message) }}"
    )
    command = [node, "--input-type=module", "--eval", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


@pytest.mark.parametrize("read", [read_in_python, read_in_javascript])
def test_receivers_tell_our_messages_from_others(read) -> None:  # type: ignore[no-untyped-def]
    body, signature = message(time.time())
    old_body, old_signature = message(time.time() - 3600)

    assert read(body, signature) == "completed"
    assert read(body.replace(b"completed", b"cancelled"), signature) == "not from our service"
    assert read(body, "sha256=") == "not from our service"
    assert read(old_body, old_signature) == "sent too long ago"
