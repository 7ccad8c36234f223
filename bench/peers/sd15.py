"""Peer of bench/sd15.ts: the same U-Net step and the same VAE decode by diffusers and PyTorch eager, float32.

Usage: sd15.py CHECKPOINT THREADS. Says `{"event": "loaded", ...}` when the weights are in place. Each line on stdin is
JSON: {"part": "unet" | "vae_decoder", "feeds": [{name, file, shape}], "expected": {file, shape}}; back comes a line with
seconds and the largest difference from `expected`, relative to its largest value. Convolutions are channels last.
"""

import json
import sys
import time

import numpy
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from safetensors.torch import load_file

UNET = dict(
    sample_size=64, in_channels=4, out_channels=4, cross_attention_dim=768, attention_head_dim=8,
    block_out_channels=(320, 640, 1280, 1280), layers_per_block=2, norm_num_groups=32,
    down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
)
VAE = dict(
    in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(128, 256, 512, 512), layers_per_block=2,
    norm_num_groups=32, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
)


def say(**report):
    print(json.dumps(report), flush=True)


def peak_bytes():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    return 1024 * int(line.split()[1])


def load(model, weights):
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return model.eval().to(memory_format=torch.channels_last)


def read(tensor):
    return torch.from_numpy(numpy.fromfile(tensor["file"], dtype=numpy.float32).reshape(tensor["shape"]).copy())


def main():
    checkpoint, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    file = load_file(checkpoint)
    unet_config = dict(UNET, upcast_attention=False, class_embed_type=None, addition_embed_type=None)
    unet = load(UNet2DConditionModel(**UNET), convert_ldm_unet_checkpoint(file, unet_config))
    vae = load(AutoencoderKL(**VAE), convert_ldm_vae_checkpoint(file, dict(VAE)))
    del file
    say(event="loaded", torch=torch.__version__, peak=peak_bytes())
    for line in sys.stdin:
        order = json.loads(line)
        feeds = {tensor["name"].split(".")[1]: read(tensor) for tensor in order["feeds"]}
        wall, cpu = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            if order["part"] == "unet":
                sample = feeds["sample"].contiguous(memory_format=torch.channels_last)
                got = unet(sample, feeds["timestep"], feeds["context"]).sample
            else:
                latent = feeds["latent"].contiguous(memory_format=torch.channels_last)
                got = vae.decode(latent).sample
        seconds = dict(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)
        expected = read(order["expected"])
        error = float((got - expected).abs().max() / expected.abs().max())
        say(event="done", part=order["part"], error=error, peak=peak_bytes(), **seconds)


if __name__ == "__main__":
    main()
