"""The Kubernetes manifest, offline.

Pods, volumes and claims are checked with Kubernetes' own strict schemas (package kubernetes-validate). The few objects
around them are KubeRay's; tests/data/kuberay has a schema of ours for the part of its API that the manifest uses. What
Ray's autoscaler makes of it is asked of Ray. Not covered: admission rules of the operator and of a real cluster.
"""

import copy
import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from referencing import Registry, Resource

ROOT = Path(__file__).parents[3]
KUBERNETES = "1.33"

Object = dict[str, Any]


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    documents = yaml.safe_load_all((ROOT / "cluster" / "kuberay" / "rayservice.yaml").read_text())
    return [document for document in documents if document]


@pytest.fixture
def service(objects) -> Object:
    return copy.deepcopy(next(item for item in objects if item["kind"] == "RayService"))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schemas = resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local-strict"
    definitions = Resource.from_contents(json.loads((schemas / "_definitions.json").read_text()))
    schema = json.loads((ROOT / "tests" / "data" / "kuberay" / "rayservice.schema.json").read_text())
    return Draft202012Validator(schema, registry=definitions @ Registry())


def head(service: Object) -> Object:
    return service["spec"]["rayClusterConfig"]["headGroupSpec"]


def worker(service: Object, name: str) -> Object:
    groups = service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    return next(group for group in groups if group["groupName"] == name)


def container(group: Object) -> Object:
    return group["template"]["spec"]["containers"][0]


def pods(service: Object) -> list[Object]:
    groups = [head(service), *service["spec"]["rayClusterConfig"]["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def test_claims_follow_the_schema_of_kubernetes(objects):
    claims = [item for item in objects if item["kind"] == "PersistentVolumeClaim"]

    for claim in claims:
        kubernetes_validate.validate(claim, KUBERNETES, strict=True)
    assert {claim["metadata"]["name"] for claim in claims} == {"emo-hallo-storage", "emo-hallo-registry"}


def test_service_follows_the_schemas(service, validator):
    validator.validate(service)


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda s: s.update(apiVersion="ray.io/v2"), id="version"),
        pytest.param(lambda s: s["spec"].update(serveConfig=s["spec"].pop("serveConfigV2")), id="spec key"),
        pytest.param(lambda s: s["spec"]["upgradeStrategy"].update(type=None), id="None unquoted"),
        pytest.param(lambda s: head(s)["rayStartParams"].update({"num-cpus": 0}), id="number for text"),
        pytest.param(lambda s: head(s).update(rayStartParam={}), id="group key"),
        pytest.param(lambda s: worker(s, "cpu").pop("rayStartParams"), id="no rayStartParams"),
        pytest.param(lambda s: worker(s, "gpu").pop("minReplicas"), id="no minReplicas"),
        pytest.param(lambda s: worker(s, "gpu").update(maxReplicas="4"), id="text for number"),
        pytest.param(lambda s: container(head(s)).update(imagePullPolcy="Always"), id="container key"),
        pytest.param(lambda s: container(head(s)).pop("name"), id="nameless container"),
        pytest.param(lambda s: container(head(s))["livenessProbe"].update(periodSecond=5), id="probe key"),
        pytest.param(lambda s: container(head(s))["resources"].update(limit={}), id="resources key"),
        pytest.param(lambda s: head(s)["template"]["spec"]["volumes"][0].update(pvc={}), id="volume key"),
        pytest.param(
            lambda s: head(s)["template"]["spec"].update(securityContext={"runAsUser": "ray"}), id="user name"
        ),
    ],
)
def test_a_broken_service_is_refused(service, validator, break_it: Callable[[Object], None]):
    break_it(service)

    with pytest.raises(ValidationError):
        validator.validate(service)


