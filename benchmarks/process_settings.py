"""Measure the gain of the process-wide settings of stages/common/compute.py, as ratios of interleaved timings.

    python benchmarks/process_settings.py             # on a quiet machine
    python benchmarks/process_settings.py --busy 1    # with one other process that computes all the time

Each variant trains one GAN in a process of its own and is compared with the first variant.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from argparse import SUPPRESS
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from stages.common.cli import run_command  # noqa: E402
from stages.common.command_line import CommandParser  # noqa: E402

# Environment variables of each variant, and whether it keeps freed memory. The first variant is what the stages do.
VARIANTS: dict[str, tuple[dict[str, str], bool]] = {
    "as the stages run": ({}, True),
    "freed memory returned": ({}, False),
    "threads wait asleep": ({"OMP_WAIT_POLICY": "passive"}, True),
}
WARM_UP_UPDATES = 5


@dataclass(frozen=True)
class Plan:
    """The training that every variant runs: a GAN, its width, its batch size, numbers of updates and of threads."""

    gan: str = "sngan"
    updates: int = 100
    width: int = 8
    batch_size: int = 16
    threads: int = 2


def train(plan: Plan, keeps_memory: bool) -> None:
    """Train on random images and print the milliseconds that an update takes."""
    import torch

    from stages.common.compute import keep_freed_memory
    from stages.common.params import read_params
    from stages.networks.gan import Batch, load_gan_module
    from stages.networks.params import NetworksParams

    torch.set_num_threads(plan.threads)
    if keeps_memory:
        keep_freed_memory()
    options = read_params(ROOT / "presets/default.yaml")["options"][plan.gan]
    module = load_gan_module(plan.gan)
    networks = NetworksParams(architecture="standard", z_dimension=128, width=plan.width, negative_slope=0.1)
    gan = module.GAN((1, 28, 28), networks, module.Options(**options)).to(memory_format=torch.channels_last)
    optimizers = [
        torch.optim.Adam(part.parameters(), 1e-4, fused=True) for part in (gan.discriminator, gan.generator)
    ]
    random = torch.Generator().manual_seed(0)
    real = Batch(torch.rand(plan.batch_size, 1, 28, 28, generator=random) * 2 - 1)
    for update in range(plan.updates + WARM_UP_UPDATES):
        if update == WARM_UP_UPDATES:
            start = time.perf_counter()
        fake = gan.generate(plan.batch_size, random)
        gan.before_discriminator_step()
        losses = gan.discriminator_loss(real, fake.detach(), random), gan.generator_loss(fake)
        for loss, optimizer in zip(losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.total.backward()
            optimizer.step()
    print(json.dumps((time.perf_counter() - start) / plan.updates * 1000))


def measure(variant: str, plan: Plan) -> float:
    """Run one variant in a process of its own; return the milliseconds that an update takes."""
    environment, keeps_memory = VARIANTS[variant]
    options = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(plan).items()]
    command = [sys.executable, __file__, "--child", *options, *(["--keep-memory"] if keeps_memory else [])]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def main() -> None:
    """Time the variants, interleaved, and print medians and ratios."""
    parser = CommandParser(__doc__)
    parser.add_argument("--gan", default=Plan.gan)
    parser.add_argument("--updates", type=int, default=Plan.updates)
    parser.add_argument("--width", type=int, default=Plan.width)
    parser.add_argument("--batch-size", type=int, default=Plan.batch_size)
    parser.add_argument("--threads", type=int, default=Plan.threads)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--busy", type=int, default=0, help="other processes that compute all the time")
    parser.add_argument("--child", action="store_true", help=SUPPRESS)
    parser.add_argument("--keep-memory", action="store_true", help=SUPPRESS)
    arguments = parser.parse_args()
    plan = Plan(**{field.name: getattr(arguments, field.name) for field in fields(Plan)})
    if arguments.child:
        train(plan, arguments.keep_memory)
        return
    times: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    with ExitStack() as others:
        for _ in range(arguments.busy):
            busy = others.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            others.callback(busy.kill)
        for _ in range(arguments.rounds):
            for variant in VARIANTS:
                times[variant].append(measure(variant, plan))
    first = statistics.median(next(iter(times.values())))
    for variant, values in times.items():
        median = statistics.median(values)
        spread = f"{min(values):.1f}-{max(values):.1f}"
        print(
            f"{variant:24} {median:7.1f} ms/update ({spread}, n = {len(values)})  ratio {median / first:.2f}"
        )


if __name__ == "__main__":
    run_command(main)
