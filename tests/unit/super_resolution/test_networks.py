"""The networks of super-resolution compute what the original's do, and take the released files' names and shapes."""

from collections.abc import Iterator
from functools import cache

import pytest
import torch
from torch import Tensor

from emo_hallo_ray.hallo2.errors import WrongCheckpoint
from emo_hallo_ray.super_resolution.codeformer import CodeFormer
from emo_hallo_ray.super_resolution.rrdbnet import RRDBNet
from tests.scarce_memory import Scarce
from tests.tiny_models.super_resolution import restorer_shapes
from tests.unit.hallo2 import golden
from tests.unit.hallo2.golden import deviation
from tests.unit.super_resolution.recorded import generated_weights, released_shapes

RELEASED = {"codeformer_net_g": CodeFormer, "realesrgan_x2plus": RRDBNet}


@pytest.fixture(autouse=True)
def inference_mode() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("name", RELEASED)
def test_full_size_keys_and_shapes_are_the_released_ones(name: str):
    shapes = released_shapes(name)
    with torch.device("meta"):
        network = RELEASED[name](shapes)
    assert {key: tensor.shape for key, tensor in network.state_dict().items()} == shapes


@pytest.mark.parametrize("network", RELEASED.values())
def test_another_models_file_is_refused(network: type[CodeFormer] | type[RRDBNet]):
    with pytest.raises(WrongCheckpoint, match="another model"):
        network({"weight": torch.Size((3, 3))})


def test_a_network_that_enlarges_by_another_factor_is_refused():
    shapes = released_shapes("realesrgan_x2plus") | {"conv_first.weight": torch.Size((64, 3, 3, 3))}
    with pytest.raises(WrongCheckpoint, match="not the 12 of a ×2 network"):
        RRDBNet(shapes)


@cache
def full_codeformer() -> CodeFormer:
    recipe = golden.config("codeformer")["recipe"]
    shapes = released_shapes("codeformer_net_g")
    with torch.device("meta"):
        network = CodeFormer(shapes, frames_at_a_time=1)
    network.load_state_dict(generated_weights(shapes, recipe["seed"], recipe["gains"]), assign=True)
    return network.eval()


def recorded_faces() -> Tensor:
    small = golden.inputs("codeformer")["image_u8_32"]
    return small.repeat_interleave(16, -1).repeat_interleave(16, -2) / 255 * 2 - 1


class TestCodeFormer:
    def test_generated_weights_are_the_recorded_ones(self):
        state = full_codeformer().state_dict()
        for key, expected in golden.config("codeformer")["fingerprint"].items():
            assert state[key].flatten()[:3].tolist() == pytest.approx(expected["first"], rel=1e-6)
            assert float(state[key].double().sum()) == pytest.approx(expected["sum"], rel=1e-5)

    def test_restores_as_recorded(self):
        expected = golden.outputs("codeformer")
        network, faces = full_codeformer(), recorded_faces()
        features, _ = network.encode(faces)
        assert deviation(features[:, ::32], expected["lq_feat_s32"]) < 5e-5
        scores = network.choose_codes(features)
        assert deviation(scores[:, ::16, ::16], expected["logits_s16_s16"]) < 5e-5
        assert torch.equal(scores.argmax(-1).int(), expected["top_idx"])
        restored = network(faces, fidelity=0.5)
        assert deviation(restored[None, ..., ::16, ::16], expected["output_s16"]) < 5e-5

    @pytest.mark.slow
    def test_without_fidelity_only_the_codebook_speaks(self):
        restored = full_codeformer()(recorded_faces(), fidelity=0.0)
        assert deviation(restored[None, ..., ::32, ::32], golden.outputs("codeformer")["output_w0_s32"]) < 5e-5

    @pytest.mark.slow
    @pytest.mark.parametrize("chain", ["encoder", "generator"])
    def test_faces_that_do_not_fit_together_are_drawn_apart(self, chain: str):
        shapes = restorer_shapes()
        network = CodeFormer(shapes, frames_at_a_time=2)
        network.load_state_dict(generated_weights(shapes, seed=1, gains={}))
        network.double()  # in single precision the narrow network makes rounding 1e-4
        face = recorded_faces()[:1].double()
        faces = torch.cat([face, 0.8 * face])
        undisturbed = network(faces, fidelity=0.5)
        first = getattr(network, chain).blocks[0]
        first.forward = memory = Scarce(first.forward, fits=1)
        assert deviation(network(faces, fidelity=0.5), undisturbed) < 1e-10
        assert memory.asked == [2, 1, 1]
        assert network.batches.size == 1


class TestRRDBNet:
    def test_a_small_network_as_recorded(self):
        weights = golden.weights("rrdbnet")
        network = RRDBNet({key: tensor.shape for key, tensor in weights.items()})
        network.load_state_dict(weights)
        enlarged = network(golden.inputs("rrdbnet")["tiny.x"])
        assert deviation(enlarged, golden.outputs("rrdbnet")["tiny.y"]) < 2e-5

    def test_the_full_network_as_recorded(self):
        shapes, recipe = released_shapes("realesrgan_x2plus"), golden.config("rrdbnet")["recipe"]
        network = RRDBNet(shapes)
        network.load_state_dict(generated_weights(shapes, recipe["seed"], recipe["gains"]))
        enlarged = network(golden.inputs("rrdbnet")["full.x"])
        assert deviation(enlarged, golden.outputs("rrdbnet")["full.y"]) < 2e-5

    def test_odd_sides_are_enlarged_too(self):
        weights = golden.weights("rrdbnet")
        network = RRDBNet({key: tensor.shape for key, tensor in weights.items()})
        network.load_state_dict(weights)
        picture = golden.inputs("rrdbnet")["tiny.x"][..., :19, :23]
        assert network(picture).shape == (1, 3, 38, 46)
