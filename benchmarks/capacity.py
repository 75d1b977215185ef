"""How many GPUs a load needs, what waits for how long, and what a machine that has to be started first costs.

    python -m benchmarks.capacity [--seconds-per-second 30]

A simulation (simpy) of the queue: tasks arrive by chance, wait for one of `max_concurrent` places and take their
stages' time. GPU seconds per second of video are an ASSUMPTION for Hallo2, which has not run on a GPU here; the rest is
measured (docs/PERFORMANCE.md). `tests/unit/benchmarks/test_capacity.py` holds it against queueing theory and against
what `tests/serve/test_scaling.py` measured of a real small cluster.
"""

import argparse
import random
import statistics
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

import simpy

from benchmarks.report import report

HOUR_S = 3_600.0

Happenings = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class StageTimes:
    """Seconds that one task needs, apart from waiting.

    Attributes:
        prepare_s: portrait and speech, before the first frame.
        generate_s_per_s: seconds of a generator per second of video.
        finish_s: encoding of the last segment and joining.
    """

    prepare_s: float
    generate_s_per_s: float
    finish_s: float

    def generate_s(self, video_s: float) -> float:
        """Of a generator, for a video of this length."""
        return self.generate_s_per_s * video_s


# the sample, 9.3 s, takes 4.2 s from submission to download where the models are loaded, generation at 108 frames/s
PREVIEW = StageTimes(prepare_s=1.0, generate_s_per_s=25 / 108, finish_s=0.7)


@dataclass(frozen=True)
class Pool:
    """Generators, each with a GPU or a share of a laptop.

    Attributes:
        n_spare: tasks that may run beyond one per generator, so that one is prepared while another has the GPU.
        n_warm: generators that are always there; others come when tasks wait.
        start_s: until another one is ready: the autoscaler's delay, the machine, its image, the weights.
        idle_s: after which one that is not always there goes.
    """

    n_generators: int
    n_spare: int = 1
    n_warm: int | None = None
    start_s: float = 0.0
    idle_s: float = 600.0


@dataclass
class Outcome:
    """What a run saw.

    Attributes:
        waits_s: of each task, from its arrival to a place.
        totals_s: of each task, from its arrival to its end.
        busy_s: of all generators together.
        paid_s: for which generators were there, together.
    """

    waits_s: list[float] = field(default_factory=list)
    totals_s: list[float] = field(default_factory=list)
    busy_s: float = 0.0
    paid_s: float = 0.0

    @property
    def utilisation(self) -> float:
        """Share of the time paid for in which a generator worked."""
        return self.busy_s / self.paid_s

    def wait_quantile_s(self, percent: int) -> float:
        """Of all tasks so many percent waited no longer."""
        return statistics.quantiles(self.waits_s, n=100)[percent - 1]


class Simulation:
    """One run. Times are in seconds."""

    def __init__(self, pool: Pool, times: StageTimes, video_s: float, seed: int = 1) -> None:
        self._pool, self._times, self._video_s = pool, times, video_s
        self._chance = random.Random(seed)
        self._env = simpy.Environment()
        self._places = simpy.Resource(self._env, pool.n_generators + pool.n_spare)
        self._generators = simpy.Store(self._env)
        self._there: dict[int, float] = {}  # ready or starting, and since when
        self._n_wanting = 0  # tasks that have or want a generator
        self.outcome = Outcome()
        for number in range(pool.n_generators if pool.n_warm is None else pool.n_warm):
            self._there[number] = 0.0
            self._env.process(self._generator(number, starts_in_s=0.0, stays=True))

    def run(self, tasks_per_hour: float, n_tasks: int) -> Outcome:
        """Let so many tasks arrive, by chance at this rate, and wait for the last one's end."""
        arrivals = self._env.process(self._arrive(tasks_per_hour / HOUR_S, n_tasks))
        self._env.run(arrivals)
        for number in list(self._there):
            self._leave(number)
        return self.outcome

    def _arrive(self, per_second: float, n_tasks: int) -> Happenings:
        tasks = []
        for _ in range(n_tasks):
            yield self._env.timeout(self._chance.expovariate(per_second))
            tasks.append(self._env.process(self._task()))
        yield self._env.all_of(tasks)

    def _task(self) -> Happenings:
        arrived = self._env.now
        with self._places.request() as place:
            yield place
            self.outcome.waits_s.append(self._env.now - arrived)
            yield self._env.timeout(self._times.prepare_s)
            self._n_wanting += 1
            self._ask_for_more()
            done = self._env.event()
            yield self._generators.put(done)
            yield done
            self._n_wanting -= 1
            yield self._env.timeout(self._times.finish_s)
        self.outcome.totals_s.append(self._env.now - arrived)

    def _ask_for_more(self) -> None:
        """What Serve's autoscaler does with a target of one request each."""
        if self._n_wanting > len(self._there) < self._pool.n_generators:
            number = next(number for number in range(self._pool.n_generators) if number not in self._there)
            self._there[number] = self._env.now
            self._env.process(self._generator(number, self._pool.start_s, stays=False))

    def _generator(self, number: int, starts_in_s: float, stays: bool) -> Happenings:
        yield self._env.timeout(starts_in_s)
        while True:
            work = self._generators.get()
            yield work if stays else work | self._env.timeout(self._pool.idle_s)
            if not work.triggered:
                work.cancel()
                self._leave(number)
                return
            seconds = self._times.generate_s(self._video_s)
            yield self._env.timeout(seconds)
            self.outcome.busy_s += seconds
            if work.value is not None:
                work.value.succeed()

    def _leave(self, number: int) -> None:
        self.outcome.paid_s += self._env.now - self._there.pop(number)


