"""The shape that both UNets share: which block has how many layers of which widths."""

from dataclasses import dataclass

from emo_hallo_ray.hallo2.config import UNetConfig


@dataclass(frozen=True)
class BlockPlan:
    """One block.

    Attributes:
        level: depth, 0 being the finest; says which region mask it uses.
        resnet_inputs: channels that enter each layer's resnet.
        audio_widths: channels inside each layer's audio transformer.
        has_attention: whether there are transformers beside the resnets.
        changes_size: whether it ends with a convolution that halves or doubles the size.
    """

    level: int
    width: int
    resnet_inputs: tuple[int, ...]
    audio_widths: tuple[int, ...]
    has_attention: bool
    changes_size: bool


@dataclass(frozen=True)
class UNetPlan:
    """All blocks, in the order in which data flows."""

    down: tuple[BlockPlan, ...]
    middle: BlockPlan
    up: tuple[BlockPlan, ...]

    @classmethod
    def make(cls, config: UNetConfig) -> "UNetPlan":
        """Work the widths out.

        The audio transformers' inner widths follow the original, where a constructor took a block's input width for
        its output width: in a down block that shows in the first layer, in an up block, whose constructor counts from
        the other side, in all of them.
        """
        widths, n_layers = config.widths, config.layers_per_block
        deepest = len(widths) - 1
        skips = [widths[0]]
        down = []
        for level, width in enumerate(widths):
            width_in = skips[-1]
            inputs = (width_in, *[width] * (n_layers - 1))
            down.append(BlockPlan(level, width, inputs, inputs, level < deepest, level < deepest))
            skips += [width] * (n_layers + (level < deepest))

        width = widths[-1]
        middle = BlockPlan(deepest, width, (width, width), (width,), True, False)

        up = []
        for level in range(deepest, -1, -1):
            joined = []
            for _ in range(n_layers + 1):
                joined.append(width + skips.pop())
                width = widths[level]
            finer = widths[max(level - 1, 0)]
            up.append(BlockPlan(level, width, tuple(joined), (finer,) * (n_layers + 1), level < deepest, level > 0))
        return cls(tuple(down), middle, tuple(up))
