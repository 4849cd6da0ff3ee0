"""Images a second of whole updates, ours beside others', each in a process of its own, taking turns.

    python benchmarks/training.py report            # the report's networks: its loop, ours in float32 and bfloat16
    python benchmarks/training.py standard          # Miyato's standard CNN at 32 x 32: plain PyTorch, ours
    python benchmarks/training.py mimicry           # mimicry's ResNet SNGAN and WGAN-GP, ours (needs torch-mimicry)
    python benchmarks/training.py shelf --gan ebgan # our six GANs at 28 x 28: every optimisation off, default, bfloat16
    python benchmarks/training.py options           # each option of params.yaml alone
    python benchmarks/training.py spectral          # spectral norm alone against torch's parametrization
    python benchmarks/training.py limit             # the step's operations, the machine's, and the share reached
    python benchmarks/training.py large             # 128 x 128: memory and throughput
    python benchmarks/training.py trials              # one, two, four trials at once on one device
    python benchmarks/training.py profile           # where the time goes, by operator

An update is n_dis discriminator steps and one generator step; images are the real ones that it sees. Rates are
medians over interleaved rounds, with their range; ratios are of medians, to the first line of a table. "returned"
memory is glibc's default; "kept" is what the stages set (stages/common/compute.py, keep_freed_memory).
"""

import argparse
import platform
import statistics
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.turns import CLOCKS, Contender, take_turns

GANS = ("began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan")


class Candidate(NamedTuple):
    """One line of a table.

    Attributes:
        label: what the table calls it.
        kind: a function of benchmarks/candidates.py, or a name that `make_updates` knows.
        gan: which GAN.
        steps: discriminator steps an update.
        keeps_memory: whether glibc is told to keep freed memory.
        options: of section `train` of params.yaml, by which it differs from the default.
        reduces_penalty: whether a gradient penalty is in bfloat16, too, `full_precision_penalty: false`.
    """

    label: str
    kind: str
    gan: str
    steps: int = 1
    keeps_memory: bool = True
    options: tuple[tuple[str, object], ...] = ()
    size: int = 32
    channels: int = 3
    reduces_penalty: bool = False


Options = tuple[tuple[str, object], ...]
BFLOAT16: Options = (("precision", "bfloat16"),)
FLOAT32: Options = (("precision", "float32"),)
REUSE: Options = (("reuse_fake", True),)
# Kinds of candidates that are our loop and take all of its options; over the report's networks it reuses images.
OURS = ("shelf", "residual")


def list_report(arguments: argparse.Namespace) -> list[list[Candidate]]:
    """The report's own networks in its loop, which knows nothing of memory, and in ours."""
    return [
        [
            Candidate(f"{name}: the report's loop", "report", name, steps, keeps_memory=False),
            Candidate(f"{name}: the same, memory kept", "report", name, steps),
            Candidate(f"{name}: our loop, float32", "report_networks", name, steps, options=FLOAT32),
            Candidate(f"{name}: our loop, bfloat16", "report_networks", name, steps, options=BFLOAT16),
        ]
        for name, steps in (("began", 1), ("ebgan", 1), ("wgan_gp", 5))
    ]


def list_standard(arguments: argparse.Namespace) -> list[list[Candidate]]:
    """Miyato's standard CNN under spectral norm: torch's in a plain loop, and ours."""
    plain = Candidate("sngan: plain PyTorch", "plain", "sngan", keeps_memory=False)
    ours = Candidate("sngan: ours, float32", "shelf", "sngan", options=FLOAT32)
    return [
        [
            plain,
            plain._replace(label="sngan: the same, memory kept", keeps_memory=True),
            ours,
            ours._replace(label="sngan: ours, float32, reuse_fake", options=FLOAT32 + REUSE),
            ours._replace(label="sngan: ours, bfloat16", options=BFLOAT16),
            ours._replace(label="sngan: ours, bfloat16, reuse_fake", options=BFLOAT16 + REUSE),
        ]
    ]


def list_mimicry(arguments: argparse.Namespace) -> list[list[Candidate]]:
    """Mimicry's residual networks in its own train step, and ours of the same widths."""
    return [
        [
            Candidate(f"{name}: mimicry's train step", "mimicry", name, 5, keeps_memory=False),
            Candidate(f"{name}: the same, memory kept", "mimicry", name, 5),
            Candidate(f"{name}: ours, float32", "residual", name, 5, options=FLOAT32),
            Candidate(f"{name}: ours, bfloat16", "residual", name, 5, options=BFLOAT16),
            Candidate(f"{name}: ours, bfloat16, reuse_fake", "residual", name, 5, options=BFLOAT16 + REUSE),
        ]
        for name in ("sngan", "wgan_gp")
    ]


def list_shelf(arguments: argparse.Namespace) -> list[list[Candidate]]:
    """Our GANs at 28 x 28, as the report has them, in a plain loop and in ours."""
    tables = []
    for name in GANS:
        plain = Candidate(f"{name}: every optimisation off", "plain", name, keeps_memory=False)
        ours = Candidate(f"{name}: ours, float32", "shelf", name, options=FLOAT32)
        reduced = ours._replace(label=f"{name}: ours, bfloat16", options=BFLOAT16)
        tables.append([line._replace(size=28, channels=1) for line in (plain, ours, reduced)])
    return tables


