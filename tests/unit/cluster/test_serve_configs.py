"""Ray accepts most misspelt keys of a Serve configuration in silence, so ours are compared with its schema here."""

import copy
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, ValidationError
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import ServeDeploySchema

from deployments.resources import GPU_SHARES
from emo_hallo_ray.settings import Settings

ROOT = Path(__file__).parents[3]
PORTABLE = ROOT / "serve_config.yaml"
ONE, EIGHT, POOL = (ROOT / "cluster" / f"serve_config.{name}.yaml" for name in ("gpu", "8gpu", "pool"))
FOR_GPUS = pytest.mark.parametrize("path", [ONE, EIGHT, POOL], ids=lambda path: path.name)
ALL = pytest.mark.parametrize("path", [PORTABLE, ONE, EIGHT, POOL], ids=lambda path: path.name)
MODEL_STAGES = ("AudioEmbedder", "Generator", "SuperResolver")

Config = dict[str, Any]


def load(path: Path) -> Config:
    return yaml.safe_load(path.read_text())


def deployments(config: Config) -> dict[str, Config]:
    """The deployments that a file speaks of, by name."""
    return {item["name"]: item for item in config["applications"][0].get("deployments", [])}


def unknown_keys(value: object, schema: object, where: str = "") -> Iterator[str]:
    """Paths of keys that Ray's schema does not have; free-form dictionaries such as `args` are not entered."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from unknown_keys(item, schema, f"{where}[{i}]")
    elif isinstance(value, dict) and (model := _model_in(schema)):
        for key, item in value.items():
            if key in model.model_fields:
                yield from unknown_keys(item, model.model_fields[key].annotation, f"{where}.{key}")
            else:
                yield f"{where}.{key}"


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The pydantic model inside `list[Model]`, `dict | Model | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


@ALL
def test_every_key_is_one_that_ray_knows(path):
    assert list(unknown_keys(load(path), ServeDeploySchema)) == []


@ALL
def test_ray_accepts_the_values(path):
    config = ServeDeploySchema(**load(path))

    for deployment in config.applications[0].deployments:
        if isinstance(deployment.autoscaling_config, dict):  # the schema lets any dictionary pass
            AutoscalingConfig(**deployment.autoscaling_config)


@ALL
def test_args_are_settings(path):
    Settings(**load(path)["applications"][0]["args"])


@ALL
def test_application_is_the_documented_one(path):
    config = load(path)
    application = config["applications"][0]

    assert config["http_options"]["port"] == 8001
    assert (application["name"], application["route_prefix"]) == ("emo-hallo", "/")
    assert application["import_path"] == "deployments.app:build"


def misspell(config: Config, *path: str | int, right: str, wrong: str) -> None:
    """Rename one key somewhere inside."""
    place: Any = config
    for step in path:
        place = place[step]
    place[wrong] = place.pop(right)


AN_APPLICATION = ("applications", 0)
A_DEPLOYMENT = (*AN_APPLICATION, "deployments", 3)


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [
        pytest.param((), "http_options", "htp_options", id="top level"),
        pytest.param(("http_options",), "port", "prt", id="http_options"),
        pytest.param(("logging_config",), "encoding", "encodig", id="logging_config"),
        pytest.param(AN_APPLICATION, "import_path", "import_pth", id="application"),
        pytest.param(A_DEPLOYMENT, "max_ongoing_requests", "max_ongoing_request", id="deployment"),
        pytest.param((*A_DEPLOYMENT, "ray_actor_options"), "num_gpus", "num_gpu", id="ray_actor_options"),
        pytest.param((*A_DEPLOYMENT, "autoscaling_config"), "min_replicas", "min_replica", id="autoscaling_config"),
    ],
)
def test_a_misspelt_key_is_found(path, right, wrong):
    config = copy.deepcopy(load(POOL))

    misspell(config, *path, right=right, wrong=wrong)

    assert [where.rpartition(".")[2] for where in unknown_keys(config, ServeDeploySchema)] == [wrong]


def test_a_misspelt_setting_is_found():
    args = load(POOL)["applications"][0]["args"]

    misspell(args, "tasks", right="max_concurrent", wrong="max_concurent")

    with pytest.raises(ValidationError, match="max_concurent"):
        Settings(**args)


@FOR_GPUS
def test_every_deployment_of_the_code_is_spelled_out_for_gpus(path):
    """Serve would refuse a name that the code does not have only when the file is deployed."""
    declared = re.compile(r"@serve\.deployment\(\s*name=\"(\w+)\"")
    in_code = {name for path in (ROOT / "deployments").glob("*.py") for name in declared.findall(path.read_text())}

    assert set(deployments(load(path))) == in_code


def test_serve_build_writes_a_file_that_ray_accepts(tmp_path):
    command = [sys.executable, "-m", "ray.serve.scripts", "build", "deployments.application:app"]
    subprocess.run([*command, "-o", "built.yaml", "-d", str(ROOT)], cwd=tmp_path, check=True, timeout=60)

    built = load(tmp_path / "built.yaml")
    ServeDeploySchema(**built)
    assert set(deployments(built)) == set(deployments(load(ONE)))


@FOR_GPUS
def test_model_stages_share_one_gpu_as_the_builder_would_have_it(path):
    configured = deployments(load(path))
    names = dict(zip(("audio_embedder", "generator", "super_resolver"), MODEL_STAGES, strict=True))

    shares = {stage: configured[name]["ray_actor_options"]["num_gpus"] for stage, name in names.items()}
    assert shares == GPU_SHARES
    assert sum(shares.values()) == pytest.approx(1.0)
    assert not any("num_gpus" in configured[name]["ray_actor_options"] for name in set(configured) - set(MODEL_STAGES))


@FOR_GPUS
def test_actor_options_are_whole_because_they_replace_those_of_the_code(path):
    assert all("num_cpus" in deployment["ray_actor_options"] for deployment in deployments(load(path)).values())


@pytest.mark.parametrize(("path", "n_gpus"), [(ONE, 1), (EIGHT, 8)], ids=lambda value: getattr(value, "name", value))
def test_a_machine_has_a_set_of_model_stages_on_each_gpu_and_one_task_more(path, n_gpus):
    config = load(path)

    assert [deployments(config)[name]["num_replicas"] for name in MODEL_STAGES] == [n_gpus] * 3
    assert config["applications"][0]["args"]["tasks"]["max_concurrent"] == n_gpus + 1


def test_the_pool_comes_with_waiting_work_and_goes_without():
    config = load(POOL)
    for name in MODEL_STAGES:
        stage = deployments(config)[name]
        assert (stage["max_ongoing_requests"], stage["autoscaling_config"]["target_ongoing_requests"]) == (1, 1)
        assert stage["autoscaling_config"]["min_replicas"] == 0

    # fewer tasks than replicas would leave GPUs idle, more would only wait inside a lease
    generator = deployments(config)["Generator"]["autoscaling_config"]
    assert config["applications"][0]["args"]["tasks"]["max_concurrent"] == generator["max_replicas"]


@FOR_GPUS
def test_the_files_differ_in_numbers_of_replicas_and_tasks_only(path):
    def without_numbers(config: Config) -> Config:
        config["applications"][0]["args"].pop("tasks")
        for deployment in deployments(config).values():
            for key in ("num_replicas", "autoscaling_config"):
                deployment.pop(key, None)
        return config

    assert without_numbers(load(path)) == without_numbers(load(ONE))


@FOR_GPUS
def test_gpus_are_asked_for_although_none_is_there_yet(path):
    assert Settings(**load(path)["applications"][0]["args"]).resources.gpu == "on"


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda c: c["http_options"].update(port="eighty"), id="port"),
        pytest.param(lambda c: c.update(proxy_location="Everywhere"), id="proxy_location"),
        pytest.param(lambda c: c["applications"][0].update(import_path="build"), id="import_path"),
        pytest.param(lambda c: c["applications"].append(c["applications"][0]), id="two applications of one name"),
        pytest.param(
            lambda c: c["applications"][0]["deployments"][0].update(autoscaling_config={"max_replicas": 2}),
            id="fixed and scaled at once",
        ),
        pytest.param(
            lambda c: c["applications"][0]["deployments"][3]["ray_actor_options"].update(num_gpus=-1),
            id="negative share",
        ),
    ],
)
def test_ray_refuses_wrong_values(break_it: Callable[[Config], None]):
    config = copy.deepcopy(load(POOL))

    break_it(config)

    with pytest.raises(ValidationError):
        ServeDeploySchema(**config)
