"""The sections of benchmarks/training.py that measure one thing alone: a part of a step, or a limit of the machine."""

import resource
import statistics
import time
from collections.abc import Callable

import psutil
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.baselines import make_gan, make_our_loop, make_plain, make_residual_gan
from benchmarks.interleaved import CLOCKS, BenchmarkProcess, Work
from benchmarks.peaks import describe_share
from benchmarks.settings import Settings
from stages.networks.spectral_norm import add_spectral_norm, run_power_iterations

ROUNDS = 5
SHAPE = (3, 32, 32)
# The side of the matrices whose product measures the machine's rate; a small product does not fill a GPU.
PRODUCT_SIDE = {"cpu": 2048, "cuda": 8192}


def time_interleaved(works: dict[str, Work], settings: Settings) -> dict[str, float]:
    """Time several kinds of work in turn, and return the median seconds of a piece of each, over ROUNDS rounds."""
    clock = CLOCKS[settings.clock]

    def time_once(work: Work, count: int) -> float:
        settings.synchronize()
        start = clock()
        work(count)
        settings.synchronize()
        return (clock() - start) / count

    counts = {}
    for name, work in works.items():
        # On a GPU, updates are captured as CUDA graphs after each kind has run a few times.
        work(5 if settings.is_on_gpu else 1)
        counts[name] = max(1, round(min(settings.seconds, 0.3) / time_once(work, 1)))
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(time_once(work, counts[name]))
    return {name: statistics.median(values) for name, values in times.items()}


def repeat(function: Callable[[], object]) -> Work:
    """Make work of a function: one piece of work is one call."""

    def work(count: int) -> None:
        for _ in range(count):
            function()

    return work


def measure_spectral(settings: Settings) -> None:
    """Time our spectral norm and torch's over the standard CNN's layers at 32 x 32.

    One piece of work is what a discriminator step needs of spectral norm: a power iteration, every normalised weight,
    and the gradient through each. Where the weights are channels-last, so are the gradients, as convolutions compute
    them.
    """
    for layout in (torch.contiguous_format, torch.channels_last):
        works: dict[str, Work] = {}
        for name in ("torch", "ours"):
            torch.manual_seed(0)
            network = make_gan("batch_norm", SHAPE, settings.width).discriminator
            layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
            if name == "ours":
                add_spectral_norm(network)
            else:
                for layer in layers:
                    parametrizations.spectral_norm(layer)
            network.to(settings.device).to(memory_format=layout)
            works[name] = repeat(_make_spectral_step(network, layers, iterates=name == "ours"))
        seconds = time_interleaved(works, settings)
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


def measure_limit(settings: Settings) -> None:
    """Print an update's rate in operations a second beside the rates of a matrix product and of a convolution."""
    device = torch.device(settings.device)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        products = _measure_products(settings, dtype)
        for name, rate in products.items():
            print(f"{precision}: {name} {rate / 1e9:.0f} GFLOP/s{describe_share(rate, precision, device)}")
        best = max(products.values())
        for label, make, steps in (
            ("sngan 32x32 standard", make_gan, 1),
            # WGAN-GP is left out, as the counter cannot count torch.autograd.grad.
            ("ebgan 32x32", make_gan, 1),
            ("sngan 32x32 residual", make_residual_gan, 5),
        ):
            name = label.split()[0]
            loops = {
                how: make_our_loop(
                    make(name, SHAPE, settings.width),
                    SHAPE,
                    device,
                    settings.batch_size,
                    steps,
                    precision=precision,
                    cuda_graphs=how == "captured",
                )
                for how in (("launched singly", "captured") if settings.is_on_gpu else ("launched singly",))
            }
            with FlopCounterMode(display=False) as counter:
                loops["launched singly"](1)
            operations = counter.get_total_flops()
            for how, seconds in time_interleaved(loops, settings).items():
                rate = operations / seconds
                print(
                    f"  {label:21} {how:15} {operations / 1e9:7.1f} GFLOP an update, {seconds * 1e3:7.2f} ms, "
                    f"{settings.batch_size * steps / seconds:7.0f} images/s, {rate / 1e9:6.0f} GFLOP/s, "
                    f"{rate / best:.0%} of the best product{describe_share(rate, precision, device)}",
                    flush=True,
                )


