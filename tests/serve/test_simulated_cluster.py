"""The builder's choice of resources, on a cluster that pretends to have a GPU.

The scenario runs in a process of its own: it starts and stops nodes, and the other tests' Ray must not notice.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODEL_STAGES = ("audio_embedder", "generator", "super_resolver")

pytestmark = pytest.mark.serve


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What the scenario below has seen."""
    # under /tmp whatever pytest uses: Ray's sockets have long names, and the system's limit is 107 characters
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "RAY_TMPDIR": folder,  # else this cluster would become the address "auto" of other tests
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # what these systems get by default: loopback only
            "RAY_AUTH_MODE": "disabled",  # with a token the nodes would have to agree on one first
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        environment.pop("RAY_ADDRESS", None)
        command = [sys.executable, __file__]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert result.returncode == 0, result.stderr[-4000:]
    return json.loads(result.stdout.splitlines()[-1])


def test_without_a_gpu_none_is_asked_for(report):
    assert not any("num_gpus" in options for options in report["cpu"]["options"].values())


def test_without_a_gpu_every_stage_fits_on_two_cores(report):
    assert set(report["cpu"]["placed"]) == set(report["cpu"]["options"])


def test_with_a_gpu_the_model_stages_share_it(report):
    placed = report["gpu"]["placed"]

    assert set(placed) == set(MODEL_STAGES)
    assert {stage["node"] for stage in placed.values()} == {report["gpu_node"]}
    assert {stage["gpu"] for stage in placed.values()} == {"0"}


def scenario() -> dict[str, Any]:
    """Deploy on a node without a GPU, add one that pretends to have one, deploy the model stages again."""
    import ray
    from ray import serve
    from ray.cluster_utils import Cluster

    from deployments.resources import choose_resources

    @serve.deployment
    class Stage:
        """Says where it is."""

        def where(self) -> dict[str, str | None]:
            context = ray.get_runtime_context()
            return {
                "node": context.get_node_id(),
                "gpu": next(iter(context.get_accelerator_ids()["GPU"]), None),
            }

    @serve.deployment(ray_actor_options={"num_cpus": 0})
    class Survey:
        """Asks all stages; binds them into one application, as the ingress does."""

        def __init__(self, **stages: Any) -> None:
            self._stages = stages

        async def __call__(self) -> dict[str, Any]:
            return {name: await stage.where.remote() for name, stage in self._stages.items()}

    def deploy(options: dict[str, dict[str, float]]) -> dict[str, Any]:
        stages = {name: Stage.options(name=name, ray_actor_options=dict(o)).bind() for name, o in options.items()}
        handle = serve.run(Survey.bind(**stages), name="survey", route_prefix=None)
        placed = handle.remote().result(timeout_s=30)
        return {"options": options, "placed": placed}

    cluster = Cluster()
    try:
        cluster.add_node(num_cpus=2, num_gpus=0, include_dashboard=False)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        serve.start(proxy_location="Disabled")
        on_cpu = deploy(asdict(choose_resources("auto", ray.cluster_resources())))
        serve.delete("survey")

        gpu_node = cluster.add_node(num_cpus=1, num_gpus=1)
        cluster.wait_for_nodes()
        options = asdict(choose_resources("auto", ray.cluster_resources()))
        on_gpu = deploy({name: options[name] for name in MODEL_STAGES})
        return {"cpu": on_cpu, "gpu": on_gpu, "gpu_node": gpu_node.node_id}
    finally:
        serve.shutdown()
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    print(json.dumps(scenario()))
