"""Where memory has run out for good: torch's error becomes ours, and the work that follows finds memory free again."""

from collections.abc import Iterator
from contextlib import contextmanager

from emo_hallo_ray.errors import OutOfMemory


@contextmanager
def blaming_memory() -> Iterator[None]:
    """Raise `OutOfMemory` where torch ran out of it, after smaller batches were tried wherever there are batches."""
    import torch

    from emo_hallo_ray.hallo2.batches import forget

    try:
        yield
    except torch.OutOfMemoryError as error:
        forget(error)  # an error may live long, in a log or on its way to another process
        torch.cuda.empty_cache()
        raise OutOfMemory() from error
