"""Trials are trained again from nothing, and compared with the present results by bytes or by scores."""

import json
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from pipeline.machine import machine_file
from pipeline.retrain import (
    Request,
    choose_share,
    explain,
    give_own_scratch,
    list_outside_git,
    refuse_remote,
)
from stages.common.artifacts import METRICS_LOG, POINTS, SCORES, TRAINING, Trial
from tests.driving import ROOT, call, change, make_environment, working_copy
from tests.serving import wait_until

TRIAL = Trial("sngan", "A", 0)
OTHER_HARDWARE = "trained on one CPU, now on another CPU"


@pytest.mark.slow
@pytest.mark.usefixtures("repository")
def test_a_trial_is_trained_again_in_a_clone_that_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    command = ("python", "-m", "pipeline.verify", "--retrain", "sngan-*")
    printed = call(*command, TMPDIR=str(tmp_path / "tmp"), may_fail=True)
    assert "training again from nothing: sngan-A-0\n" in printed
    assert re.search(r"> python -m stages.train --gan sngan", printed)
    assert "stages.train --gan began" not in printed
    assert re.search(r"^(\d+) of \1 outputs of sngan-A-0 equal dvc.lock$", printed, flags=re.MULTILINE), (
        printed
    )
    assert printed.splitlines()[-1] == "1 of 1 trials are confirmed"
    assert call("git", "status", "--porcelain") == ""
    assert not list((tmp_path / "tmp").glob("comparison-*"))
    assert not list(Path(tempfile.gettempdir()).glob("comparison-*/retrained-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_gets_a_signal_cleans_up_and_exits_with_its_number(number: signal.Signals) -> None:
    program = f"""
import os
from pipeline.child_flow import exit_on_signals

exit_on_signals()
try:
    os.kill(os.getpid(), {number.value})
finally:
    print("cleaned up")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "cleaned up\n", "")


@pytest.mark.slow
def test_a_retraining_that_is_ended_alone_ends_its_flow_and_removes_its_clone(tmp_path: Path) -> None:
    temporary, log = tmp_path / "tmp", tmp_path / "log"
    temporary.mkdir()
    with working_copy(tmp_path / "repository", lambda params: None):
        # dvc.lock says that there are results. Their hashes are compared at the end, which this test does not reach.
        Path("dvc.lock").write_text("stages:\n  evaluate@sngan-A-0:\n    cmd: evaluate\n")
        environment = make_environment(TMPDIR=str(temporary))
        # Python buffers output to a file unless this variable is set.
        del environment["PYTHONUNBUFFERED"]
        command = [sys.executable, "-m", "pipeline.verify", "--retrain", "sngan-A-0"]
        with (
            log.open("wb") as file,
            subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT) as process,
        ):
            wait_until(lambda: b"> python -m stages." in log.read_bytes(), "the first stage")
            started = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 128 + signal.SIGINT
        lines = log.read_text().splitlines()
        assert lines.index("training again from nothing: sngan-A-0") < next(
            place for place, line in enumerate(lines) if "> python -m stages." in line
        )
        assert started and not psutil.wait_procs(started, timeout=10)[1]
        assert not list(temporary.glob("comparison-*"))


def write_results(root: Path, trial: Trial, fid: float, machine: dict[str, str]) -> None:
    """Write those outputs of a trial that are compared."""
    for folder in (TRAINING, SCORES):
        (root / folder / trial.name).mkdir(parents=True, exist_ok=True)
    (root / TRAINING / trial.name / METRICS_LOG).write_text(f"{trial.name} {fid}\n")
    points = [{"fid": 900.0, "inception_score": 1.0}, {"fid": fid, "inception_score": 2.0}]
    (root / SCORES / trial.name / POINTS).write_text(json.dumps({"points": points}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        machine_file(trial).parent.mkdir(parents=True, exist_ok=True)
        machine_file(trial).write_text(json.dumps(machine))


@pytest.fixture
def seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a repository with three seeds of a trial, trained on one CPU; return the folder of a clone."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "presets/smoke.yaml").read_text())
    change(lambda params: params.update(gans=["sngan"], settings_used=["A"], seeds=[0, 1, 2]))
    for seed, fid in enumerate((100.0, 110.0, 95.0)):
        write_results(Path(), TRIAL._replace(seed=seed), fid, {"cpu": "one CPU"})
    (tmp_path / "clone").mkdir()
    return tmp_path / "clone"


def test_on_other_hardware_scores_may_differ_as_seeds_do(
    seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(seeds, TRIAL, 104.0, {"cpu": "another CPU"})
    assert explain(seeds, TRIAL, 2)
    printed = capsys.readouterr().out
    assert OTHER_HARDWARE in printed
    assert "within what seeds differ by: Fréchet distance 100, now 104 (×1.040; allowed ×" in printed


def test_on_other_hardware_scores_that_differ_by_more_are_a_fault(
    seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(seeds, TRIAL, 300.0, {"cpu": "another CPU"})
    assert not explain(seeds, TRIAL, 2)
    assert "NOT within what seeds differ by: Fréchet distance 100, now 300 (×3.000" in capsys.readouterr().out


def test_on_equal_hardware_other_bytes_are_a_fault_however_near_the_scores(
    seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(seeds, TRIAL, 100.1, {"cpu": "one CPU"})
    assert not explain(seeds, TRIAL, 2)
    assert "both were trained on one CPU, so the bytes should be equal" in capsys.readouterr().out


def test_one_seed_says_nothing_of_what_scores_may_differ_by(
    seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(lambda params: params.update(seeds=[0]))
    write_results(seeds, TRIAL, 100.1, {"cpu": "another CPU"})
    assert not explain(seeds, TRIAL, 2)
    assert "no limit is known from one seed" in capsys.readouterr().out


def test_a_score_that_is_missing_now_is_a_fault(seeds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_results(seeds, TRIAL, 100.0, {"cpu": "another CPU"})
    (seeds / SCORES / TRIAL.name / POINTS).unlink()
    assert not explain(seeds, TRIAL, 2)
    assert "no Fréchet distance" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request([], share=0.0), "--share 0.0 is out of range"),
        (Request([], share=1.5), "--share 1.5 is out of range"),
        (Request([], share=float("nan")), "--share nan is out of range"),
        (Request(["gan-*"]), "'gan-\\*' fits none"),
        (Request([]), "dvc.lock has no results of sngan-A-0, sngan-A-1, sngan-A-2 to compare with"),
    ],
)
@pytest.mark.usefixtures("seeds")
def test_a_request_that_cannot_be_met_is_refused_at_once(request_: Request, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_share(request_)


@pytest.mark.usefixtures("seeds")
def test_a_share_is_the_same_trials_in_every_draw_of_a_seed() -> None:
    Path("dvc.lock").write_text(
        json.dumps({"stages": {f"evaluate@sngan-A-{seed}": {"cmd": "evaluate"} for seed in range(3)}})
    )
    drawn = [[trial.name for trial in choose_share(Request([], 0.4, seed))] for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1] and all(len(names) == 1 for names in drawn)
    assert len({names[0] for names in drawn}) > 1
    assert len(choose_share(Request([], 0.001))) == 1


def test_a_remote_that_has_the_results_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text("{kind: address, max_jobs: 2, address: 'tcp://127.0.0.1:1', remote: store}")
    with pytest.raises(ValueError, match="remote: store has the results that are to be made anew"):
        refuse_remote(file)


def test_checkpoints_of_other_runs_are_not_gone_on_from_on_a_cluster(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text("{kind: local, max_jobs: 2}")
    assert give_own_scratch(file, tmp_path / "clone") == file
    file.write_text("{kind: local, max_jobs: 2, scratch: /shared/scratch}")
    own = json.loads(give_own_scratch(file, tmp_path / "clone").read_text())
    assert own == {"kind": "local", "max_jobs": 2, "scratch": str(tmp_path / "clone/.dvc/tmp/scratch")}


@pytest.mark.usefixtures("seeds")
def test_images_that_params_name_by_a_relative_path_are_there_in_the_clone(tmp_path: Path) -> None:
    change(lambda params: params["prepare"].update(path="my images"))
    (tmp_path / "my images").mkdir()
    assert list_outside_git(tmp_path / "clone") == [Path("my images")]
