"""From a face embedding and from speech features to attention tokens."""

import torch.nn.functional as F
from torch import Tensor, nn


class ImageProjection(nn.Module):
    """An identity embedding becomes tokens that take the place of text. Keys as in IP-Adapter's."""

    def __init__(self, n_input: int, n_tokens: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(n_input, n_tokens * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, embedding: Tensor) -> Tensor:
        """(B, n_input) → (B, n_tokens, width)."""
        return self.norm(self.proj(embedding).unflatten(-1, (-1, self.norm.normalized_shape[0])))


class AudioProjection(nn.Module):
    """A window of speech features around each frame becomes that frame's tokens."""

    def __init__(self, n_input: int, n_hidden: int, n_tokens: int, width: int) -> None:
        super().__init__()
        self.proj1 = nn.Linear(n_input, n_hidden)
        self.proj2 = nn.Linear(n_hidden, n_hidden)
        self.proj3 = nn.Linear(n_hidden, n_tokens * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, windows: Tensor) -> Tensor:
        """(F, window, layers, channels) → (F, n_tokens, width)."""
        hidden = F.relu(self.proj2(F.relu(self.proj1(windows.flatten(1)))))
        return self.norm(self.proj3(hidden).unflatten(-1, (-1, self.norm.normalized_shape[0])))