def tasks_per_hour(pool: Pool, times: StageTimes, video_s: float, load: float = 1.0) -> float:
    """That keep the generators busy for this share of the time."""
    return load * pool.n_generators * HOUR_S / times.generate_s(video_s)


def scale_table(hallo2: StageTimes, video_s: float) -> list[dict[str, object]]:
    """From one laptop to a thousand GPUs, at three loads."""
    rows: list[dict[str, object]] = []
    for what, n, times in [
        ("laptop, preview", 1, PREVIEW),
        *((f"{n} GPUs, Hallo2" if n > 1 else "1 GPU, Hallo2", n, hallo2) for n in (1, 8, 100, 1000)),
    ]:
        for load in (0.5, 0.8, 0.95):
            pool = Pool(n)
            rate = tasks_per_hour(pool, times, video_s, load)
            outcome = Simulation(pool, times, video_s).run(rate, n_tasks=max(20_000, 20 * n))
            rows.append(
                {
                    "what": what,
                    "load": f"{load:.0%}",
                    "tasks an hour": round(rate),
                    "waits p50, s": round(outcome.wait_quantile_s(50), 1),
                    "waits p95, s": round(outcome.wait_quantile_s(95), 1),
                    "busy": f"{outcome.utilisation:.0%}",
                    "registry calls a second": round(load * n * calls_per_second(times), 1),
                }
            )
    return rows


def lag_table(hallo2: StageTimes, video_s: float) -> list[dict[str, object]]:
    """A pool of four that comes from nothing: what a task pays for machines that must be started."""
    rows: list[dict[str, object]] = []
    for start_s in (0.0, 60.0, 300.0, 600.0):
        for tasks in (4, 20):
            pool = Pool(4, n_spare=0, n_warm=0, start_s=start_s, idle_s=900)
            outcome = Simulation(pool, hallo2, video_s).run(tasks, n_tasks=5_000)
            rows.append(
                {
                    "a machine takes, s": start_s,
                    "tasks an hour": tasks,
                    "from arrival to end p50, s": round(statistics.median(outcome.totals_s)),
                    "p95, s": round(statistics.quantiles(outcome.totals_s, n=20)[-1]),
                    "tasks per GPU-hour paid": round(len(outcome.totals_s) / outcome.paid_s * HOUR_S, 1),
                }
            )
    return rows


def calls_per_second(times: StageTimes) -> float:
    """Of one running task to the registry: a heartbeat, two calls a clip, three a segment, progress within slow clips.

    Counted in `pipeline.py` and `task_runner.py`; a clip is 0.64 s of video, a segment five.
    """
    clips_per_second = 1 / (times.generate_s_per_s * 0.64)
    return 1.0 + (2 + 3 / 5) * clips_per_second + (1.0 if clips_per_second < 1 else 0.0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--seconds-per-second", type=float, default=30.0, help="GPU seconds per second of video, assumed"
    )
    parser.add_argument("--video-s", type=float, default=10.0)
    options = parser.parse_args()
    hallo2 = replace(PREVIEW, prepare_s=3.0, generate_s_per_s=options.seconds_per_second)
    title = f"videos of {options.video_s:g} s; assumed for Hallo2: {options.seconds_per_second:g} GPU s per second"
    report("capacity", f"Load and waiting, {title}", scale_table(hallo2, options.video_s))
    report("capacity_lag", f"Four GPUs that come and go, {title}", lag_table(hallo2, options.video_s))


if __name__ == "__main__":
    main()
