"""The tables of benchmarks/training.py: which training loops are timed beside each other."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.settings import Settings

GANS = ("began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan")
Options = tuple[tuple[str, object], ...]
BFLOAT16: Options = (("precision", "bfloat16"),)
FLOAT32: Options = (("precision", "float32"),)
TF32: Options = (("precision", "tf32"),)
REUSE: Options = (("reuse_fake", True),)
CAPTURED: Options = (("cuda_graphs", True),)
# The kinds of loops that are ours and take all options. Our loop over the published report's networks is not among
# them, because it always reuses images.
OURS = ("ours", "residual")


class Line(NamedTuple):
    """One line of a table: a training loop to time.

    Attributes:
        label: the name of the line in the table.
        kind: the kind of loop: `ours`, `residual` (ours over residual networks), `report_networks` (ours over the
            published report's networks), `plain`, `report` or `mimicry`.
        gan: the name of the GAN.
        discriminator_steps: the number of discriminator steps of an update.
        keeps_memory: whether glibc is told to keep freed memory.
        options: the options of the section `train` of params.yaml that differ from the default preset.
        size: the side of the images in pixels.
        channels: the number of channels of the images.
        reduces_penalty: whether a gradient penalty is computed in bfloat16, too (`full_precision_penalty: false`).
    """

    label: str
    kind: str
    gan: str
    discriminator_steps: int = 1
    keeps_memory: bool = True
    options: Options = ()
    size: int = 32
    channels: int = 3
    reduces_penalty: bool = False


Table = list[Line]


def list_tables(section: str, settings: Settings) -> list[Table]:
    """List a section's tables, one for each GAN.

    Raises:
        ValueError: the section has no table of the GAN that `settings` names.
    """
    tables = SECTIONS[section](settings)
    chosen = [table for table in tables if settings.gan in (None, table[0].gan)]
    if not chosen:
        names = ", ".join(table[0].gan for table in tables)
        raise ValueError(f"the section {section} has no table of {settings.gan}; it has {names}")
    chosen = [table + reduce_penalties(table) for table in chosen]
    return [table + capture_steps(table) for table in chosen] if settings.is_on_gpu else chosen


def list_report(settings: Settings) -> list[Table]:
    """List the published report's networks in its own loop, which does not keep freed memory, and in ours."""
    return [
        [
            Line(f"{name}: the report's loop", "report", name, steps, keeps_memory=False),
            Line(f"{name}: the same, memory kept", "report", name, steps),
            Line(f"{name}: our loop, float32", "report_networks", name, steps, options=FLOAT32),
            Line(f"{name}: our loop, bfloat16", "report_networks", name, steps, options=BFLOAT16),
        ]
        for name, steps in (("began", 1), ("ebgan", 1), ("wgan_gp", 5))
    ]


def list_standard(settings: Settings) -> list[Table]:
    """List Miyato's standard CNN with torch's spectral norm in a plain loop, and with ours in our loop."""
    plain = Line("sngan: plain PyTorch", "plain", "sngan", keeps_memory=False)
    ours = Line("sngan: ours, float32", "ours", "sngan", options=FLOAT32)
    # The plain loop keeps torch's defaults, which on a GPU are TF32 convolutions.
    tf32 = [ours._replace(label="sngan: ours, tf32", options=TF32)] if settings.is_on_gpu else []
    return [
        [
            plain,
            plain._replace(label="sngan: the same, memory kept", keeps_memory=True),
            ours,
            *tf32,
            ours._replace(label="sngan: ours, float32, reuse_fake", options=FLOAT32 + REUSE),
            ours._replace(label="sngan: ours, bfloat16", options=BFLOAT16),
            ours._replace(label="sngan: ours, bfloat16, reuse_fake", options=BFLOAT16 + REUSE),
        ]
    ]


def list_mimicry(settings: Settings) -> list[Table]:
    """List mimicry's residual networks in its own train step, and our networks of the same widths in our loop."""
    return [
        [
            Line(f"{name}: mimicry's train step", "mimicry", name, 5, keeps_memory=False),
            Line(f"{name}: the same, memory kept", "mimicry", name, 5),
            Line(f"{name}: ours, float32", "residual", name, 5, options=FLOAT32),
            Line(f"{name}: ours, bfloat16", "residual", name, 5, options=BFLOAT16),
            Line(f"{name}: ours, bfloat16, reuse_fake", "residual", name, 5, options=BFLOAT16 + REUSE),
        ]
        for name in ("sngan", "wgan_gp")
    ]


def list_gans(settings: Settings) -> list[Table]:
    """List our six GANs at 28 x 28, as the published report has them, in a plain loop and in ours."""
    tables = []
    for name in GANS:
        plain = Line(f"{name}: every optimisation off", "plain", name, keeps_memory=False)
        ours = Line(f"{name}: ours, float32", "ours", name, options=FLOAT32)
        reduced = ours._replace(label=f"{name}: ours, bfloat16", options=BFLOAT16)
        tables.append([line._replace(size=28, channels=1) for line in (plain, ours, reduced)])
    return tables


def list_options(settings: Settings) -> list[Table]:
    """List each option of the training alone, on the standard CNN at 32 x 32."""
    name = settings.gan or "sngan"
    base = Line(f"{name}: float32", "ours", name, options=FLOAT32)
    changes: dict[str, Options] = {
        "bfloat16": BFLOAT16,
        "contiguous": (*FLOAT32, ("memory_format", "contiguous")),
        "reuse_fake": FLOAT32 + REUSE,
        "compile": (*FLOAT32, ("compile", True)),
    }
    if settings.is_on_gpu:
        changes |= {"tf32": TF32, "cuda_graphs": FLOAT32 + CAPTURED}
    lines = [base._replace(label=f"{name}: {label}", options=options) for label, options in changes.items()]
    return [[base, base._replace(label=f"{name}: memory returned", keeps_memory=False), *lines]]


def reduce_penalties(table: Table) -> Table:
    """Repeat the lines that compute in bfloat16, with the gradient penalty in bfloat16, too."""
    return [
        line._replace(label=f"{line.label}, penalty too", reduces_penalty=True)
        for line in table
        if line.gan == "wgan_gp" and set(BFLOAT16) <= set(line.options)
    ]


def capture_steps(table: Table) -> Table:
    """Repeat the lines of our loops, with CUDA graphs where these are possible."""
    return [
        line._replace(label=f"{line.label}, cuda_graphs", options=line.options + CAPTURED)
        for line in table
        if line.kind in OURS and not {"reuse_fake", "compile", "cuda_graphs"} & set(dict(line.options))
    ]


SECTIONS: dict[str, Callable[[Settings], list[Table]]] = {
    "report": list_report,
    "standard": list_standard,
    "mimicry": list_mimicry,
    "gans": list_gans,
    "options": list_options,
}