def test_state_in_a_redis_follows_the_schema(validator):
    """The block for a head that may be lost, with its comment signs taken away."""
    text = (ROOT / "cluster" / "kuberay" / "rayservice.yaml").read_text()
    block = re.search(r"(    # gcsFaultToleranceOptions:\n(?:    # .*\n)+)", text)
    assert block is not None
    switched_on = text.replace(block[1], block[1].replace("    # ", "    "))
    [service] = [item for item in yaml.safe_load_all(switched_on) if item["kind"] == "RayService"]

    validator.validate(service)

    options = service["spec"]["rayClusterConfig"]["gcsFaultToleranceOptions"]
    assert options["redisAddress"] == "redis:6379"
    options["redisAdress"] = options.pop("redisAddress")
    with pytest.raises(ValidationError):
        validator.validate(service)


def test_names_are_labels_from_which_the_operator_can_make_longer_ones(service):
    name = service["metadata"]["name"]

    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)  # RFC 1035, as the operator wants it
    assert len(name) <= 47
    assert "headService" not in head(service)  # the operator names that one


def test_serve_config_is_the_one_for_a_pool(service):
    ours = yaml.safe_load((ROOT / "cluster" / "serve_config.pool.yaml").read_text())

    assert yaml.safe_load(service["spec"]["serveConfigV2"]) == ours


def test_autoscaler_sees_the_groups_as_meant(service):
    cluster = {"metadata": {"name": "emo-hallo", "namespace": "default"}, "spec": service["spec"]["rayClusterConfig"]}

    config = _derive_autoscaling_config_from_ray_cr(cluster)

    groups = config["available_node_types"]
    assert groups[config["head_node_type"]]["resources"]["CPU"] == 0
    assert groups["cpu"]["resources"]["CPU"] == 4
    assert "GPU" not in groups["cpu"]["resources"]
    assert (groups["gpu"]["resources"]["GPU"], groups["gpu"]["min_workers"], groups["gpu"]["max_workers"]) == (1, 0, 4)


def test_every_replica_fits_and_gpus_suffice_for_all(service):
    serve = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"][0]["deployments"]
    most = {item["name"]: item.get("autoscaling_config", {}).get("max_replicas", 1) for item in serve}
    gpus = sum(most[item["name"]] * item["ray_actor_options"].get("num_gpus", 0) for item in serve)
    cpus = sum(
        (item.get("num_replicas") or most[item["name"]]) * item["ray_actor_options"]["num_cpus"] for item in serve
    )

    groups = [worker(service, "cpu"), worker(service, "gpu")]
    assert gpus <= worker(service, "gpu")["maxReplicas"]
    assert cpus <= sum(g["maxReplicas"] * int(container(g)["resources"]["limits"]["cpu"]) for g in groups)


def test_every_mount_has_its_volume_and_every_volume_its_claim(objects, service):
    claims = {item["metadata"]["name"] for item in objects if item["kind"] == "PersistentVolumeClaim"}

    for pod in pods(service):
        volumes = {volume["name"] for volume in pod["volumes"]}
        containers = pod["containers"] + pod.get("initContainers", [])
        assert {mount["name"] for item in containers for mount in item["volumeMounts"]} == volumes
        assert {volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"]} <= claims


def test_only_the_head_opens_the_database(service):
    assert [any(v["name"] == "registry" for v in pod["volumes"]) for pod in pods(service)] == [True, False, False]
    for pod in pods(service):
        variables = {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]}
        assert variables["EMO_HALLO_STORAGE__DATABASE"] == "/mnt/registry/tasks.sqlite"
    # a second head beside the first would open it, too
    assert service["spec"]["upgradeStrategy"]["type"] == "None"


def test_pods_are_probed_bounded_and_unprivileged(service):
    for pod in pods(service):
        ray = pod["containers"][0]
        assert {"readinessProbe", "livenessProbe"} <= set(ray)
        assert ray["resources"]["requests"]["memory"] == ray["resources"]["limits"]["memory"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert ray["securityContext"]["allowPrivilegeEscalation"] is False
        assert {"name": "serve", "containerPort": 8001} in ray["ports"]


def test_the_ray_version_is_the_one_that_was_checked(service):
    import ray

    assert service["spec"]["rayClusterConfig"]["rayVersion"] == ray.__version__
