"""Measure what the process-wide settings of stages/common/compute.py are worth: ratios, side by side.

    python benchmarks/process_settings.py             # on a quiet machine
    python benchmarks/process_settings.py --busy 1    # with one other process that computes all the time

Each variant trains one GAN in a process of its own, the variants taking turns, and is compared with the first.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

# Environment and whether freed memory is kept, by variant; the first is what the stages do.
VARIANTS: dict[str, tuple[dict[str, str], bool]] = {
    "as the stages run": ({}, True),
    "freed memory returned": ({}, False),
    "threads wait asleep": ({"OMP_WAIT_POLICY": "passive"}, True),
}
WARM_UP_UPDATES = 5


def train(gan_name: str, updates: int, width: int, batch_size: int, threads: int, keeps_memory: bool) -> None:
    """Train on random images and print the milliseconds an update takes."""
    import torch
    import yaml

    from stages.common.compute import keep_freed_memory
    from stages.networks.gan import Batch, load_gan_module
    from stages.networks.params import NetworksParams

    torch.set_num_threads(threads)
    if keeps_memory:
        keep_freed_memory()
    options = yaml.safe_load((ROOT / "presets/default.yaml").read_text())["options"][gan_name]
    module = load_gan_module(gan_name)
    networks = NetworksParams(architecture="standard", z_dimension=128, width=width, negative_slope=0.1)
    gan = module.GAN((1, 28, 28), networks, module.Options(**options)).to(memory_format=torch.channels_last)
    optimizers = [
        torch.optim.Adam(part.parameters(), 1e-4, fused=True) for part in (gan.discriminator, gan.generator)
    ]
    random = torch.Generator().manual_seed(0)
    real = Batch(torch.rand(batch_size, 1, 28, 28, generator=random) * 2 - 1)
    for update in range(updates + WARM_UP_UPDATES):
        if update == WARM_UP_UPDATES:
            start = time.perf_counter()
        fake = gan.generate(batch_size, random)
        gan.before_discriminator_step()
        losses = gan.discriminator_loss(real, fake.detach(), random), gan.generator_loss(fake)
        for loss, optimizer in zip(losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.total.backward()
            optimizer.step()
    print(json.dumps((time.perf_counter() - start) / updates * 1000))


def measure(variant: str, arguments: argparse.Namespace) -> float:
    """Run one variant in a process of its own; milliseconds an update."""
    environment, keeps_memory = VARIANTS[variant]
    names = ("gan", "updates", "width", "batch_size", "threads")
    plan = [f"--{name.replace('_', '-')}={getattr(arguments, name)}" for name in names]
    command = [sys.executable, __file__, "--child", *plan, *(["--keep-memory"] if keeps_memory else [])]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def main() -> None:
    """Take turns, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gan", default="sngan")
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--busy", type=int, default=0, help="other processes that compute all the time")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--keep-memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        plan = (arguments.gan, arguments.updates, arguments.width, arguments.batch_size, arguments.threads)
        train(*plan, arguments.keep_memory)
        return
    times: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    with ExitStack() as others:
        for _ in range(arguments.busy):
            busy = others.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            others.callback(busy.kill)
        for _ in range(arguments.rounds):
            for variant in VARIANTS:
                times[variant].append(measure(variant, arguments))
    first = statistics.median(next(iter(times.values())))
    for variant, values in times.items():
        median = statistics.median(values)
        spread = f"{min(values):.1f}-{max(values):.1f}"
        print(
            f"{variant:24} {median:7.1f} ms/update ({spread}, n = {len(values)})  ratio {median / first:.2f}"
        )


if __name__ == "__main__":
    main()
