from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from emo_hallo_ray.engines.preview.speech.recognition import REACH_HOPS
from tools.visemes.examples import Examples
from tools.visemes.network import IR_VERSION, N_CLASSES, N_FEATURES, OPSET, VisemeNetwork, export_onnx, reach_hops
from tools.visemes.train import class_weights, draw_batches, training_step


@pytest.fixture
def network() -> VisemeNetwork:
    torch.manual_seed(0)
    network = VisemeNetwork(n_channels=8)
    network(torch.randn(4, 300, N_FEATURES))  # normalisation that is not the identity
    return network.eval()


@pytest.mark.parametrize("n_hops", [1, 50, 333])
def test_exported_network_answers_as_the_trained_one(tmp_path: Path, network: VisemeNetwork, n_hops: int) -> None:
    features = torch.randn(1, n_hops, N_FEATURES)
    export_onnx(network, tmp_path / "network.onnx")

    session = onnxruntime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    posteriors = session.run(["posteriors"], {"features": features.numpy()})[0]

    assert posteriors.shape == (1, n_hops, N_CLASSES)
    assert posteriors == pytest.approx(network(features).softmax(dim=2).detach().numpy(), abs=1e-5)


def test_exported_network_runs_where_the_others_do(tmp_path: Path, network: VisemeNetwork) -> None:
    export_onnx(network, tmp_path / "network.onnx")
    model = onnx.load(tmp_path / "network.onnx")

    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert model.ir_version == IR_VERSION <= 8


def test_network_hears_no_farther_than_the_product_lets_it(network: VisemeNetwork) -> None:
    features = torch.randn(1, 301, N_FEATURES)
    changed = features.clone()
    changed[0, 150] += 1

    heard = (network(features) - network(changed)).abs().amax(dim=(0, 2)).nonzero().flatten()

    assert 150 - int(heard.min()) == int(heard.max()) - 150 == reach_hops()
    assert reach_hops() <= REACH_HOPS


def test_steps_lower_the_loss(network: VisemeNetwork) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    labels = torch.randint(0, N_CLASSES, (2, 100))
    features = torch.nn.functional.one_hot(labels, N_FEATURES).float()
    loss = torch.nn.CrossEntropyLoss()

    losses = [training_step(network, optimizer, loss, features, labels) for _ in range(20)]

    assert losses[-1] < 0.7 * losses[0]


def test_rare_classes_weigh_more_within_bounds() -> None:
    labels = torch.tensor([0] * 900 + [1] * 100)

    weights = class_weights(labels)

    assert weights[0] < weights[1] <= weights[2] <= 2


def test_an_epoch_visits_every_example_with_its_own_labels() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, N_CLASSES, (70, 1200)).astype(np.uint8)
    features = np.repeat(labels[:, :, None], N_FEATURES, axis=2).astype(np.float16)

    batches = list(draw_batches(Examples(features, labels), n_epochs=1, seed=0))

    assert sum(len(batch) for batch, _ in batches) == 70 * 3
    assert all(torch.equal(batch[:, :, 0].long(), wanted) for batch, wanted in batches)
