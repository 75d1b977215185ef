"""Train the viseme network of the preview engine on synthetic speech, and write it as ONNX: `make viseme-net`."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from torch import Tensor, nn

from tools.visemes.examples import N_HOPS, Examples
from tools.visemes.network import N_CLASSES, VisemeNetwork, export_onnx
from tools.visemes.shards import Plan, join, make_shards
from tools.visemes.synthesizers import missing_packages

CROP_HOPS = 400
BATCH_SIZE = 64
N_EPOCHS = 12
PEAK_LEARNING_RATE = 4e-3
WARM_UP_SHARE = 0.1
WEIGHT_DECAY = 0.01
LABEL_SMOOTHING = 0.02
SEED = 0
N_THREADS = 2
# rare classes count more, but not as much more as they are rarer
RARITY_POWER, LEAST_WEIGHT, MOST_WEIGHT = 0.4, 0.6, 2.0


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path, help="the ONNX file to write")
    parser.add_argument("--build", type=Path, default=Path("build/visemes"), help="where synthesised speech is kept")
    parser.add_argument("--epochs", type=int, default=N_EPOCHS)
    arguments = parser.parse_args()
    if missing := missing_packages():
        raise SystemExit(f"The voices are missing. On Debian and Ubuntu: sudo apt-get install {' '.join(missing)}")
    with Progress(*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn()) as progress:
        plan = Plan(arguments.build)
        examples = join(list(progress.track(make_shards(plan), plan.n_shards, description="speech and noise")))
        network = train(examples, arguments.epochs, progress)
    export_onnx(network, arguments.network)
    Console().print(f"{arguments.network}: {arguments.network.stat().st_size:,} bytes")


def train(examples: Examples, n_epochs: int, progress: Progress) -> VisemeNetwork:
    """A network trained from nothing, ready to be exported."""
    torch.manual_seed(SEED)
    torch.set_num_threads(N_THREADS)
    network = VisemeNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), PEAK_LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    loss_of = nn.CrossEntropyLoss(class_weights(torch.from_numpy(examples.labels)), label_smoothing=LABEL_SMOOTHING)
    n_steps = n_epochs * batches_per_epoch(examples)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, total_steps=n_steps, pct_start=WARM_UP_SHARE
    )
    task = progress.add_task("training", total=n_steps)
    mean_loss = float(np.log(N_CLASSES))
    for features, labels in draw_batches(examples, n_epochs, SEED):
        mean_loss += 0.02 * (training_step(network, optimizer, loss_of, features, labels) - mean_loss)
        schedule.step()
        progress.update(task, advance=1, description=f"training, loss {mean_loss:.3f}")
    return network.eval()


def training_step(
    network: VisemeNetwork,
    optimizer: torch.optim.Optimizer,
    loss_of: nn.CrossEntropyLoss,
    features: Tensor,
    labels: Tensor,
) -> float:
    """One step on (B, T, 33) features and (B, T) labels; returns the loss before it."""
    network.train()
    # twice as fast where the processor multiplies bfloat16, and as good
    with torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu.get_capabilities().get("avx512_bf16", False)):
        logits = network(features)
    loss: Tensor = loss_of(logits.float().flatten(0, 1), labels.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def class_weights(labels: Tensor) -> Tensor:
    """(18,) weight of each class in the loss."""
    shares = torch.bincount(labels.flatten().long(), minlength=N_CLASSES).double() / labels.numel()
    weights = (1 / (N_CLASSES * shares.clamp(min=1e-6))) ** RARITY_POWER
    return weights.clamp(LEAST_WEIGHT, MOST_WEIGHT).float()


def batches_per_epoch(examples: Examples) -> int:
    """Steps in which each example is seen once."""
    return max(1, len(examples.labels) * (N_HOPS // CROP_HOPS) // BATCH_SIZE)


def draw_batches(examples: Examples, n_epochs: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Stretches of 4 s, (B, 400, 33) and (B, 400): every example thrice an epoch, each time another part of it."""
    rng = np.random.default_rng(seed)
    n_crops = N_HOPS // CROP_HOPS
    for _ in range(n_epochs):
        order = rng.permutation(len(examples.labels) * n_crops)
        for batch in np.array_split(order, batches_per_epoch(examples)):
            offset = int(rng.integers(0, CROP_HOPS))
            starts = np.minimum(batch % n_crops * CROP_HOPS + offset, N_HOPS - CROP_HOPS)
            hops = starts[:, None] + np.arange(CROP_HOPS)
            rows = (batch // n_crops)[:, None]
            features, labels = examples.features[rows, hops], examples.labels[rows, hops]
            yield torch.from_numpy(features.astype(np.float32)), torch.from_numpy(labels.astype(np.int64))


if __name__ == "__main__":
    main()
