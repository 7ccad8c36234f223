"""Peer of bench/training.ts: one training step of the same U-Net in plain PyTorch eager.

Usage: training_unet.py FOLDER contiguous|channels_last THREADS. FOLDER holds manifest.json (configuration, tensors by
name with shape and offset) and tensors.bin (float32). Each line on stdin runs a step; its loss and seconds come back as
a line of JSON. Parameter names are those of diffusers' UNet2DConditionModel, so that weights load by name.
"""

import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


class Resnet(nn.Module):
    def __init__(self, channels, out, time_width, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels, eps=1e-5)
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_width, out)
        self.norm2 = nn.GroupNorm(groups, out, eps=1e-5)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        if channels != out:
            self.conv_shortcut = nn.Conv2d(channels, out, 1)

    def forward(self, x, t):
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time_emb_proj(F.silu(t))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, width, context_width, heads):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x, context):
        def split(y):
            return y.unflatten(2, (self.heads, -1)).transpose(1, 2)

        y = F.scaled_dot_product_attention(split(self.to_q(x)), split(self.to_k(context)), split(self.to_v(context)))
        return self.to_out[0](y.transpose(1, 2).flatten(2))


class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(Gate(width), nn.Identity(), nn.Linear(4 * width, width))

    def forward(self, x):
        return self.net(x)


class Block(nn.Module):
    def __init__(self, width, context_width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, context_width, heads)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x, context):
        y = self.norm1(x)
        x = x + self.attn1(y, y)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class Transformer(nn.Module):
    def __init__(self, channels, context_width, heads, depth, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList(Block(channels, context_width, heads) for _ in range(depth))
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x, context):
        size = x.shape[2:]
        y = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            y = block(y, context)
        return x + self.proj_out(y.transpose(1, 2).unflatten(2, size))


class Resample(nn.Module):
    def __init__(self, channels, stride):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=stride, padding=1)
        self.stride = stride

    def forward(self, x):
        return self.conv(x if self.stride == 2 else F.interpolate(x, scale_factor=2.0, mode="nearest"))


class UNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        channels, groups = c["blockChannels"], c["normGroups"]
        first, time_width = channels[0], 4 * channels[0]
        self.first = first

        def resnet(a, b):
            return Resnet(a, b, time_width, groups)

        def transformer(level, depth):
            return Transformer(channels[level], c["contextWidth"], c["heads"][level], depth, groups)

        self.time_embedding = nn.ModuleDict(
            {"linear_1": nn.Linear(first, time_width), "linear_2": nn.Linear(time_width, time_width)}
        )
        self.conv_in = nn.Conv2d(c["inChannels"], first, 3, padding=1)
        skips, x = [first], first
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        last = len(channels) - 1
        for level, width in enumerate(channels):
            block = nn.ModuleDict({"resnets": nn.ModuleList(), "attentions": nn.ModuleList()})
            for _ in range(c["layersPerBlock"]):
                block["resnets"].append(resnet(x, width))
                if c["transformerDepth"][level]:
                    block["attentions"].append(transformer(level, c["transformerDepth"][level]))
                x = width
                skips.append(x)
            if level < last:
                block["downsamplers"] = nn.ModuleList([Resample(x, 2)])
                skips.append(x)
            self.down_blocks.append(block)
        self.mid_block = nn.ModuleDict(
            {
                "resnets": nn.ModuleList([resnet(x, x), resnet(x, x)]),
                "attentions": nn.ModuleList([transformer(last, c["midTransformerDepth"])]),
            }
        )
        for level in range(last, -1, -1):
            block = nn.ModuleDict({"resnets": nn.ModuleList(), "attentions": nn.ModuleList()})
            for _ in range(c["layersPerBlock"] + 1):
                block["resnets"].append(resnet(x + skips.pop(), channels[level]))
                if c["transformerDepth"][level]:
                    block["attentions"].append(transformer(level, c["transformerDepth"][level]))
                x = channels[level]
            if level > 0:
                block["upsamplers"] = nn.ModuleList([Resample(x, 1)])
            self.up_blocks.append(block)
        self.conv_norm_out = nn.GroupNorm(groups, first, eps=1e-5)
        self.conv_out = nn.Conv2d(first, c["outChannels"], 3, padding=1)

    def forward(self, sample, timestep, context):
        half = self.first // 2
        frequencies = torch.exp(torch.arange(half) * (-math.log(10000) / half))
        angles = timestep[:, None] * frequencies
        t = self.time_embedding["linear_1"](torch.cat([angles.cos(), angles.sin()], 1))
        t = self.time_embedding["linear_2"](F.silu(t))
        x = self.conv_in(sample)
        skips = [x]
        for block in self.down_blocks:
            for i, resnet in enumerate(block["resnets"]):
                x = resnet(x, t)
                if len(block["attentions"]):
                    x = block["attentions"][i](x, context)
                skips.append(x)
            if "downsamplers" in block:
                x = block["downsamplers"][0](x)
                skips.append(x)
        x = self.mid_block["resnets"][0](x, t)
        x = self.mid_block["attentions"][0](x, context)
        x = self.mid_block["resnets"][1](x, t)
        for block in self.up_blocks:
            for i, resnet in enumerate(block["resnets"]):
                x = resnet(torch.cat([x, skips.pop()], 1), t)
                if len(block["attentions"]):
                    x = block["attentions"][i](x, context)
            if "upsamplers" in block:
                x = block["upsamplers"][0](x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


def main():
    folder, layout, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(threads)
    manifest = json.loads((folder / "manifest.json").read_text())
    data = torch.frombuffer(bytearray((folder / "tensors.bin").read_bytes()), dtype=torch.float32)
    tensors = {
        t["name"]: data[t["offset"] : t["offset"] + math.prod(t["shape"])].reshape(t["shape"]).clone()
        for t in manifest["tensors"]
    }
    inputs = {name: tensors.pop(name) for name in ("sample", "timestep", "context", "target")}
    net = UNet(manifest["unet"])
    net.load_state_dict({name.removeprefix("unet."): t for name, t in tensors.items()})
    if layout == "channels_last":
        net = net.to(memory_format=torch.channels_last)
        inputs["sample"] = inputs["sample"].to(memory_format=torch.channels_last)
    o = manifest["optimizer"]
    parameters = list(net.parameters())
    optimizer = torch.optim.AdamW(
        parameters, lr=o["learningRate"], betas=tuple(o["betas"]), weight_decay=o["weightDecay"], fused=True
    )
    shadow = [p.detach().clone() for p in parameters]
    print(json.dumps({"torch": torch.__version__, "parameters": sum(p.numel() for p in parameters)}), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        loss = F.mse_loss(net(inputs["sample"], inputs["timestep"], inputs["context"]), inputs["target"])
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, o["clipNorm"])
        optimizer.step()
        torch._foreach_lerp_(shadow, [p.detach() for p in parameters], 1 - o["emaDecay"])
        seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps({"loss": loss.item(), **seconds}), flush=True)


if __name__ == "__main__":
    main()
