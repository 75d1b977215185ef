"""How much of a machine each stage asks Ray for. Knows no Ray, so that a test can try any cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# All six together take 1.2 CPUs: with Serve's own actors everything fits on two cores, and a stage that is busy
# borrows the cores of those that wait, for Ray counts CPUs and does not fence them in.
CPU_SHARE = 0.2

# Together one whole GPU, so that one card hosts the three model stages. These are shares of scheduling, not of memory:
# the stages cap their memory themselves. cluster/serve_config.*gpu.yaml spells the same figures out.
GPU_SHARES = {"audio_embedder": 0.1, "generator": 0.6, "super_resolver": 0.3}


@dataclass(frozen=True)
class StageResources:
    """`ray_actor_options` of every deployment."""

    preprocessor: dict[str, float]
    audio_embedder: dict[str, float]
    generator: dict[str, float]
    super_resolver: dict[str, float]
    encoder: dict[str, float]
    ingress: dict[str, float]


def choose_resources(mode: Literal["auto", "on", "off"], cluster_resources: Mapping[str, float]) -> StageResources:
    """Decide what each stage asks for.

    Args:
        mode: "auto" uses a GPU where the cluster has a whole one now; "on" asks for it even if there is none yet, which
            is what makes an autoscaler start a machine; "off" leaves GPUs to others.
        cluster_resources: what `ray.cluster_resources()` says; empty before Ray runs.
    """
    # less than one GPU would host some of the stages and leave the others pending for ever
    use_gpu = mode == "on" or (mode == "auto" and cluster_resources.get("GPU", 0.0) >= 1.0)

    def options(stage: str) -> dict[str, float]:
        share = {"num_cpus": CPU_SHARE}
        return share | {"num_gpus": GPU_SHARES[stage]} if use_gpu and stage in GPU_SHARES else share

    return StageResources(
        preprocessor=options("preprocessor"),
        audio_embedder=options("audio_embedder"),
        generator=options("generator"),
        super_resolver=options("super_resolver"),
        encoder=options("encoder"),
        ingress=options("ingress"),
    )
