"""Delivers what webhooks are to be told; one per ingress replica, all sharing the messages by leases."""

import asyncio

from deployments.logs import logger, note_task
from deployments.task_registry import Registry, TaskRegistry
from emo_hallo_ray.errors import ServiceUnavailable
from emo_hallo_ray.settings import WebhookSettings
from emo_hallo_ray.tasks.model import Delivery
from emo_hallo_ray.webhooks.sender import WebhookSender

LOOK_EVERY_S = 1.0
MAX_AT_A_TIME = 16  # receivers may be slow; they keep each other waiting beyond this


class Courier:
    """The loop; `start` and `stop` bracket its life."""

    def __init__(self, registry: Registry, settings: WebhookSettings) -> None:
        self._registry = registry
        self._sender = WebhookSender.of(settings)
        self._under_way: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._loop = asyncio.create_task(self._deliver_forever())

    async def stop(self) -> None:
        """Deliver no more; what is under way is delivered again by somebody else, when its lease is over."""
        work = [*self._under_way, *([self._loop] if self._loop else [])]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def check(self, url: str) -> None:
        """Raises `WebhookNotAllowed` for an address that nothing would ever be sent to."""
        await self._sender.check(url)

    async def _deliver_forever(self) -> None:
        while True:
            try:
                free = MAX_AT_A_TIME - len(self._under_way)
                for delivery in await self._registry.call(TaskRegistry.take_deliveries, free) if free else []:
                    self._begin(delivery)
            except ServiceUnavailable as error:
                logger.warning("webhooks wait: %s", error)
            except Exception:  # a loop that ended would tell nobody anything any more
                logger.exception("webhooks cannot be delivered")
            await asyncio.sleep(LOOK_EVERY_S)

    def _begin(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self._deliver(delivery))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        note_task(delivery.task)
        try:
            outcome = await self._sender.send(delivery)
        except Exception:  # the message stays, and is tried again when its lease is over
            logger.exception("task %s: a webhook could not be tried", delivery.task.task_id)
            return
        level = logger.info if outcome.is_delivered else logger.warning
        level("task %s: %s", delivery.task.task_id, outcome.line)
        try:
            await self._registry.call(
                TaskRegistry.settle_delivery,
                delivery.delivery_id,
                outcome.line,
                outcome.is_delivered,
                outcome.retry_in_s,
            )
        except ServiceUnavailable as error:  # then it is delivered once more, when its lease is over
            logger.warning("task %s: the delivery could not be noted: %s", delivery.task.task_id, error)
