"""The denoiser as the original computes it, on the same weights: what the savings are measured against.

Every step computes everything anew: references, identity and speech in each frame, both halves in full although one is
thrown away, motion frames through all layers. Feature maps lie channels first. Written to be read beside the paper; the
tests also take it as a second opinion on networks of sizes that nobody recorded.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from emo_hallo_ray.hallo2.attention import CrossAttention, FeedForward, SelfAttention
from emo_hallo_ray.hallo2.audio import REGIONS, AudioTransformer
from emo_hallo_ray.hallo2.denoising_unet import Conditions, DenoisingBlock, DenoisingUNet
from emo_hallo_ray.hallo2.layers import ResnetBlock
from emo_hallo_ray.hallo2.motion import MotionModule
from emo_hallo_ray.hallo2.spatial import SpatialTransformer


def plain_prediction(unet: DenoisingUNet, latents: Tensor, timestep: Tensor, conditions: Conditions) -> Tensor:
    """What `unet(latents, timestep, unet.prepare(conditions))` gives, the long way."""
    n_halves = len(conditions.identity)
    n_frames = len(latents) // n_halves
    time = unet.time_embedding(timestep)
    face = conditions.face.expand(n_frames, -1, -1, -1)
    halves = [torch.zeros_like(face), face] if n_halves == 2 else [face]
    x = F.conv2d(latents, unet.conv_in.weight, unet.conv_in.bias, padding=1) + torch.cat(halves)
    skips = [x]
    for i, block in enumerate(unet.down_blocks):
        for j in range(len(block.resnets)):
            x = _layer(block, j, f"down_blocks.{i}", x, time, conditions)
            skips.append(x)
        if hasattr(block, "downsamplers"):
            down = block.downsamplers[0].conv
            x = F.conv2d(x, down.weight, down.bias, stride=2, padding=1)
            skips.append(x)
    x = _layer(unet.mid_block, 0, "mid_block", x, time, conditions)
    x = _resnet(unet.mid_block.resnets[1], x, time)
    for i, block in enumerate(unet.up_blocks):
        for j in range(len(block.resnets)):
            x = _layer(block, j, f"up_blocks.{i}", torch.cat([x, skips.pop()], dim=1), time, conditions)
        if hasattr(block, "upsamplers"):
            up = block.upsamplers[0].conv
            x = F.conv2d(F.interpolate(x, size=skips[-1].shape[-2:]), up.weight, up.bias, padding=1)
    return F.conv2d(F.silu(unet.conv_norm_out(x)), unet.conv_out.weight, unet.conv_out.bias, padding=1)


def _layer(block: DenoisingBlock, j: int, path: str, x: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
    x = _resnet(block.resnets[j], x, time)
    if not hasattr(block, "attentions"):
        return x
    written = conditions.bank[f"{path}.attentions.{j}.transformer_blocks.0"]
    rows = written.unflatten(0, (len(conditions.identity), -1))
    x = _spatial(block.attentions[j], x, rows[:, 0], conditions.identity)
    x = _audio(block.audio_modules[j], x, conditions, conditions.masks[block.level])
    return _motion(block.motion_modules[j], x, rows[:, 1:])


def _resnet(resnet: ResnetBlock, x: Tensor, time: Tensor) -> Tensor:
    conv1, conv2 = resnet.conv1, resnet.conv2
    hidden = F.conv2d(F.silu(resnet.norm1(x)), conv1.weight, conv1.bias, padding=1)
    hidden = hidden + resnet.time_emb_proj(time)[:, :, None, None]
    hidden = F.conv2d(F.silu(resnet.norm2(hidden)), conv2.weight, conv2.bias, padding=1)
    return (resnet.conv_shortcut(x) if hasattr(resnet, "conv_shortcut") else x) + hidden


def _spatial(transformer: SpatialTransformer, x: Tensor, references: Tensor, identity: Tensor) -> Tensor:
    block = transformer.transformer_blocks[0]
    n_halves = len(identity)
    n_frames = len(x) // n_halves
    residual, x = x, _enter(transformer, x)
    n = block.norm1(x)
    tiled = references.repeat(n_frames, 1, 1)  # by turns, not half by half: as the original does
    attended = _attend(block.attn1, n, torch.cat([n, tiled], dim=1))
    if n_halves == 2:
        attended[:n_frames] = _attend(block.attn1, n[:n_frames], n[:n_frames])
    x = x + attended
    x = x + _attend(block.attn2, block.norm2(x), identity.repeat_interleave(n_frames, dim=0))
    x = x + _feed_forward(block.ff, block.norm3(x))
    return _leave(transformer, x, residual)


def _audio(transformer: AudioTransformer, x: Tensor, conditions: Conditions, masks: Tensor) -> Tensor:
    block = transformer.transformer_blocks[0]
    speech = conditions.speech
    if len(conditions.identity) == 2:
        speech = torch.cat([torch.zeros_like(speech), speech])
    residual, x = x, _enter(transformer, x)
    n = block.norm1(x)
    x = x + _attend(block.attn1, n, n)
    n = block.norm2(x)
    heard = []
    for i, region in enumerate(REGIONS):
        masked = _attend(getattr(block, f"attn2_{i}"), n, speech) * masks[:, i, None]
        conv = getattr(block, f"zero_conv_{region}")
        heard.append(conditions.region_weights[i] * F.linear(masked, conv.weight.flatten(1), conv.bias))
    x = x + torch.stack(heard).sum(0)
    x = x + _feed_forward(block.ff, block.norm3(x))
    return _leave(transformer, x, residual)


def _motion(module: MotionModule, x: Tensor, features: Tensor) -> Tensor:
    transformer = module.temporal_transformer
    block = transformer.transformer_blocks[0]
    n_halves, n_motion = features.shape[:2]
    past = features.transpose(2, 3).unflatten(-1, x.shape[-2:])
    frames = torch.cat([past, x.unflatten(0, (n_halves, -1))], dim=1)
    size = frames.shape[:2]
    residual = frames.flatten(0, 1)
    tokens = transformer.norm(residual).flatten(2).transpose(1, 2)
    hidden = transformer.proj_in(tokens).unflatten(0, size).transpose(1, 2)  # halves, pixels, time, channels
    pixels = hidden.shape[:2]
    hidden = hidden.flatten(0, 1)
    for attention, norm in zip(block.attention_blocks, block.norms, strict=True):
        n = norm(hidden) + attention.pos_encoder.pe[:, : hidden.shape[1]]
        hidden = hidden + _attend(attention, n, n)
    hidden = hidden + _feed_forward(block.ff, block.ff_norm(hidden))
    out = transformer.proj_out(hidden).unflatten(0, pixels).transpose(1, 2).flatten(0, 1)
    moved = out.transpose(1, 2).unflatten(-1, x.shape[-2:]) + residual
    return moved.unflatten(0, size)[:, n_motion:].flatten(0, 1)


def _attend(attention: SelfAttention | CrossAttention, x: Tensor, context: Tensor) -> Tensor:
    if isinstance(attention, SelfAttention):
        to_q, to_k, to_v = attention.qkv.chunk(3)
    else:
        to_q, to_k, to_v = attention.to_q.weight, attention.to_k.weight, attention.to_v.weight
    q, k, v = F.linear(x, to_q), F.linear(context, to_k), F.linear(context, to_v)
    q, k, v = (part.unflatten(-1, (attention.heads, -1)).transpose(1, 2) for part in (q, k, v))
    return attention.to_out[0](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2))


def _feed_forward(ff: FeedForward, x: Tensor) -> Tensor:
    value, gate = ff.net[0].proj(x).chunk(2, dim=-1)
    return ff.net[2](value * F.gelu(gate))


def _enter(transformer: SpatialTransformer | AudioTransformer, x: Tensor) -> Tensor:
    proj = transformer.proj_in
    return F.conv2d(transformer.norm(x), proj.weight, proj.bias).flatten(2).transpose(1, 2)


def _leave(transformer: SpatialTransformer | AudioTransformer, x: Tensor, residual: Tensor) -> Tensor:
    proj = transformer.proj_out
    return F.conv2d(x.transpose(1, 2).unflatten(-1, residual.shape[-2:]), proj.weight, proj.bias) + residual
