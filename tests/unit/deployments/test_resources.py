"""What the stages ask for on each kind of cluster."""

from dataclasses import asdict, fields

import pytest

from deployments.resources import GPU_SHARES, StageResources, choose_resources

TWO_CORES = {"CPU": 2.0, "memory": 8e9, "node:__internal_head__": 1.0}
ONE_GPU = TWO_CORES | {"GPU": 1.0, "accelerator_type:L4": 1.0}


def requested(resources: StageResources, kind: str) -> float:
    return sum(options.get(kind, 0.0) for options in asdict(resources).values())


@pytest.mark.parametrize(
    ("mode", "cluster", "uses_gpu"),
    [
        pytest.param("auto", {}, False, id="auto, Ray does not run yet"),
        pytest.param("auto", TWO_CORES, False, id="auto, no GPU"),
        pytest.param("auto", TWO_CORES | {"GPU": 0.5}, False, id="auto, half a GPU hosts not all stages"),
        pytest.param("auto", ONE_GPU, True, id="auto, a GPU"),
        pytest.param("auto", TWO_CORES | {"GPU": 8.0}, True, id="auto, eight GPUs"),
        pytest.param("on", TWO_CORES, True, id="on, scaled to zero"),
        pytest.param("off", ONE_GPU, False, id="off, a GPU"),
    ],
)
def test_gpu_is_asked_for_where_the_mode_and_the_cluster_allow(mode, cluster, uses_gpu):
    resources = choose_resources(mode, cluster)

    stages_on_gpu = {name for name, options in asdict(resources).items() if "num_gpus" in options}
    assert stages_on_gpu == (set(GPU_SHARES) if uses_gpu else set())


@pytest.mark.parametrize("mode", ["on", "off"])
def test_one_replica_of_everything_fits_two_cores(mode):
    assert requested(choose_resources(mode, ONE_GPU), "num_cpus") <= 1.2 + 1e-9


def test_one_gpu_hosts_all_model_stages():
    resources = choose_resources("auto", ONE_GPU)

    assert requested(resources, "num_gpus") == pytest.approx(1.0)
    assert resources.generator["num_gpus"] == 0.6


def test_every_stage_has_options_of_its_own():
    resources = choose_resources("off", {})

    # Serve changes the dictionaries it is given: two stages must not share one
    assert len({id(getattr(resources, field.name)) for field in fields(resources)}) == len(fields(resources))
