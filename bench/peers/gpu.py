"""Peer of bench/gpu.ts: the same work by PyTorch and diffusers on the same card.

Usage: gpu.py PART ROUNDS, PART one of sd15-512, sd15-lora-512, sd15-1024, sdxl-1024, vae-512, training. Prints a line of
JSON for each form: {"name", "seconds"}, the least of ROUNDS. Weights are random. A part or form that cannot be had here
prints nothing.
"""

import json
import sys
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

SD15 = dict(
    sample_size=64, in_channels=4, out_channels=4, cross_attention_dim=768, attention_head_dim=8,
    block_out_channels=(320, 640, 1280, 1280), layers_per_block=2, norm_num_groups=32,
    down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
)
SDXL = dict(
    sample_size=128, in_channels=4, out_channels=4, cross_attention_dim=2048, attention_head_dim=[5, 10, 20],
    block_out_channels=(320, 640, 1280), layers_per_block=2, norm_num_groups=32,
    transformer_layers_per_block=[1, 2, 10], use_linear_projection=True, addition_embed_type="text_time",
    addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
)
VAE = dict(
    in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(128, 256, 512, 512), layers_per_block=2,
    norm_num_groups=32, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
)


def least(run, rounds):
    for _ in range(3):
        run()
    seconds = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def say(name, seconds):
    print(json.dumps({"name": f"PyTorch {torch.__version__} {name}", "seconds": seconds}), flush=True)


def graphed(run):
    """The launches of `run`, recorded once and replayed as one."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def measure(run, rounds, what):
    with torch.inference_mode():
        say(f"eager, {what}", least(run, rounds))
        if "f16" in what:
            say(f"CUDA graph, {what}", least(graphed(run), rounds))


def with_lora(net):
    from peft import LoraConfig

    targets = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]
    net.add_adapter(LoraConfig(r=16, lora_alpha=16, target_modules=targets, init_lora_weights=False))


def step(config, side, rounds, lora=False):
    for dtype, name in ((torch.float16, "f16, channels last"), (torch.float32, "f32")):
        net = UNet2DConditionModel(**config).eval()
        if lora:
            with_lora(net)
        net = net.to("cuda", dtype)
        if dtype == torch.float16:
            net = net.to(memory_format=torch.channels_last)
        sample = torch.randn(2, 4, side // 8, side // 8, device="cuda", dtype=dtype)
        if dtype == torch.float16:
            sample = sample.to(memory_format=torch.channels_last)
        context = torch.randn(2, 77, config["cross_attention_dim"], device="cuda", dtype=dtype)
        timestep = torch.tensor([500, 500], device="cuda")
        added = None
        if config.get("addition_embed_type"):
            ids = torch.tensor([[side, side, 0, 0, side, side]] * 2, device="cuda", dtype=dtype)
            added = {"text_embeds": torch.randn(2, 1280, device="cuda", dtype=dtype), "time_ids": ids}
        measure(lambda: net(sample, timestep, context, added_cond_kwargs=added).sample, rounds, name)
        del net
        torch.cuda.empty_cache()


def decode(rounds):
    for dtype, name in ((torch.float16, "f16, channels last"), (torch.float32, "f32")):
        vae = AutoencoderKL(**VAE).eval().to("cuda", dtype).to(memory_format=torch.channels_last)
        latent = torch.randn(1, 4, 64, 64, device="cuda", dtype=dtype)
        measure(lambda: vae.decode(latent).sample, rounds, name)


def training(rounds):
    """The step of training_unet.py, whose network it takes, in f32."""
    from training_unet import UNet

    config = dict(
        inChannels=4, outChannels=4, blockChannels=[96, 192, 256], layersPerBlock=1, transformerDepth=[0, 1, 1],
        midTransformerDepth=1, heads=[4, 4, 4], contextWidth=128, linearProjection=False, normGroups=32,
    )
    net = UNet(config).to("cuda")
    parameters = list(net.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    shadow = [p.detach().clone() for p in parameters]
    sample, target = (torch.randn(16, 4, 16, 16, device="cuda") for _ in range(2))
    timestep = 300 * torch.randn(16, device="cuda").abs()
    context = torch.randn(16, 77, 128, device="cuda")

    def run():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(sample, timestep, context), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1)
        optimizer.step()
        torch._foreach_lerp_(shadow, [p.detach() for p in parameters], 0.1)

    say("eager, f32", least(run, rounds))


def main():
    part, rounds = sys.argv[1], int(sys.argv[2])
    if not torch.cuda.is_available():
        sys.exit("this torch has no CUDA")
    # As Darkroom computes: f32 means f32.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    parts = {
        "sd15-512": lambda: step(SD15, 512, rounds),
        "sd15-lora-512": lambda: step(SD15, 512, rounds, lora=True),
        "sd15-1024": lambda: step(SD15, 1024, rounds),
        "sdxl-1024": lambda: step(SDXL, 1024, rounds),
        "vae-512": lambda: decode(rounds),
        "training": lambda: training(rounds),
    }
    parts[part]()


if __name__ == "__main__":
    main()
