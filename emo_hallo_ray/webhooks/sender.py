"""One try to deliver, and when to try again."""

import asyncio
import random
import ssl
import time
from dataclasses import dataclass, field

import httpx

from emo_hallo_ray.errors import WebhookNotAllowed
from emo_hallo_ray.settings import WebhookSettings
from emo_hallo_ray.tasks.model import Delivery
from emo_hallo_ray.webhooks.addresses import Gate, parse
from emo_hallo_ray.webhooks.message import write_body, write_headers

WORTH_ANOTHER_TRY = frozenset({408, 425, 429})  # and all from 500 on


@dataclass(frozen=True)
class Outcome:
    """How a try went.

    Attributes:
        line: for the task's log. It names the host only: the rest of an address may hold secrets.
        retry_in_s: until the next try; None if this was the last.
    """

    line: str
    is_delivered: bool
    retry_in_s: float | None = None


@dataclass(frozen=True)
class WebhookSender:
    """Posts to one address at a time; many may do so at once."""

    settings: WebhookSettings
    gate: Gate
    tls: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)
    _random: random.Random = field(default_factory=random.Random)

    @classmethod
    def of(cls, settings: WebhookSettings) -> "WebhookSender":
        """As the settings say."""
        return cls(settings, Gate(settings.allow_private_addresses, settings.allowed_hosts))

    async def check(self, url: str) -> None:
        """Raise what is wrong with an address, before anything is to be sent there.

        Raises:
            WebhookNotAllowed: nothing would ever be sent to it, or its host cannot be looked up in time.
        """
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                await self.gate.check(url)
        except TimeoutError as error:
            raise WebhookNotAllowed("The webhook's host could not be looked up in time", "try again") from error

    async def send(self, delivery: Delivery) -> Outcome:
        """Try once. Never raises: whatever goes wrong at the other end is an outcome."""
        assert delivery.task.webhook is not None
        url = delivery.task.webhook.url
        what = f"webhook {delivery.event} to {parse(url).host}"
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                status, retry_after = await self._post(url, delivery)
        except TimeoutError:
            return self._again(delivery, what, f"no answer within {self.settings.timeout_s:g} s")
        except WebhookNotAllowed as error:  # names may lead elsewhere tomorrow
            return self._again(delivery, what, error.detail)
        except httpx.HTTPError as error:
            return self._again(delivery, what, type(error).__name__)
        if 200 <= status < 300:
            return Outcome(f"{what} delivered: {status}, try {delivery.attempts}", is_delivered=True)
        if status in WORTH_ANOTHER_TRY or status >= 500:
            return self._again(delivery, what, f"answered {status}", retry_after)
        advice = ", and redirects are not followed" if 300 <= status < 400 else ""
        return Outcome(f"{what} given up: answered {status}{advice}", is_delivered=False)

    async def _post(self, url: str, delivery: Delivery) -> tuple[int, str]:
        """Status and Retry-After of the answer; its body is not read."""
        target = await self.gate.check(url)
        body = write_body(delivery, time.time())
        headers = write_headers(delivery, body, self.settings.secret.get_secret_value())
        # a proxy of the environment's would connect to wherever the name leads by then
        async with httpx.AsyncClient(trust_env=False, verify=self.tls, timeout=self.settings.timeout_s) as client:
            answer = await client.send(target.request(body, headers), stream=True, follow_redirects=False)
            await answer.aclose()
        return answer.status_code, answer.headers.get("Retry-After", "")

    def _again(self, delivery: Delivery, what: str, why: str, retry_after: str = "") -> Outcome:
        if delivery.attempts >= self.settings.max_attempts:
            return Outcome(f"{what} given up after {delivery.attempts} tries: {why}", is_delivered=False)
        # a little by chance, so that a server that comes back does not get everything at once
        wait_s = self.settings.first_retry_s * 2.0 ** (delivery.attempts - 1) * self._random.uniform(0.8, 1.2)
        if retry_after.isascii() and retry_after.isdecimal():
            wait_s = max(wait_s, float(retry_after[:9]))
        wait_s = min(wait_s, self.settings.longest_retry_s)
        line = f"{what} failed, try {delivery.attempts}: {why}; again in {wait_s:.0f} s"
        return Outcome(line, is_delivered=False, retry_in_s=wait_s)
