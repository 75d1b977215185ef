"""What a webhook receives: the task as the API shows it, signed."""

import hmac
import json
from hashlib import sha256
from typing import Any

from emo_hallo_ray import __version__
from emo_hallo_ray.schemas import rfc3339, task_view
from emo_hallo_ray.tasks.model import Delivery

SIGNATURE = "X-Signature-256"


def write_body(delivery: Delivery, now: float) -> bytes:
    """The task's JSON, with what makes this message another than any before: which one it is, and when it was sent."""
    about: dict[str, Any] = {"event": delivery.event, "delivery_id": delivery.delivery_id, "sent_at": rfc3339(now)}
    return json.dumps(task_view(delivery.task) | about, ensure_ascii=False).encode()


def write_headers(delivery: Delivery, body: bytes, secret: str) -> dict[str, str]:
    """The headers beside a body; without a secret there is no signature."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"emo-hallo-ray/{__version__}",
        "X-Emo-Hallo-Event": delivery.event,
        "X-Emo-Hallo-Delivery": delivery.delivery_id,
    }
    return headers | {SIGNATURE: sign(body, secret)} if secret else headers


def sign(body: bytes, secret: str) -> str:
    """The signature of a body: HMAC with SHA-256 (RFC 2104)."""
    return f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}"