def list_options(arguments: argparse.Namespace) -> list[list[Candidate]]:
    """Each option alone, on the standard CNN at 32 x 32."""
    name = arguments.gan or "sngan"
    base = Candidate(f"{name}: float32", "shelf", name, options=FLOAT32)
    changes: dict[str, Options] = {
        "bfloat16": BFLOAT16,
        "contiguous": (*FLOAT32, ("memory_format", "contiguous")),
        "reuse_fake": FLOAT32 + REUSE,
        "compile": (*FLOAT32, ("compile", True)),
    }
    if arguments.device == "cuda":
        changes["cuda_graphs"] = (*FLOAT32, ("cuda_graphs", True))
    lines = [base._replace(label=f"{name}: {label}", options=options) for label, options in changes.items()]
    return [[base, base._replace(label=f"{name}: memory returned", keeps_memory=False), *lines]]


def reduce_penalties(table: list[Candidate]) -> list[Candidate]:
    """List what computes in bfloat16 once more, with its gradient penalty in it, too."""
    return [
        line._replace(label=f"{line.label}, penalty too", reduces_penalty=True)
        for line in table
        if line.gan == "wgan_gp" and set(BFLOAT16) <= set(line.options)
    ]


def capture_steps(table: list[Candidate]) -> list[Candidate]:
    """List what computes in bfloat16 once more, each step one CUDA graph, where that may be."""
    return [
        line._replace(label=f"{line.label}, cuda_graphs", options=(*line.options, ("cuda_graphs", True)))
        for line in table
        if set(BFLOAT16) <= set(line.options) and not set(REUSE) & set(line.options) and line.kind in OURS
    ]


COMPARISONS = {
    "report": list_report,
    "standard": list_standard,
    "mimicry": list_mimicry,
    "shelf": list_shelf,
    "options": list_options,
}
ALONE = ("spectral", "limit", "large", "trials", "profile")


def serve(candidate: Candidate, arguments: argparse.Namespace, pipe: Connection) -> None:
    """Make a candidate in this process, then do as many updates as the pipe asks for, and tell the seconds."""
    import torch

    from benchmarks import candidates as make
    from stages.common.compute import keep_freed_memory

    torch.set_num_threads(arguments.threads)
    if candidate.keeps_memory:
        keep_freed_memory()
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    shape = (candidate.channels, candidate.size, candidate.size)
    gan, steps, batch, width = candidate.gan, candidate.steps, arguments.batch_size, arguments.width
    options = dict(candidate.options)
    penalty = {"full_precision_penalty": False} if candidate.reduces_penalty else {}
    if candidate.kind == "report":
        update = make.make_report(gan, batch, device)
    elif candidate.kind == "report_networks":
        update = make.make_report_networks(gan, device, batch, steps, str(options["precision"]), **penalty)
    elif candidate.kind == "plain":
        update = make.make_plain(gan, shape, width, batch, steps, device)
    elif candidate.kind == "mimicry":
        update = make.make_mimicry(gan, device, batch, steps)
    else:
        build = make.make_residual_gan if candidate.kind == "residual" else make.make_shelf_gan
        ours = build(gan, shape, width, **penalty)
        update = make.run_our_loop(ours, shape, device, batch, steps, **options)

    def work(count: int) -> None:
        update(count)
        if device.type == "cuda":
            torch.cuda.synchronize()

    take_turns(work, pipe, arguments.clock)


def compare(table: list[Candidate], arguments: argparse.Namespace) -> None:
    """Time a table's candidates in turns and print it."""
    contenders = [Contender(serve, candidate, arguments) for candidate in table]
    counts = [max(1, round(arguments.seconds / contender.work())) for contender in contenders]
    rates: list[list[float]] = [[] for _ in table]
    for _ in range(arguments.rounds):
        for place, (candidate, contender, count) in enumerate(zip(table, contenders, counts, strict=True)):
            images = arguments.batch_size * candidate.steps * count
            rates[place].append(images / contender.work(count))
    for contender in contenders:
        contender.finish()
    base = statistics.median(rates[0])
    for candidate, values, contender in zip(table, rates, contenders, strict=True):
        median = statistics.median(values)
        memory = "kept" if candidate.keeps_memory else "returned"
        print(
            f"{candidate.label:52} {median:8.1f} images/s ({min(values):.1f}-{max(values):.1f}, n = {len(values)})"
            f"  ratio {median / base:5.2f}  n_dis {candidate.steps}, memory {memory}, "
            f"first update {contender.first_seconds:.1f} s",
            flush=True,
        )


def main() -> None:
    """Read the command line and run the section."""
    import torch

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("section", choices=(*COMPARISONS, *ALONE))
    parser.add_argument("--gan", choices=GANS, help="only this one")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument(
        "--width", type=int, default=64, help="channels at full resolution; 64 is the papers'"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu: where other work runs, with --threads 1"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each candidate's turn")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    work = f"batch {arguments.batch_size}, {arguments.threads} threads, {arguments.device}, {arguments.clock} clock"
    machine = f"torch {torch.__version__}, {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    print(f"{arguments.section}: {work}, {machine}", flush=True)
    if arguments.section in ALONE:
        from benchmarks import limits

        getattr(limits, f"measure_{arguments.section}")(arguments)
        return
    for table in COMPARISONS[arguments.section](arguments):
        if arguments.gan in (None, table[0].gan):
            lines = table + reduce_penalties(table)
            compare(lines + (capture_steps(lines) if arguments.device == "cuda" else []), arguments)


if __name__ == "__main__":
    main()
