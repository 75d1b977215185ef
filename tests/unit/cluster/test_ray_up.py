"""The files for `ray up`, through Ray's own checks and some of ours. No cloud is asked."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import start as ray_start

from emo_hallo_ray.settings import SERVE_ENVIRONMENT

CLUSTER = Path(__file__).parents[3] / "cluster"

Config = dict[str, Any]


@pytest.fixture(params=["aws", "gcp"])
def config(request: pytest.FixtureRequest) -> Config:
    return yaml.safe_load((CLUSTER / f"{request.param}.yaml").read_text())


def check(config: Config) -> Config:
    """What `ray up` does before it talks to the cloud; returns the file with Ray's defaults filled in."""
    prepared = prepare_config(copy.deepcopy(config))
    validate_config(prepared)
    return prepared


def test_ray_accepts_the_file(config):
    prepared = check(config)

    assert prepared["available_node_types"]["head"]["max_workers"] == 0  # the head is no worker


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda c: c.update(max_worker=c.pop("max_workers")), id="misspelt key"),
        pytest.param(lambda c: c.update(max_workers="4"), id="text for a number"),
        pytest.param(lambda c: c.update(head_node_type="haed"), id="unknown head type"),
        pytest.param(lambda c: c["available_node_types"]["gpu"].pop("node_config"), id="no node_config"),
        pytest.param(lambda c: c["available_node_types"]["gpu"].update(min_worker=1), id="misspelt node key"),
        pytest.param(lambda c: c["available_node_types"]["gpu"].update(min_workers=5), id="more at least than at most"),
        pytest.param(lambda c: c["available_node_types"]["gpu"]["resources"].update(GPU=0.5), id="half a GPU"),
        pytest.param(lambda c: c["docker"].update(iamge=c["docker"].pop("image")), id="misspelt docker key"),
        pytest.param(lambda c: c["auth"].update(ssh_usr="ubuntu"), id="misspelt auth key"),
        pytest.param(lambda c: c.update(worker_start_ray_commands="ray stop"), id="a command for a list"),
        pytest.param(lambda c: c["provider"].pop("type"), id="no provider"),
    ],
)
def test_ray_refuses_a_broken_file(config, break_it: Callable[[Config], None]):
    break_it(config)

    with pytest.raises((ValidationError, ValueError, KeyError, AssertionError)):
        check(config)


def test_start_commands_use_options_that_ray_start_has(config):
    known = {option for parameter in ray_start.params for option in (*parameter.opts, *parameter.secondary_opts)}
    commands = config["head_start_ray_commands"] + config["worker_start_ray_commands"]

    used = {word.partition("=")[0] for command in commands for word in command.split() if word.startswith("--")}

    assert used <= known
    assert {"--metrics-export-port", "--autoscaling-config", "--address"} <= used


def test_dashboard_listens_to_the_head_alone(config):
    assert any("--dashboard-host=127.0.0.1" in command for command in config["head_start_ray_commands"])


def test_every_node_proves_itself(config):
    assert "--env RAY_AUTH_MODE=token" in config["docker"]["run_options"]
    assert "/home/ray/.ray/auth_token" in config["file_mounts"]


def test_containers_get_the_environment_of_emo_hallo_serve(config):
    for name in (
        *("RAY_SERVE_ENABLE_HA_PROXY", "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD", "RAY_USAGE_STATS_ENABLED"),
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S",
    ):
        assert f"--env {name}={SERVE_ENVIRONMENT[name]}" in config["docker"]["run_options"]


def test_ray_of_the_image_is_the_one_that_was_checked(config):
    import ray

    assert config["docker"]["image"].startswith(f"rayproject/ray:{ray.__version__}-py311-")


def test_storage_is_mounted_on_every_node_and_the_database_on_the_head(config):
    head = config["initialization_commands"]
    worker = config["available_node_types"]["gpu"]["initialization_commands"]

    for commands in (head, worker):
        assert any("mount -t nfs" in command and "/mnt/emo-hallo" in command for command in commands)
    assert any("LABEL=registry" in command for command in head)
    assert not any("registry" in command for command in worker)
    options = config["docker"]["run_options"]
    assert "--env EMO_HALLO_STORAGE__ROOT=/mnt/emo-hallo" in options
    assert "--env EMO_HALLO_STORAGE__DATABASE=/mnt/registry/tasks.sqlite" in options
    assert "--volume /mnt/registry:/mnt/registry" in config["docker"]["head_run_options"]


def test_registry_disk_outlives_the_head(config):
    node = config["available_node_types"]["head"]["node_config"]
    if config["provider"]["type"] == "aws":
        assert node["BlockDeviceMappings"][1]["Ebs"]["DeleteOnTermination"] is False
        assert config["provider"]["cache_stopped_nodes"] is True
    else:
        assert node["disks"][1]["autoDelete"] is False
