"""Two processes that share a trial, started by torchrun or the stage, are compared with one that trains it alone."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import torch
import yaml
from safetensors.torch import load_file

from stages.common.artifacts import Trial
from stages.train.export import export_outputs
from stages.train.trial import train_trial
from tests.serving import kill

TRAIN = ("-m", "stages.train", "--gan", "sngan", "--setting", "A", "--seed", "0")
GANS = ["began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan"]
# This trains every GAN in each process, one after the other; starting two processes for each GAN would take a minute.
SCRIPT = """
import sys
sys.path.insert(0, ".")
import torch
from stages.common.artifacts import Trial
from stages.networks.distributed import get_rank
from stages.train.export import export_outputs
from stages.train.trial import train_trial
from stages.train.distributed import process_group

torch.set_num_threads(1)
with process_group(torch.device("cpu")) as device:
    for gan in sys.argv[1:]:
        trained = train_trial(Trial(gan, "A", 0), device)
        if get_rank() == 0:
            export_outputs(trained)
"""


# Ends the second process at its seventh discriminator step, after the checkpoint at the fifth generator step.
STOPPED = """
from stages.train.data import Batches
fetch = Batches.fetch

def stop(self, number):
    import os
    if number == 6 and os.environ["RANK"] == "1":
        os._exit(3)
    return fetch(self, number)

Batches.fetch = stop
"""


def start_two(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, timeout=120
    )


def read_state(trial: Trial) -> dict[str, torch.Tensor]:
    return load_file(Path("models") / trial.name / "state.safetensors")


def read_losses(trial: Trial) -> list[list[float]]:
    return [[row["discriminator_loss"], row["generator_loss"]] for row in read_rows(trial)]


def read_rows(trial: Trial) -> list[dict[str, float]]:
    lines = (Path("results/train") / trial.name / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_two_processes_train_every_gan_as_one_does_and_go_on_where_they_were_stopped(workspace: Path) -> None:
    Path("two.py").write_text(SCRIPT)
    done = start_two("two.py", *GANS)
    assert done.returncode == 0, done.stderr[-2000:]
    check_resumption()
    shared = {gan: (read_state(Trial(gan, "A", 0)), read_losses(Trial(gan, "A", 0))) for gan in GANS}
    for gan, (state, losses) in shared.items():
        trial = Trial(gan, "A", 0)
        export_outputs(train_trial(trial, torch.device("cpu")))
        for name, expected in read_state(trial).items():
            # Sums are grouped differently, and Adam's first steps amplify that: 3e-5 of the largest value, measured.
            largest = float(expected.double().abs().max())
            torch.testing.assert_close(
                state[name], expected, rtol=0, atol=1e-4 * largest + 1e-7, msg=f"{gan}: {name} differs"
            )
        np.testing.assert_allclose(losses, read_losses(trial), rtol=1e-4)


def check_resumption() -> None:
    """Stop two processes, start them again, and compare the model with that of two which were not stopped."""
    model = Path("models/batch_norm-A-0/state.safetensors")
    expected = model.read_bytes()
    shutil.rmtree(".scratch")
    Path("stopped.py").write_text(STOPPED + SCRIPT)
    assert start_two("stopped.py", "batch_norm").returncode != 0
    resumed = start_two("two.py", "batch_norm")
    assert "resuming after generator step 5" in resumed.stdout
    assert model.read_bytes() == expected


def set_params(section: str, **values: object) -> None:
    """Change a section of params.yaml."""
    content = yaml.safe_load(Path("params.yaml").read_text())
    content[section].update(values)
    Path("params.yaml").write_text(yaml.safe_dump(content))


def start_stage() -> subprocess.CompletedProcess[str]:
    """Start the stage as DVC does."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *TRAIN], env=environment, capture_output=True, text=True, timeout=120
    )


def test_only_the_first_of_the_processes_writes_whoever_started_them(workspace: Path) -> None:
    state, states = Path("models/sngan-A-0/state.safetensors"), []
    # torchrun's own number of processes goes before the one in params.yaml.
    for processes, start in ((3, partial(start_two, *TRAIN)), (2, start_stage)):
        set_params("compute", processes=processes)
        done = start()
        assert done.returncode == 0, done.stderr[-2000:]
        assert json.loads(Path("results/train/sngan-A-0/metrics.json").read_text())["processes"] == 2
        assert done.stdout.count("generator step 12/12") == 1
        assert [row["generator_step"] for row in read_rows(Trial("sngan", "A", 0))] == [1, 2, 4, 6, 8, 10, 12]
        states.append(state.read_bytes())
        shutil.rmtree(".scratch")
    assert states[0] == states[1]


def test_one_process_that_is_killed_ends_the_others(workspace: Path) -> None:
    set_params("compute", processes=2)
    set_params("train", generator_steps=100_000)
    process = subprocess.Popen(
        [sys.executable, *TRAIN], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
    )
    try:
        assert process.stdout is not None
        next(line for line in process.stdout if b"generator step" in line)
        children = [
            child for child in psutil.Process(process.pid).children() if "spawn_main" in str(child.cmdline())
        ]
        children[-1].kill()
        rest = process.communicate(timeout=60)[0]
        assert process.returncode == 1
        assert b"Connection closed by peer" in rest or b"terminated with signal SIGKILL" in rest
        assert psutil.wait_procs(children, timeout=20)[1] == []
    finally:
        kill(process)


def test_a_batch_that_the_processes_cannot_share_evenly_is_refused(workspace: Path) -> None:
    set_params("train", batch_size=5)
    done = start_two(*TRAIN)
    assert done.returncode != 0
    message = "train.batch_size = 5 cannot be shared evenly by 2 processes"
    assert message in done.stderr
    set_params("compute", processes=2)
    done = start_stage()
    assert done.returncode == 1
    # One line, whichever process was the first to find it.
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith(f"error: {message}")
