"""The training data, in parts made side by side: speech is kept in the build folder, its recordings are made anew."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.visemes.corpus import Corpus, synthesize, to_corpus
from tools.visemes.examples import Examples, make_examples

N_SHARDS = 8
HOURS_PER_SHARD = 0.75
EXAMPLES_PER_SHARD = 625
N_PROCESSES = 2


@dataclass(frozen=True)
class Plan:
    """How much to make, and where speech is kept."""

    folder: Path
    hours_per_shard: float = HOURS_PER_SHARD
    examples_per_shard: int = EXAMPLES_PER_SHARD
    n_shards: int = N_SHARDS


def make_shards(plan: Plan) -> Iterator[Examples]:
    """Yield the parts in order."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    # a process each: espeak-ng's noise goes on from what it said before
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(N_PROCESSES, context, max_tasks_per_child=1) as pool:
        yield from pool.map(_make_shard, [plan] * plan.n_shards, range(plan.n_shards))


def join(shards: list[Examples]) -> Examples:
    """All examples of all parts."""
    return Examples(
        features=np.concatenate([shard.features for shard in shards]),
        labels=np.concatenate([shard.labels for shard in shards]),
    )


def _make_shard(plan: Plan, shard: int) -> Examples:
    path = plan.folder / f"speech-{plan.hours_per_shard:g}h-{shard}.npz"
    if not path.exists():
        speakers = list(synthesize(plan.hours_per_shard, seed=shard))
        to_corpus(speakers).save(path)
    rows = list(make_examples(Corpus.load(path), plan.examples_per_shard, seed=shard))
    return Examples(np.stack([features for features, _ in rows]), np.stack([labels for _, labels in rows]))
