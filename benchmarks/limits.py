"""Sections of benchmarks/training.py that measure one thing: its parts, its limit, or the machine's."""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.candidates import make_residual_gan, make_shelf_gan, run_our_loop
from benchmarks.turns import CLOCKS
from stages.common.compute import keep_freed_memory
from stages.networks.spectral_norm import add_spectral_norm, run_power_iterations

ROUNDS = 5


def time_in_turns(
    functions: dict[str, Callable[[], object]], arguments: argparse.Namespace, seconds: float = 0.3
) -> dict[str, float]:
    """Time functions in turns: the median seconds a call of each, over ROUNDS rounds."""
    clock = CLOCKS[arguments.clock]
    counts = {}
    for name, function in functions.items():
        function()
        start = clock()
        function()
        _wait()
        counts[name] = max(1, round(seconds / (clock() - start)))
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = clock()
            for _ in range(counts[name]):
                function()
            _wait()
            times[name].append((clock() - start) / counts[name])
    return {name: statistics.median(values) for name, values in times.items()}


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measure_spectral(arguments: argparse.Namespace) -> None:
    """Time what spectral norm adds to a step, over the standard CNN's layers at 32 x 32, against torch's.

    One step is what a discriminator step asks for: a power iteration, every normalised weight, and the gradient
    through each. Where the weights are channels-last, gradients are too, as convolutions give them.
    """
    keep_freed_memory()
    for layout in (torch.contiguous_format, torch.channels_last):
        functions: dict[str, Callable[[], object]] = {}
        for name in ("torch", "ours"):
            torch.manual_seed(0)
            network = make_shelf_gan("batch_norm", (3, 32, 32), arguments.width).discriminator
            layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
            if name == "ours":
                add_spectral_norm(network)
            else:
                for layer in layers:
                    parametrizations.spectral_norm(layer)
            network.to(arguments.device).to(memory_format=layout)
            functions[name] = _make_spectral_step(network, layers, iterates=name == "ours")
        seconds = time_in_turns(functions, arguments)
        print(
            f"spectral norm of {len(layers)} layers, {str(layout).removeprefix('torch.'):17} "
            f"torch {seconds['torch'] * 1e3:.2f} ms, ours {seconds['ours'] * 1e3:.2f} ms, "
            f"ratio {seconds['torch'] / seconds['ours']:.2f} (n = {ROUNDS}, memory kept)"
        )


def _make_spectral_step(
    network: nn.Module, layers: list[nn.Conv2d | nn.Linear], iterates: bool
) -> Callable[[], None]:
    gradients = [torch.randn_like(layer.weight) for layer in layers]

    def step() -> None:
        if iterates:
            run_power_iterations(network)
        weights: list[Tensor] = [layer.weight for layer in layers]
        network.zero_grad()
        torch.autograd.backward(weights, gradients)

    return step


def measure_limit(arguments: argparse.Namespace) -> None:
    """Count an update's operations, time it, and set the rate beside what the machine does in products alone."""
    keep_freed_memory()
    device = torch.device(arguments.device)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        peak = _measure_products(arguments, dtype)
        print(f"{precision}: " + ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in peak.items()))
        best = max(peak.values())
        for label, make, steps in (
            ("sngan 32x32 standard", make_shelf_gan, 1),
            # Not WGAN-GP: the counter does not go with torch.autograd.grad.
            ("ebgan 32x32", make_shelf_gan, 1),
            ("sngan 32x32 residual", make_residual_gan, 5),
        ):
            shape = (3, 32, 32)
            gan = make(label.split()[0], shape, arguments.width)
            update = run_our_loop(gan, shape, device, arguments.batch_size, steps, precision=precision)
            with FlopCounterMode(display=False) as counter:
                update(1)
            seconds = time_in_turns({"update": lambda update=update: update(1)}, arguments)["update"]  # type: ignore[misc]
            rate = counter.get_total_flops() / seconds
            print(
                f"  {label:24} {counter.get_total_flops() / 1e9:7.1f} GFLOP an update, {seconds * 1e3:7.1f} ms, "
                f"{rate / 1e9:6.0f} GFLOP/s, {rate / best:.0%} of the best product"
            )


