"""What one run does: some tasks, and one or two faults at chosen or random moments. A seed decides all of it."""

import random
from dataclasses import dataclass

RENAMES = ("manifest", "portrait", "speech", "loudness", "checkpoint", "enlarging", "segment", "result")
STAGES = (
    "Preprocessing.prepare_portrait",
    "SpeechEmbedding.prepare",
    "SpeechEmbedding.embed",
    "Generation.generate",
    "SuperResolution.upscale",
    "Encoding.encode",
    "Encoding.join",
)
STORE = tuple(
    f"TaskStore.{method}" for method in ("create", "claim_next", "commit_segment", "report", "complete", "cancel")
)
BATCH = ("TaskRegistry.run",)  # what arrived together: it is on disk before the answer leaves
CALLS = tuple(f"call.{method}" for method in ("create", "claim_next", "commit_segment", "report", "complete", "cancel"))
POINTS = (
    "Generation.generate:item",
    *(
        f"{place}:{side}"
        for place in (*(f"rename.{kind}" for kind in RENAMES), *STAGES, *STORE, *BATCH, *CALLS)
        for side in ("before", "after")
    ),
)

# by the names that Ray gives their processes
ACTORS = (
    "Preprocessor",
    "AudioEmbedder",
    "Generator",
    "SuperResolver",
    "Encoder",
    "Ingress",
    "TaskRegistry",
    "ServeController",
)
WHOLE_SERVICE = "whole service"
WORKER_NODE = "worker node"


@dataclass(frozen=True)
class PlannedTask:
    """One request; equal requests have equal frames."""

    engine: str
    seed: int
    upscale: int
    n_clips: int
    cancel_after_s: float | None = None


@dataclass(frozen=True)
class Fault:
    """Kill `victim` after some seconds, or the process that reaches `point` for the nth time."""

    victim: str | None = None
    after_s: float = 0.0
    point: str | None = None
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.victim} after {self.after_s:.1f} s" if self.victim else f"at {self.point} #{self.nth}"


@dataclass(frozen=True)
class Plan:
    """One run."""

    seed: int
    tasks: tuple[PlannedTask, ...]
    faults: tuple[Fault, ...]


def make_plan(seed: int, whole: bool = False, node: bool = False) -> Plan:
    """The run of this seed.

    Consecutive seeds walk through all points, so that enough of them cover every one.

    Args:
        whole: kill the whole service once in a while.
        node: kill worker nodes instead of anything else.
    """
    dice = random.Random(seed)
    tasks = tuple(_task(dice) for _ in range(dice.randint(2, 4)))
    if node:
        return Plan(seed, tasks, (Fault(WORKER_NODE, dice.uniform(0.5, 6.0)),))
    if whole and seed % 8 == 0:
        return Plan(seed, tasks, (Fault(WHOLE_SERVICE, dice.uniform(0.2, 4.0)),))
    if seed % 4 == 1:
        faults: tuple[Fault, ...] = (Fault(dice.choice(ACTORS), dice.uniform(0.0, 4.0)),)
    else:
        point = POINTS[seed * 7 % len(POINTS)]  # 7 and the number of points have no divisor in common
        if "cancel" in point:  # somebody has to
            tasks = (PlannedTask("drifting", 1, 1, 5, cancel_after_s=0.7), *tasks[1:])
        if "enlarging" in point or "upscale" in point:
            tasks = (PlannedTask("drifting", 2, 2, 5), *tasks[1:])
        faults = (Fault(point=point, nth=1 if "join" in point or "result" in point else dice.randint(1, 3)),)
    if seed % 10 == 3:
        faults += (Fault(dice.choice(ACTORS), dice.uniform(2.0, 8.0)),)
    return Plan(seed, tasks, faults)


def _task(dice: random.Random) -> PlannedTask:
    # few different requests, since the undisturbed video of each has to be made once
    engine = dice.choice(("drifting", "drifting", "preview"))
    n_clips = 3 if engine == "preview" else 5
    cancel_after_s = dice.uniform(0.1, 2.5) if dice.random() < 0.2 else None
    return PlannedTask(engine, dice.choice((1, 2)), dice.choice((1, 1, 2)), n_clips, cancel_after_s)
