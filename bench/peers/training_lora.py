"""Peer of bench/training-lora.ts: LoRA steps on a U-Net of Stable Diffusion 1.5's size by diffusers and PyTorch eager.

Usage: training_lora.py CHECKPOINT THREADS STEPS RECOMPUTE. Rank 16 on what kohya's scripts take: every linear layer and
1x1 convolution inside the transformers. float32, batch 1, 512x512 (latents of 64x64), AdamW, clipped to 1; RECOMPUTE is
1 for gradient checkpointing. Prints a line of JSON a step: seconds, loss, and the largest resident memory in bytes.
"""

import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from safetensors.torch import load_file
from torch import nn

from sd15 import UNET

RANK = 16


class WithLora(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        if isinstance(layer, nn.Conv2d):
            self.down = nn.Conv2d(layer.in_channels, RANK, 1, bias=False)
            self.up = nn.Conv2d(RANK, layer.out_channels, 1, bias=False)
        else:
            self.down = nn.Linear(layer.in_features, RANK, bias=False)
            self.up = nn.Linear(RANK, layer.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x, *_):
        return self.layer(x) + self.up(self.down(x))


def add_lora(unet):
    for _, block in list(unet.named_modules()):
        if type(block).__name__ != "Transformer2DModel":
            continue
        for owner in list(block.modules()):
            for name, layer in list(owner.named_children()):
                if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)):
                    setattr(owner, name, WithLora(layer))
    return [p for m in unet.modules() if isinstance(m, WithLora) for p in (m.down.weight, m.up.weight)]


def main():
    checkpoint, threads, steps, recompute = sys.argv[1], *map(int, sys.argv[2:5])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    config = dict(UNET, upcast_attention=False, class_embed_type=None, addition_embed_type=None)
    unet = UNet2DConditionModel(**UNET)
    weights = convert_ldm_unet_checkpoint(load_file(checkpoint), config)
    unet.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    del weights
    unet.requires_grad_(False).train()
    learnt = add_lora(unet)
    if recompute:
        unet.enable_gradient_checkpointing()
    optimizer = torch.optim.AdamW(learnt, lr=5e-4)
    latents, context = torch.randn(1, 4, 64, 64), torch.randn(1, 77, 768)
    for _ in range(steps):
        begun = time.perf_counter()
        noise, timestep = torch.randn_like(latents), torch.randint(0, 1000, (1,))
        loss = F.mse_loss(unet(0.7 * latents + 0.7 * noise, timestep, context).sample, noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learnt, 1)
        optimizer.step()
        optimizer.zero_grad()
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"seconds": time.perf_counter() - begun, "loss": loss.item(), "peak": peak}), flush=True)


if __name__ == "__main__":
    main()
