"""The plan of the ablations, and the table that has the answer to each question in one row."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.ablations import GRID, HEADER, QUESTIONS, Trained, list_overrides, tabulate
from benchmarks.run_files import Run
from pipeline.preset import compose_preset
from tests.driving import ROOT, call, make_environment, working_copy
from tests.flow.driving import wait_until_alone
from tests.serving import wait_until

SEEDS = [0, 1, 2, 3]
# The level of each training's scores, except SNGAN's under C and in the runs of one option.
LEVELS = {("vanilla", "C"): 100.0, ("sngan", "T"): 55.0, ("sngan", "N"): 25.0, ("wgan_gp", "N"): 40.0}


def make_run(fids: dict[tuple[str, str], float]) -> Run:
    """Make a run whose scores have a level for each GAN and setting, and vary by 2 % between seeds."""
    trials: list[dict[str, Any]] = [
        {"gan": gan, "setting": setting, "seed": seed, "fid_last": level * (1 + seed / 50)}
        for (gan, setting), level in fids.items()
        for seed in SEEDS
    ]
    return {"metrics": {"fid": {"short": "FID"}}, "seeds": SEEDS, "trials": trials}


def make_runs() -> dict[str, Run]:
    runs = {name: make_run({("sngan", "C"): 50.0}) for name, _ in list_overrides()}
    # Each run gets a little noise, because two trainings with the same seed never have exactly the same score.
    for trial in runs["lipschitz-4"]["trials"]:
        trial["fid_last"] *= 2.0 + trial["seed"] % 2 / 10
    for trial in runs["iterations-5"]["trials"]:
        trial["fid_last"] *= 1.0 + (trial["seed"] % 2 - 0.5) / 10
    runs[GRID] = make_run({("sngan", "C"): 50.0, ("wgan_gp", "C"): 80.0} | LEVELS)
    return runs


def test_every_question_has_one_row_a_score() -> None:
    lines = tabulate(make_runs())
    assert tuple(lines[:2]) == HEADER
    rows = {cells[1]: cells for cells in ([cell.strip() for cell in line.split("|")] for line in lines[2:])}
    assert list(rows) == [question.text for question in QUESTIONS]
    assert all(len(cells) == len(HEADER[0].split("|")) for cells in rows.values())
    assert rows["normalised or not (vanilla GAN)"][4].startswith("0.50 ")
    assert rows["1 or 5 discriminator steps (N)"][4].startswith("2.00 ")
    assert rows["WGAN-GP: 1 or 5 critic steps (N)"][4].startswith("2.00 ")
    assert (rows["K of 1 or 4"][4].split()[0], rows["K of 1 or 4"][7]) == ("0.49", "yes")
    assert rows["1 or 5 power iterations"][7] == "no" and rows["1 or 5 power iterations"][8].startswith("×1.")


def test_a_failed_training_leaves_its_rows_without_a_test() -> None:
    runs = make_runs()
    runs["iterations-20"]["trials"][2]["fid_last"] = None
    (row,) = [line for line in tabulate(runs) if line.startswith("| 1 or 20 ")]
    assert "a training failed" in row


def test_the_plan_is_of_the_preset() -> None:
    params = yaml.safe_load(compose_preset("ablations", ROOT / "presets"))
    own = {
        name: dict(override.split("=", 1) for override in overrides) for name, overrides in list_overrides()
    }
    for trained in {trained for question in QUESTIONS for trained in (question.base, question.other)}:
        gans, settings = (own[trained.run].get(key, params[key]) for key in ("gans", "settings_used"))
        assert trained.gan in gans and trained.setting in settings
    assert (list(own)[-1], own[GRID]) == (GRID, {})
    for overrides in own.values():
        for key in overrides:
            section, _, rest = key.partition(".")
            gan, _, option = rest.partition(".")
            assert section in ("gans", "settings_used") or option in params[section][gan]
    # The two sides of a comparison differ in exactly one thing.
    c, t, n = (params["settings"][letter] for letter in "CTN")
    assert c | {"discriminator_steps": 5} == n and c["beta2"] == t["beta2"]
    rates = [t[f"{network}_learning_rate"] for network in ("generator", "discriminator")]
    assert rates[1] == 4 * rates[0] and rates[0] * rates[1] == pytest.approx(
        c["generator_learning_rate"] ** 2
    )
    options = params["options"]["sngan"]
    assert (options["power_iterations"], options["lipschitz_constant"]) == (1, 1.0)
    assert Trained(GRID, "sngan", "C") == QUESTIONS[0].base


@pytest.mark.slow
def test_a_command_that_is_ended_ends_its_flow_and_leaves_params_as_they_were(tmp_path: Path) -> None:
    with working_copy(tmp_path / "repository", lambda params: None):
        call(sys.executable, "-m", "pipeline.preset", "headline", "--force")
        before = Path("params.yaml").read_bytes()
        command = [sys.executable, "-m", "benchmarks.ablations", "-S", "prepare.dataset=digits"]
        with subprocess.Popen(command, env=make_environment(), start_new_session=True) as process:
            wait_until(
                lambda: b"power_iterations: 5" in Path("params.yaml").read_bytes(), "the first run", 300
            )
            process.terminate()
            assert process.wait(60) == 128 + signal.SIGTERM
        assert Path("params.yaml").read_bytes() == before
        wait_until_alone()


@pytest.mark.slow
def test_a_run_that_fails_leaves_params_as_they_were(tmp_path: Path) -> None:
    with working_copy(tmp_path / "repository", lambda params: None):
        call(sys.executable, "-m", "pipeline.preset", "headline", "--force")
        before = Path("params.yaml").read_bytes()
        output = call(
            sys.executable, "-m", "benchmarks.ablations", "-S", "train.generator_steps=0", may_fail=True
        )
        assert re.search(r"error: the run iterations-5 ended with \d+; the same command", output)
        assert Path("params.yaml").read_bytes() == before
