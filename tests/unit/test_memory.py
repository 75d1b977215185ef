"""What ran out of memory is named, and holds none any longer."""

import weakref

import pytest
import torch

from emo_hallo_ray.errors import OutOfMemory
from emo_hallo_ray.memory import blaming_memory


def test_the_error_keeps_torchs_words_and_none_of_the_tensors() -> None:
    held: list[weakref.ref[torch.Tensor]] = []

    def work() -> None:
        large = torch.zeros(4)
        held.append(weakref.ref(large))
        raise torch.OutOfMemoryError("tried to allocate 20 MiB")

    with pytest.raises(OutOfMemory) as failure, blaming_memory():
        work()

    assert str(failure.value.__cause__) == "tried to allocate 20 MiB"
    assert held[0]() is None


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), blaming_memory():
        raise KeyError