def _measure_products(settings: Settings, dtype: torch.dtype) -> dict[str, float]:
    """Measure floating-point operations a second of a matrix product and of a 3x3 convolution."""
    side, device = PRODUCT_SIDE[settings.device], torch.device(settings.device)
    count = 1024 if settings.is_on_gpu else 64
    a, b = torch.randn(2, side, side, device=device, dtype=dtype)
    convolution = nn.Conv2d(256, 256, 3, padding=1, bias=False).to(device, dtype)
    convolution.to(memory_format=torch.channels_last)
    maps = torch.randn(count, 256, 16, 16, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    with torch.no_grad():
        seconds = time_interleaved(
            {"matrix product": repeat(lambda: a @ b), "convolution": repeat(lambda: convolution(maps))},
            settings,
        )
    operations = {"matrix product": 2 * side**3, "convolution": 2 * count * 16 * 16 * 256 * 256 * 9}
    return {name: operations[name] / seconds[name] for name in operations}


def measure_large(settings: Settings) -> None:
    """Train both architectures at 128 x 128, and print their throughput and peak memory."""
    device = torch.device(settings.device)
    shape = (3, 128, 128)
    for label, make in (("standard", make_gan), ("residual", make_residual_gan)):
        for precision in ("float32", "bfloat16"):
            gan = make("sngan", shape, settings.width)
            update = make_our_loop(gan, shape, device, settings.batch_size, 1, precision=precision)
            update(1)
            settings.synchronize()
            clock, count = CLOCKS[settings.clock], 50 if settings.is_on_gpu else 2
            start = clock()
            update(count)
            settings.synchronize()
            rate = count * settings.batch_size / (clock() - start)
            print(
                f"sngan 128x128 {label}, {precision}: {rate:.1f} images/s, {_read_peak(device):.1f} GB so far",
                flush=True,
            )
            del gan, update


def _read_peak(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def make_trial(settings: Settings) -> Work:
    """Make one of the trials that train at once: SNGAN, or the GAN of the settings, at 32 x 32 on one thread."""
    device = settings.configure_as_stages_do()
    torch.set_num_threads(1)
    gan = make_gan(settings.gan or "sngan", SHAPE, settings.width)
    update = make_our_loop(gan, SHAPE, device, settings.batch_size, 1, cuda_graphs=settings.is_on_gpu)

    def work(count: int) -> None:
        update(count)
        settings.synchronize()

    return work


def measure_trials(settings: Settings) -> None:
    """Train one, two and four trials at once, each in a process of one thread, and print their total images/s.

    Raises:
        BenchmarkError: a trial's process has failed.
    """
    for trials in (1, 2, 4):
        processes = [BenchmarkProcess(make_trial, settings) for _ in range(trials)]
        for process in processes:
            process.receive()
        seconds = max(process.run(5) for process in processes) / 5
        updates = max(5, round(settings.seconds / seconds))
        start = time.perf_counter()
        for process in processes:
            process.send(updates)
        for process in processes:
            process.receive()
        rate = trials * updates * settings.batch_size / (time.perf_counter() - start)
        print(
            f"{trials} trials at once: {rate:.0f} images/s together, {_read_used(processes, settings)}",
            flush=True,
        )
        for process in processes:
            process.stop()


def _read_used(processes: list[BenchmarkProcess], settings: Settings) -> str:
    """Describe how much memory the running processes use."""
    if settings.is_on_gpu:
        free, total = torch.cuda.mem_get_info()
        return f"{(total - free) / 1e9:.1f} GB of the card in use"
    used = sum(psutil.Process(process.process.pid).memory_info().rss for process in processes)
    return f"{used / 1e9:.1f} GB of memory in use"


def measure_profile(settings: Settings) -> None:
    """Print the operators that take most of an update's time, in the plain loop and in ours."""
    device, name = torch.device(settings.device), settings.gan or "sngan"

    def make_ours(precision: str) -> Work:
        gan = make_gan(name, SHAPE, settings.width)
        return make_our_loop(gan, SHAPE, device, settings.batch_size, 1, precision=precision)

    for label, update in (
        ("every optimisation off", make_plain(name, SHAPE, settings.width, settings.batch_size, 1, device)),
        ("ours, float32", make_ours("float32")),
        ("ours, bfloat16", make_ours("bfloat16")),
    ):
        update(2)
        with torch.profiler.profile() as profile:
            update(3)
        sort = "self_cuda_time_total" if settings.is_on_gpu else "self_cpu_time_total"
        print(f"{name}, {label}")
        print(profile.key_averages().table(sort_by=sort, row_limit=12, max_name_column_width=40))
