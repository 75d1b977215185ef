"""The detached actor that owns the task store, and the way to talk to it.

The actor adds nothing to `TaskStore` but a place to run: state lies in SQLite on durable disk, so the actor may die,
restart or be replaced by a newer version at any time.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError

from deployments.batches import Batches
from deployments.metrics import TaskMetrics
from emo_hallo_ray import __version__
from emo_hallo_ray.errors import EmoHalloError, ServiceUnavailable
from emo_hallo_ray.tasks.model import Task
from emo_hallo_ray.tasks.store import StoreLimits, TaskStore

logger = logging.getLogger(__name__)

NAMESPACE = "emo_hallo"
READER_GONE_AFTER_S = 5.0
RETRY_FOR_S = 15.0  # the actor restarts in under 2 s; a new head node takes longer

P = ParamSpec("P")
R = TypeVar("R")


class Call(NamedTuple):
    """A method of `TaskRegistry` by its name, and what it is called with."""

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Reading(NamedTuple):
    """An answer to `TaskRegistry.read`.

    Attributes:
        tasks: by id; those that there are.
        is_alone: no other replica reads tasks, so none can have told its callers something newer.
    """

    tasks: dict[str, Task]
    is_alone: bool


class TaskRegistry(TaskStore):
    """The store as an actor, plus what replicas say of themselves, which dies with it as it should."""

    def __init__(self, database: Path, limits: StoreLimits, identity: str) -> None:
        # a database that cannot be opened must not keep the service from starting: its routes say what is wrong
        self._metrics = TaskMetrics()
        super().__init__(database.expanduser(), limits, lazily=True, observer=self._metrics)
        self._identity = identity
        self._replicas: dict[str, tuple[float, dict[str, Any]]] = {}
        self._readers = {"whoever read before this actor began": time.monotonic()}

    def identity(self) -> str:
        """What this actor was made for; a deployment that wants another one replaces it."""
        return self._identity

    def run(self, calls: list[Call]) -> list[Any]:
        """What each method returned or raised. They reach the disk together, with one wait, and are then answered."""
        if len(calls) > 1:
            try:
                with self.together():
                    return [self._answer(call) for call in calls]
            except ServiceUnavailable:
                logger.info("%d calls could not be written together: each by itself now", len(calls))
        return [self._answer(call) for call in calls]

    def _answer(self, call: Call) -> Any:
        try:
            return getattr(self, call.method)(*call.args, **call.kwargs)
        except EmoHalloError as error:
            return error
        except Exception as error:  # a mistake of ours, which must not be the end of the others' calls
            logger.exception("%s failed", call.method)
            return RuntimeError(f"TaskRegistry.{call.method} failed: {error!r}")

    def claim_next(self) -> Task | None:
        """See `TaskStore`. Every replica calls it once a second: the moment to look at the queue."""
        task = super().claim_next()
        self._metrics.refresh(self)
        return task

    def read(self, reader_id: str, task_ids: list[str]) -> Reading:
        """Read tasks for a replica that says who it is, and does so at least every few seconds."""
        now = time.monotonic()
        self._readers[reader_id] = now
        self._readers = {name: at for name, at in self._readers.items() if now - at < READER_GONE_AFTER_S}
        return Reading(self.get_many(task_ids), is_alone=len(self._readers) == 1)

    def report_replica(self, replica_id: str, facts: dict[str, Any]) -> None:
        """Remember what a model stage holds (loaded engines, GPU memory) until it has been silent for a minute."""
        now = time.monotonic()
        self._replicas[replica_id] = (now, facts)
        self._replicas = {name: entry for name, entry in self._replicas.items() if now - entry[0] < 60}

    def replicas(self) -> list[dict[str, Any]]:
        """What the living replicas said last."""
        now = time.monotonic()
        return [facts for at, facts in self._replicas.values() if now - at < 60]


class Registry:
    """Typed calls to the actor, from any process of the cluster. Those that come at the same time travel together."""

    def __init__(self, actor: Any, address: "RegistryAddress") -> None:
        self._actor = actor
        self._address = address
        self._batches = Batches(self._send)
        self._away_since: float | None = None

    async def call(self, method: Callable[Concatenate[TaskRegistry, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a method of `TaskRegistry` in the actor, waiting out its restarts.

        A retry may repeat a call whose answer was lost: the store's writes are idempotent, and a task claimed for
        nobody comes back when its lease runs out.

        Raises:
            EmoHalloError: what the method raised, as it was raised.
            ServiceUnavailable: the actor stayed away.
        """
        answer: R = await self._batches.ask(Call(method.__name__, args, kwargs))
        return answer

    async def _send(self, calls: list[Call]) -> list[Any]:
        while True:
            try:
                answers: list[Any] = await self._actor.run.remote(calls)
            except (ActorDiedError, ActorUnavailableError) as error:
                self._away_since = self._away_since or time.monotonic()
                if time.monotonic() - self._away_since > RETRY_FOR_S:
                    raise ServiceUnavailable("The task registry does not answer", "try again in a minute") from error
                await asyncio.sleep(0.2)
                self._actor = self._address.find_or_start()
            else:
                self._away_since = None
                return answers


@dataclass(frozen=True)
class RegistryAddress:
    """Which registry to talk to; travels to every replica that needs one."""

    database: Path
    limits: StoreLimits

    async def connect(self) -> Registry:
        """Find the running registry or start one.

        An actor of another code version or with other limits is replaced: state is on disk.
        """
        actor = self.find_or_start()
        if await actor.identity.remote() != self._identity():
            ray.kill(actor)
            actor = self.find_or_start()
        return Registry(actor, self)

    def find_or_start(self) -> Any:
        """The handle of the actor, whatever its version."""
        # one per database: two services on one cluster have a registry each
        digest = sha256(str(self.database).encode()).hexdigest()[:12]
        options: dict[str, Any] = {
            "name": f"emo_hallo_task_registry_{digest}",
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "get_if_exists": True,
            "num_cpus": 0,
            # on the head, where the database's disk is
            "resources": {"node:__internal_head__": 0.001},
            "max_restarts": -1,
            # with retries by Ray a call that crashes the actor would crash it for ever
            "max_task_retries": 0,
        }
        return ray.remote(TaskRegistry).options(**options).remote(self.database, self.limits, self._identity())

    def _identity(self) -> str:
        return repr((__version__, str(self.database), self.limits))
