"""Measure the images a second of whole updates, in our loop and in others, which take turns in separate processes.

    python benchmarks/training.py report            # the published report's networks: its loop, ours
    python benchmarks/training.py standard          # Miyato's standard CNN at 32 x 32: plain PyTorch, ours
    python benchmarks/training.py mimicry           # mimicry's ResNet SNGAN and WGAN-GP, ours (needs torch-mimicry)
    python benchmarks/training.py gans --gan ebgan  # our six GANs at 28 x 28: every optimisation off, default, bfloat16
    python benchmarks/training.py options           # each option of params.yaml alone
    python benchmarks/training.py spectral          # spectral norm alone against torch's parametrization
    python benchmarks/training.py limit             # the step's operations, the machine's, and the share reached
    python benchmarks/training.py large             # 128 x 128: memory and throughput
    python benchmarks/training.py trials            # one, two, four trials at once on one device
    python benchmarks/training.py profile           # where the time goes, by operator

An update is n_dis discriminator steps and one generator step; only the real images that it sees are counted. Rates are
medians over interleaved rounds, with their range; ratios are of medians, to the first line of a table. "memory
returned" is glibc's default, "memory kept" what the stages set (stages/common/compute.py, keep_freed_memory). On a GPU
our loops run with deterministic kernels, as the stages do; the others run with torch's defaults.
"""

import platform
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.interleaved import CLOCKS, BenchmarkError, BenchmarkProcess, Work
from benchmarks.settings import Settings
from benchmarks.tables import GANS, OURS, SECTIONS, Line, Table, list_tables
from stages.common.cli import run_command
from stages.common.command_line import CommandParser

# Our loop captures updates as CUDA graphs after each kind has run a few times.
UPDATES_BEFORE_CAPTURE = 5
MEASUREMENTS = ("spectral", "limit", "large", "trials", "profile")


def make_updates(line: Line, settings: Settings) -> Work:
    """Make a line's training loop in this process: a function that does a given number of full updates."""
    import torch

    from benchmarks import baselines
    from stages.common.compute import keep_freed_memory

    is_ours = line.kind in (*OURS, "report_networks")
    if is_ours:
        device = settings.configure_as_stages_do()
    else:
        torch.set_num_threads(settings.threads)
        device = torch.device(settings.device)
    if line.keeps_memory and not is_ours:
        keep_freed_memory()
    torch.manual_seed(0)
    shape = (line.channels, line.size, line.size)
    gan, steps, batch, width = line.gan, line.discriminator_steps, settings.batch_size, settings.width
    options = dict(line.options)
    penalty: dict[str, Any] = {"full_precision_penalty": False} if line.reduces_penalty else {}
    if line.kind == "report":
        update = baselines.make_report(gan, batch, device)
    elif line.kind == "report_networks":
        precision = str(options["precision"])
        update = baselines.make_report_networks(gan, device, batch, steps, precision, **penalty)
    elif line.kind == "plain":
        update = baselines.make_plain(gan, shape, width, batch, steps, device)
    elif line.kind == "mimicry":
        update = baselines.make_mimicry(gan, device, batch, steps)
    else:
        make = baselines.make_residual_gan if line.kind == "residual" else baselines.make_gan
        ours = make(gan, shape, width, **penalty)
        update = baselines.make_our_loop(ours, shape, device, batch, steps, **options)

    def work(count: int) -> None:
        update(count)
        settings.synchronize()

    return work


class Timing:
    """The timings of one line, whose loop runs in a process of its own; `error` says why it cannot be timed."""

    def __init__(self, line: Line, settings: Settings) -> None:
        self.line, self.settings = line, settings
        self.seconds: list[float] = []
        self.first_seconds = 0.0
        self.error = ""
        self._count = 1
        self._process = BenchmarkProcess(make_updates, line, settings, clock=settings.clock)

    def warm_up(self) -> None:
        """Wait for the first update, run updates until they are captured, and find how many updates one turn takes."""
        try:
            self.first_seconds = self._process.receive()
            if self.settings.is_on_gpu:
                self._process.run(UPDATES_BEFORE_CAPTURE)
            self._count = max(1, round(self.settings.seconds / self._process.run()))
        except BenchmarkError as error:
            self.error = str(error)

    def run(self) -> None:
        """Time one turn: as many updates as `warm_up` found."""
        if self.error:
            return
        try:
            self.seconds.append(self._process.run(self._count) / self._count)
        except BenchmarkError as error:
            self.error = str(error)

    def stop(self) -> None:
        """End the process."""
        self._process.stop()

    def rates(self) -> list[float]:
        """Return the real images a second in every turn, sorted."""
        images = self.settings.batch_size * self.line.discriminator_steps
        return sorted(images / seconds for seconds in self.seconds)


def compare(table: Table, settings: Settings) -> None:
    """Time the lines of a table in turn, and print the table."""
    timings = [Timing(line, settings) for line in table]
    for timing in timings:
        timing.warm_up()
    for _ in range(settings.rounds):
        for timing in timings:
            timing.run()
    for timing in timings:
        timing.stop()
    base = timings[0]
    for timing in timings:
        print(describe(timing, base), flush=True)


def describe(timing: Timing, base: Timing) -> str:
    """Format one line of a table."""
    line = timing.line
    if timing.error:
        return f"{line.label:52} not measured: {timing.error}"
    rates, median = timing.rates(), statistics.median(timing.rates())
    ratio = f"{median / statistics.median(base.rates()):5.2f}" if not base.error else "    -"
    return (
        f"{line.label:52} {median:8.1f} images/s ({rates[0]:.1f}-{rates[-1]:.1f}, n = {len(rates)})  ratio {ratio}  "
        f"{statistics.median(timing.seconds) * 1e3:.2f} ms an update, n_dis {line.discriminator_steps}, memory "
        f"{'kept' if line.keeps_memory else 'returned'}, first update {timing.first_seconds:.1f} s"
    )


def parse_arguments() -> tuple[str, Settings]:
    """Parse the command line, and return the section and its options."""
    parser = CommandParser(__doc__)
    default = Settings()
    parser.add_argument("section", choices=(*SECTIONS, *MEASUREMENTS))
    parser.add_argument("--gan", choices=GANS, help="measure this GAN alone")
    parser.add_argument("--batch-size", type=int, default=default.batch_size)
    parser.add_argument(
        "--width", type=int, default=default.width, help="channels at full resolution; 64 is the papers'"
    )
    parser.add_argument("--threads", type=int, default=default.threads)
    parser.add_argument("--device", choices=("cpu", "cuda"), default=default.device)
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default=default.clock,
        help="cpu: where other work runs, with --threads 1",
    )
    parser.add_argument("--rounds", type=int, default=default.rounds)
    parser.add_argument("--seconds", type=float, default=default.seconds, help="duration of each timing")
    arguments = vars(parser.parse_args())
    return arguments.pop("section"), Settings(**arguments)


def main() -> None:
    """Run the section that the command line names."""
    import torch

    section, settings = parse_arguments()
    work = (
        f"batch {settings.batch_size}, {settings.threads} threads, {settings.device}, {settings.clock} clock"
    )
    machine = f"torch {torch.__version__}, {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    card = f", {torch.cuda.get_device_name()}" if settings.is_on_gpu else ""
    print(f"{section}: {work}, {machine}{card}", flush=True)
    try:
        if section in MEASUREMENTS:
            from benchmarks import limits

            settings.configure_as_stages_do()
            getattr(limits, f"measure_{section}")(settings)
            return
        for table in list_tables(section, settings):
            compare(table, settings)
    except (ValueError, BenchmarkError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    run_command(main)
