"""The pipeline as a person drives it: a real Git and DVC repository, real stages, a tiny comparison on digits."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import OUTPUT
from tests.driving import PATIENCE_SECONDS, change, dvc, fork_dvc, list_run, make_environment
from tests.flow.driving import list_checkpoints

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("repository")]
TRIAL_STAGES = ("train", "lipschitz", "sample", "evaluate")


def read_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_one_command_makes_the_report_and_prints_the_table() -> None:
    output = (Path(".dvc/tmp") / OUTPUT).read_text(encoding="utf-8")
    assert list_run(output)[0] == "check"
    assert list_run(output)[-2:] == ["report", "track"]
    assert len(list_run(output)) == 9 + len(TRIAL_STAGES) * 2
    table = Path("report/table1.txt").read_text(encoding="utf-8")
    assert table in output
    assert {"SNGAN", "BEGAN", "Real"} <= set(table.split())
    assert Path("report/index.html").stat().st_size > 10_000


def test_a_second_call_runs_nothing() -> None:
    assert list_run(dvc("repro")) == []


def test_metrics_and_plots_are_shown() -> None:
    metrics = json.loads(dvc("metrics", "show", "--json"))[""]["data"]
    assert metrics["metrics/sngan-A-0.json"]["data"]["best_fid"] > 0
    assert dvc("metrics", "diff").strip() == ""
    assert "index.html" in dvc("plots", "show", "--out", "plots")
    page = Path("plots/index.html").read_text(encoding="utf-8")
    assert all(title in page for title in ("FID over", "Inception Score over", "Losses of"))


def test_a_change_of_setting_c_runs_only_its_trials_and_the_report() -> None:
    change(lambda params: params.update(gans=["sngan"], settings_used=["A", "C"]))
    fork_dvc("repro", "train@sngan-C-0")
    change(lambda params: params["settings"]["C"].update(beta1=0.4))
    run = list_run(fork_dvc("repro"))
    assert run[0] == "check" and run[-2:] == ["report", "track"]
    assert sorted(run[1:-2]) == sorted(
        [*(f"{stage}@sngan-C-0" for stage in TRIAL_STAGES), "neighbours", "summary"]
    )
    difference = json.loads(dvc("metrics", "diff", "--json"))
    assert "fid" in difference["metrics/sngan-C-0.json"]
    assert "metrics/sngan-A-0.json" not in difference


def test_where_the_work_runs_is_no_reason_to_run_it_again() -> None:
    change(lambda params: params["compute"].update(threads=2))
    assert list_run(dvc("repro")) == ["check"]


def test_deleted_samples_come_back_from_the_cache() -> None:
    before = read_bytes(Path("samples/sngan-A-0"))
    shutil.rmtree("samples")
    output = dvc("repro")
    assert list_run(output) == []
    assert "Stage 'sample@sngan-A-0' is cached - skipping run, checking out outputs" in output
    assert read_bytes(Path("samples/sngan-A-0")) == before


def test_a_new_gan_is_one_file_and_one_word_and_its_divergence_a_result() -> None:
    source = Path("stages/gans/sngan.py").read_text(encoding="utf-8")
    Path("stages/gans/exploding.py").write_text(
        source
        + '''
    def generator_loss(self, fake):
        """Grow beyond all numbers after the first evaluation point."""
        loss = super().generator_loss(fake)
        self.calls = getattr(self, "calls", 0) + 1
        return loss._replace(total=loss.total * (float("inf") if self.calls > 25 else 1.0))
''',
        encoding="utf-8",
    )
    change(lambda params: params["gans"].append("exploding"))
    change(lambda params: params["options"].update(exploding=params["options"]["sngan"] | {"loss": "hinge"}))
    output = fork_dvc("repro")
    stages = [f"{stage}@exploding-A-0" for stage in TRIAL_STAGES]
    assert sorted(list_run(output)) == sorted(["check", *stages, "neighbours", "summary", "report", "track"])
    assert "no longer a finite number at generator step 26" in output
    points = json.loads(Path("results/evaluate/exploding-A-0/points.json").read_text())
    assert points["diverged_at_generator_step"] == 26
    assert [point["generator_step"] for point in points["points"]] == [20]
    assert "diverged at generator step 26" in Path("report/index.html").read_text(encoding="utf-8")


def test_wrong_params_end_in_one_message_before_anything_runs_and_lose_nothing() -> None:
    text = Path("params.yaml").read_text()
    change(lambda params: params["settings"]["A"].update(generator_learning_rate="fast"))
    change(lambda params: params["gans"].append("dcgan"))
    output = dvc("repro", may_fail=True)
    assert "settings.A.generator_learning_rate = 'fast': input should be a valid number" in output
    assert "gans names 'dcgan', but there is no stages/gans/dcgan.py" in output
    assert "Traceback" not in output
    assert list_run(output) == ["check"]
    assert Path("models/sngan-A-0/manifest.json").exists()
    Path("params.yaml").write_text(text)
    assert list_run(dvc("repro")) == []


def test_a_training_killed_twice_resumes_and_equals_one_never_killed() -> None:
    target = "train@sngan-A-0"
    change(lambda params: params["train"].update(generator_steps=600, evaluation_points=6))
    for _ in range(2):
        kill_after_a_checkpoint(target)
    output = fork_dvc("repro", "--single-item", target)
    assert "resuming after generator step" in output
    resumed = read_bytes(Path("models/sngan-A-0"))
    shutil.rmtree(".scratch")
    output = fork_dvc("repro", "--single-item", "--force", "--no-run-cache", target)
    assert "resuming" not in output
    assert read_bytes(Path("models/sngan-A-0")) == resumed


def kill_after_a_checkpoint(target: str) -> None:
    """Start a training under DVC, and kill it and DVC without warning once another checkpoint is written."""
    began = time.time()
    process = subprocess.Popen(
        ["dvc", "repro", "--single-item", target],
        env=make_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not list_checkpoints(Path(".scratch"), began):
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.time() - began < PATIENCE_SECONDS
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_an_extractor_without_classes_scores_the_same_trainings_by_the_distance_alone() -> None:
    components = {"dimension": 16, "is_whitened": False}
    change(
        lambda params: params["extractor"].update(
            name="principal_components", principal_components=components
        )
    )
    run = list_run(fork_dvc("repro"))
    assert not [stage for stage in run if stage.startswith(("train", "sample", "lipschitz"))]
    assert run[-2:] == ["report", "track"]
    metrics = json.loads(dvc("metrics", "show", "--json"))[""]["data"]["metrics/sngan-A-0.json"]["data"]
    assert metrics["best_fid"] > 0 and "is" not in metrics
    assert list(json.loads(Path("report/results.json").read_text())["metrics"]) == ["fid"]
    assert "nan" not in Path("report/table1.txt").read_text(encoding="utf-8").lower()
    assert "index.html" in dvc("plots", "show", "--out", "plots")
