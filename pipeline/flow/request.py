"""The request of a run of the flow: params, trials and devices, checked before anything starts."""

import fnmatch
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from pipeline.dvc.overrides import override_params
from pipeline.dvc.worker import WorkerPool, run_module
from pipeline.flow.gpus import group_gpus, list_gpus
from pipeline.flow.place import read_cluster
from pipeline.preset import PRESETS, switch_preset
from stages.common.artifacts import Trial, write_bytes
from stages.common.errors import InputError
from stages.common.grid import Grid
from stages.common.params import PARAMS_FILE, read_params, suggest_name
from stages.common.yaml_reader import shorten

# The most characters of a list of names in a message; a comparison may have thousands of trials.
LONGEST_LIST = 400
# The check of params.yaml finds the available GANs in this folder.
STAGES = Path("stages")
DEVICES = ("auto", "cpu", "cuda", "mps")


def change_params(
    pool: WorkerPool, preset: str | None, overrides: list[str], device: str | None, force: bool = False
) -> None:
    """Apply a preset, overrides and a device to params.yaml, and check the whole file.

    Args:
        pool: the processes in which the check runs.
        preset: the preset to write (see `pipeline.preset`); None keeps params.yaml.
        overrides: the overrides in Hydra's grammar, such as `train.generator_steps=100`, `+options.mine.x=1`,
            `seeds=[0,1]`.
        device: the value for `compute.device`; None keeps it.
        force: whether a preset may replace a params.yaml that was edited by hand.

    Raises:
        InputError: an argument or the resulting file is not valid; params.yaml is unchanged.
    """
    if device is not None:
        if device not in DEVICES:
            raise InputError(
                f"device = {device!r} is unknown{suggest_name(device, DEVICES)}; there is {', '.join(DEVICES)}"
            )
        overrides = [*overrides, f"compute.device={device}"]
    if preset is None and not overrides:
        return
    with restore_on_error(PARAMS_FILE):
        if preset is not None:
            switch_preset(preset, force)
        # DVC reads the file in `override_params`; this check comes first, because its messages are clearer.
        read_params()
        if overrides:
            override_params(overrides)
        check_params(pool)


def check_request(
    preset: str | None = None,
    overrides: list[str] | None = None,
    trials: list[str] | None = None,
    jobs: int | None = None,
    device: str | None = None,
    trials_per_device: int = 1,
    cluster: str | None = None,
) -> None:
    """Check the parameters of later runs in the same way as those runs will, without changing params.yaml.

    The working folder of the process changes meanwhile, so no other thread may depend on it.

    Raises:
        InputError: a parameter is not valid.
    """
    root = Path.cwd()
    read_cluster(cluster)
    with tempfile.TemporaryDirectory() as name, chdir(name), WorkerPool(is_preloaded=False) as pool:
        shutil.copyfile(root / PARAMS_FILE, PARAMS_FILE)
        for folder in (PRESETS, STAGES):
            folder.symlink_to(root / folder)
        change_params(pool, preset, overrides or [], device, force=True)
        choose_trials(trials)
        list_slots(jobs, trials_per_device, cluster is not None)


def check_params(pool: WorkerPool) -> None:
    """Run the stage `check` on params.yaml.

    Raises:
        InputError: the stage refuses params.yaml; the message is what the stage printed.
    """
    lines: list[str] = []
    if pool.call(run_module, "stages.check", on_line=lines.append) != 0:
        raise InputError("\n".join(lines).removeprefix("error: "))


@contextmanager
def restore_on_error(path: Path) -> Iterator[None]:
    """Restore a file's former content if the context ends in an error."""
    before = path.read_bytes() if path.exists() else None
    try:
        yield
    except BaseException:
        if before is not None:
            write_bytes(path, before)
        raise


def choose_trials(patterns: list[str] | None) -> list[Trial]:
    """Choose trials of the grid by name or pattern: `sngan-A-0`, `sngan-*`, `*-A-?`; None for all.

    Raises:
        ParamsError: params.yaml is not valid.
        InputError: a pattern fits no trial, or `patterns` is empty.
    """
    trials = Grid.load().trials()
    if patterns is None:
        return trials
    names = [trial.name for trial in trials]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise InputError(
                f"trials: {shorten(pattern)!r} fits none{suggest_name(pattern, names)}; there is "
                f"{shorten(', '.join(names), LONGEST_LIST)}"
            )
    chosen = [trial for trial in trials if any(fnmatch.fnmatch(trial.name, pattern) for pattern in patterns)]
    if not chosen:
        raise InputError(
            f"trials is empty: leave it out for all, or name some of {shorten(', '.join(names), LONGEST_LIST)}"
        )
    return chosen


def list_slots(jobs: int | None, trials_per_device: int, has_cluster: bool = False) -> list[dict[str, str]]:
    """List the slots in which stages can run at once; a slot is a set of environment variables.

    On CPUs, the number of slots is the number of cores divided by the threads of a training, which are
    `compute.threads` times `compute.processes`, and at least 1. On GPUs, each group of `compute.processes` devices has
    `trials_per_device` slots, and a slot makes only its devices visible.

    Args:
        jobs: the number of slots on CPUs, and the largest number on GPUs; None for the numbers above.
        trials_per_device: the number of slots of each GPU.
        has_cluster: whether trials run on the workers of a cluster; this machine has no slots then.

    Raises:
        InputError: a number is below 1, `compute` in params.yaml is not valid, or there are fewer GPUs than processes.
    """
    for name, value in (("jobs", jobs), ("trials_per_device", trials_per_device)):
        if value is not None and value < 1:
            raise InputError(f"{name} = {value} is too small; it is 1 or more")
    device, threads, processes = read_compute()
    if has_cluster:
        return []
    gpus = list_gpus() if device in ("auto", "cuda") else []
    if gpus:
        return (group_gpus(gpus, processes) * trials_per_device)[:jobs]
    return [{} for _ in range(jobs or max(1, count_cores() // (threads * processes)))]


def read_compute() -> tuple[str, int, int]:
    """Read the device, the threads and the processes of a stage; the stage `check` validates the other keys.

    Raises:
        InputError: one of the three is missing or not valid.
    """
    found = read_params().get("compute")
    compute = found if isinstance(found, dict) else {}
    device = compute.get("device")
    if device not in DEVICES:
        raise InputError(
            f"{PARAMS_FILE}: compute.device = {device!r} is unknown; there is {', '.join(DEVICES)}"
        )
    numbers: dict[str, Any] = {"threads": compute.get("threads"), "processes": compute.get("processes", 1)}
    for name, number in numbers.items():
        if type(number) is not int or number < 1:
            raise InputError(f"{PARAMS_FILE}: compute.{name} = {number!r} is no whole number of 1 or more")
    return device, numbers["threads"], numbers["processes"]


def count_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
