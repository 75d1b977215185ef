"""A few of the seeded runs; `make chaos` does two hundred."""

from pathlib import Path

import pytest

from tests.chaos.plan import make_plan
from tests.chaos.run import Arena, run

# by an actor's death at a random moment, at a point in a stage, in the registry, at a rename, of everything
SEEDS = (1, 11, 14, 22, 40)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: str(make_plan(seed, whole=True).faults[0]))
def test_whatever_is_killed_every_accepted_task_ends_as_on_a_quiet_day(arena: Arena, scratch: Path, seed: int) -> None:
    assert run(make_plan(seed, whole=True), arena, scratch).violations == []
