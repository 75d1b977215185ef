"""The simulation of docs/SCALING.md against what queueing theory has in closed form."""

import math

import pytest

from benchmarks.capacity import Pool, Simulation, StageTimes, tasks_per_hour

ONLY_GENERATING = StageTimes(prepare_s=0.0, generate_s_per_s=2.0, finish_s=0.0)
VIDEO_S = 10.0
SERVICE_S = 20.0


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_generator_waits_as_pollaczek_and_khinchine_say(load: float) -> None:
    """M/D/1: the mean wait is load / (2 (1 - load)) service times."""
    pool = Pool(1, n_spare=0)

    outcome = Simulation(pool, ONLY_GENERATING, VIDEO_S).run(
        tasks_per_hour(pool, ONLY_GENERATING, VIDEO_S, load), n_tasks=100_000
    )

    mean_s = sum(outcome.waits_s) / len(outcome.waits_s)
    assert mean_s == pytest.approx(load / (2 * (1 - load)) * SERVICE_S, rel=0.06)
    assert outcome.utilisation == pytest.approx(load, rel=0.03)


def test_eight_generators_wait_for_little_more_than_half_of_erlangs_time() -> None:
    """M/D/c has no closed form, but is close to half of M/M/c (Erlang C), and above it by 10 % at most at this load."""
    pool, load = Pool(8, n_spare=0), 0.8
    offered = 8 * load
    tail = offered**8 / math.factorial(8) / (1 - load)
    waits = tail / (sum(offered**k / math.factorial(k) for k in range(8)) + tail)
    erlang_s = waits * SERVICE_S / (8 * (1 - load))

    outcome = Simulation(pool, ONLY_GENERATING, VIDEO_S).run(
        tasks_per_hour(pool, ONLY_GENERATING, VIDEO_S, load), n_tasks=100_000
    )

    mean_s = sum(outcome.waits_s) / len(outcome.waits_s)
    assert 0.95 * erlang_s / 2 < mean_s < 1.15 * erlang_s / 2


def test_every_task_that_arrives_ends() -> None:
    outcome = Simulation(Pool(3), ONLY_GENERATING, VIDEO_S).run(2_000, n_tasks=1_000)

    assert len(outcome.totals_s) == len(outcome.waits_s) == 1_000
    assert outcome.busy_s == pytest.approx(1_000 * SERVICE_S)


def test_a_pool_from_nothing_pays_for_a_machine_s_start_and_for_its_idling() -> None:
    """Tasks so far apart that each finds nothing: the start, the work, and the time until the machine goes."""
    pool = Pool(2, n_warm=0, start_s=300.0, idle_s=600.0)

    outcome = Simulation(pool, ONLY_GENERATING, VIDEO_S).run(tasks_per_hour=1e-5, n_tasks=200)

    assert outcome.totals_s == pytest.approx([300.0 + SERVICE_S] * 200, rel=0.01, abs=SERVICE_S)
    assert outcome.paid_s == pytest.approx(200 * (300.0 + SERVICE_S + 600.0), rel=0.02)


def test_a_spare_place_keeps_the_generator_busy_while_another_task_is_prepared() -> None:
    times = StageTimes(prepare_s=10.0, generate_s_per_s=1.0, finish_s=10.0)

    shares = []
    for n_spare in (0, 2):
        outcome = Simulation(Pool(1, n_spare), times, VIDEO_S).run(tasks_per_hour=10_000, n_tasks=500)
        shares.append(outcome.utilisation)

    assert shares == pytest.approx([1 / 3, 1.0], rel=0.03)


def test_measured_throughput_of_one_and_two_generators_is_what_the_simulation_says() -> None:
    """On two pretended GPUs: 0.358 to 0.367 and 0.734 to 0.818 tasks a second, of 2.5 s of a generator each."""
    times = StageTimes(prepare_s=0.5, generate_s_per_s=2.5 / 3.2, finish_s=0.5)
    rates = []
    for n_generators in (1, 2):
        outcome = Simulation(Pool(n_generators, n_spare=4 - n_generators), times, 3.2).run(100_000, n_tasks=400)
        rates.append(400 / max(outcome.totals_s))

    assert rates == pytest.approx([0.36, 0.77], rel=0.15)