def _measure_products(arguments: argparse.Namespace, dtype: torch.dtype) -> dict[str, float]:
    """Measure floating-point operations a second of a matrix product and of a 3x3 convolution."""
    side, device = 2048, torch.device(arguments.device)
    a, b = torch.randn(2, side, side, device=device, dtype=dtype)
    convolution = nn.Conv2d(256, 256, 3, padding=1, bias=False).to(device, dtype)
    convolution.to(memory_format=torch.channels_last)
    maps = torch.randn(64, 256, 16, 16, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    with torch.no_grad():
        seconds = time_in_turns(
            {"matrix product": lambda: a @ b, "convolution": lambda: convolution(maps)}, arguments
        )
    operations = {"matrix product": 2 * side**3, "convolution": 2 * 64 * 16 * 16 * 256 * 256 * 9}
    return {name: operations[name] / seconds[name] for name in operations}


def measure_large(arguments: argparse.Namespace) -> None:
    """Train both architectures at 128 x 128 and print throughput and the memory that it took."""
    keep_freed_memory()
    device = torch.device(arguments.device)
    shape = (3, 128, 128)
    for label, make in (("standard", make_shelf_gan), ("residual", make_residual_gan)):
        for precision in ("float32", "bfloat16"):
            gan = make("sngan", shape, arguments.width)
            update = run_our_loop(gan, shape, device, arguments.batch_size, 1, precision=precision)
            update(1)
            clock = CLOCKS[arguments.clock]
            start = clock()
            update(2)
            _wait()
            rate = 2 * arguments.batch_size / (clock() - start)
            print(
                f"sngan 128x128 {label}, {precision}: {rate:.1f} images/s, {_read_peak(device):.1f} GB so far",
                flush=True,
            )
            del gan, update


def _read_peak(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _train_trial(arguments: argparse.Namespace, barrier: Barrier, updates: int) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    device, shape = torch.device(arguments.device), (3, 32, 32)
    gan = make_shelf_gan(arguments.gan or "sngan", shape, arguments.width)
    update = run_our_loop(gan, shape, device, arguments.batch_size, 1)
    update(5)
    barrier.wait()
    update(updates)
    _wait()
    barrier.wait()


def measure_trials(arguments: argparse.Namespace) -> None:
    """Train one, two and four trials at once, each a process of one thread, and print images/s of all together."""
    context = get_context("spawn")
    updates = 1000 if arguments.device == "cuda" else 10
    for trials in (1, 2, 4):
        barrier = context.Barrier(trials + 1)
        processes = [
            context.Process(target=_train_trial, args=(arguments, barrier, updates)) for _ in range(trials)
        ]
        for process in processes:
            process.start()
        barrier.wait()
        start = time.perf_counter()
        barrier.wait()
        rate = trials * updates * arguments.batch_size / (time.perf_counter() - start)
        for process in processes:
            process.join()
        print(f"{trials} trials at once: {rate:.0f} images/s together", flush=True)


def measure_profile(arguments: argparse.Namespace) -> None:
    """Print the operators that an update's time goes to, with every optimisation off and as ours."""
    from benchmarks.candidates import make_plain

    shape, device = (3, 32, 32), torch.device(arguments.device)
    keep_freed_memory()
    name = arguments.gan or "sngan"
    for label, update in (
        ("every optimisation off", make_plain(name, shape, arguments.width, arguments.batch_size, 1, device)),
        ("ours, float32", _make_ours(name, shape, device, arguments, "float32")),
        ("ours, bfloat16", _make_ours(name, shape, device, arguments, "bfloat16")),
    ):
        update(2)
        with torch.profiler.profile() as profile:
            update(3)
        sort = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
        print(f"{name}, {label}")
        print(profile.key_averages().table(sort_by=sort, row_limit=12, max_name_column_width=40))


def _make_ours(
    name: str,
    shape: tuple[int, int, int],
    device: torch.device,
    arguments: argparse.Namespace,
    precision: str,
) -> Callable[[int], None]:
    gan = make_shelf_gan(name, shape, arguments.width)
    return run_our_loop(gan, shape, device, arguments.batch_size, 1, precision=precision)
