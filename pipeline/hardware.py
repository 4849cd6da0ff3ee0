"""Describe the hardware that trained a comparison, and name the GANs whose differences it may explain.

The description is a file beside the report, as the times are, because the report itself must be the same in every run,
whichever machines made its results.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from pipeline.machine import KIND, read_machine
from stages.common.artifacts import (
    METRICS,
    TIMINGS,
    TRAINING,
    Trial,
    read_json,
    write_bytes,
    write_json,
)

FOLDER = TIMINGS / "report"
DOCUMENT, RECORD = "hardware.md", "hardware.json"
# What a training's record says of how its work was shared out.
SHARES = ("threads", "processes")


@dataclass(frozen=True)
class Hardware:
    """The hardware of a comparison's trainings.

    Attributes:
        machines: the machine record of each trained trial, by the trial's name; an empty record if it is not known.
        trials: the names of trials by the kind of hardware that trained them, then by GAN.
    """

    machines: dict[str, dict[str, str]]
    trials: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    @property
    def unknown(self) -> list[str]:
        """The trials whose machine is not known."""
        return [name for name, machine in self.machines.items() if not machine]

    @property
    def is_mixed(self) -> bool:
        """Whether the known machines are of more than one kind."""
        return len(self.trials) > 1

    @property
    def confounded(self) -> list[tuple[str, str]]:
        """The pairs of GANs that have no kind of hardware in common."""
        kinds: dict[str, set[str]] = {}
        for kind, gans in self.trials.items():
            for gan in gans:
                kinds.setdefault(gan, set()).add(kind)
        return [
            (one, other)
            for one, other in combinations(sorted(kinds), 2)
            if kinds[one].isdisjoint(kinds[other])
        ]


def read_hardware(trials: Iterable[Trial]) -> Hardware:
    """Read which hardware trained each trial; trials without results are left out."""
    hardware = Hardware({})
    for trial in trials:
        if not (TRAINING / trial.name / METRICS).exists():
            continue
        machine = hardware.machines[trial.name] = read_machine(trial)
        if machine:
            machine |= read_shares(trial)
            gans = hardware.trials.setdefault(name_kind(machine), {})
            gans.setdefault(trial.gan, []).append(trial.name)
    return hardware


def name_kind(machine: dict[str, str]) -> str:
    """Name the kind of hardware with a training's threads and processes: all that changes the last bits of results."""
    shares = [f"{name}: {machine[name]}" for name in SHARES if machine.get(name)]
    return ", ".join(filter(None, [*(machine.get(key, "") for key in KIND), *shares]))


def read_shares(trial: Trial) -> dict[str, str]:
    """Read how many threads a training used, and how many processes if it was more than one."""
    record = read_json(TRAINING / trial.name / METRICS, f"train@{trial.name}")
    return {name: str(record[name]) for name in SHARES if name in record}


def describe_mixture(hardware: Hardware) -> str:
    """Say that trials were trained on different hardware, and name the GANs that have no kind in common.

    Returns:
        One or two sentences; "" if all known machines are of one kind.
    """
    if not hardware.is_mixed:
        return ""
    counts = Counter({kind: sum(map(len, gans.values())) for kind, gans in hardware.trials.items()})
    listed = "; ".join(f"{count} on {kind}" for kind, count in counts.most_common())
    apart = ", ".join(f"{one} and {other}" for one, other in hardware.confounded)
    confounded = (
        f" No kind of hardware trained both of {apart}: what differs between them may be the hardware's."
        if apart
        else ""
    )
    return f"The trials were trained on different hardware, which changes last bits and times: {listed}.{confounded}"


def write_hardware(hardware: Hardware, folder: Path = FOLDER) -> None:
    """Write the known hardware as Markdown and as JSON; write no file if no machine is known."""
    if not hardware.trials:
        return
    write_json(folder / RECORD, to_record(hardware))
    write_bytes(folder / DOCUMENT, to_markdown(hardware).encode())


def to_record(hardware: Hardware) -> dict[str, Any]:
    """Return the record for JSON: the statement, the confounded pairs of GANs, the kinds, and each trial's machine."""
    return {
        "is_mixed": hardware.is_mixed,
        "statement": describe_mixture(hardware),
        "confounded": [list(pair) for pair in hardware.confounded],
        "unknown": hardware.unknown,
        "kinds": hardware.trials,
        "machines": hardware.machines,
    }


def to_markdown(hardware: Hardware) -> str:
    """Write the statement, and a table with the number of trials of each GAN on each kind of hardware."""
    said = describe_mixture(hardware) or "All trainings whose machine is known ran on one kind of hardware."
    if hardware.unknown:
        said += (
            f" Of {len(hardware.unknown)} trainings the machine is not known: {', '.join(hardware.unknown)}."
        )
    gans = sorted({gan for of_kind in hardware.trials.values() for gan in of_kind})
    rows = [["Hardware", *gans], ["---", *["---:"] * len(gans)]]
    rows += [
        [kind, *(str(len(of_kind.get(gan, []))) for gan in gans)] for kind, of_kind in hardware.trials.items()
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"# On which hardware the trials were trained\n\n{said}\n\n{table}\n"
