"""`python -m tests.chaos --runs 200`: kill parts of the service in seeded runs, and print what came of each."""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.chaos.plan import make_plan
from tests.chaos.run import Arena, Outcome, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--node", action="store_true", help="kill worker nodes of a cluster instead")
    parser.add_argument("--json", type=Path, default=Path("out/chaos.jsonl"))
    options = parser.parse_args()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        if options.node:
            from tests.chaos.cluster import ClusterArena

            arena: Arena = ClusterArena(Path(folder))
        else:
            arena = Arena(Path(folder))
        try:
            for seed in range(options.first_seed, options.first_seed + options.runs):
                outcome = run(make_plan(seed, whole=True, node=options.node), arena, Path(folder))
                outcomes.append(outcome)
                with options.json.open("a") as file:
                    file.write(json.dumps(asdict(outcome)) + "\n")
                print(_line(outcome), flush=True)
        finally:
            arena.kill_all()
    failed = sum(bool(outcome.violations) for outcome in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    raise SystemExit(failed > 0)


def _line(outcome: Outcome) -> str:
    verdict = "; ".join(outcome.violations) or "good"
    ended = f"{outcome.completed} completed, {outcome.cancelled} cancelled of {outcome.n_tasks}"
    reached = "" if outcome.fired else " (not reached)"
    figures = f"{ended}, {outcome.attempts} attempts, {outcome.seconds} s"
    return f"{outcome.seed:4} {outcome.faults}{reached}: {figures}, {verdict}"


if __name__ == "__main__":
    main()
