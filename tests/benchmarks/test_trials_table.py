import hashlib
import json
from pathlib import Path

from benchmarks.trials_table import describe_training, list_trials, tabulate_scores


def write_rows(path: Path, *steps: int) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps({"generator_step": step}) + "\n" for step in steps))


def write_times(path: Path, *steps: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"generator_step": step, "elapsed_seconds": step / 50}) for step in steps]
    path.write_text("\n".join(rows) + "\n")


def test_a_training_that_was_stopped_is_listed_by_its_last_row_even_if_a_line_is_cut_short(
    tmp_path: Path,
) -> None:
    log = tmp_path / ".scratch/train/sngan-C-0/0123/metrics.jsonl"
    write_rows(log, 100, 200)
    write_times(log.with_name("timings.jsonl"), 100, 200)
    log.write_text(log.read_text() + '{"generator_step": 300, "elap')
    assert list_trials(tmp_path) == ["sngan-C-0"]
    assert describe_training(tmp_path, "sngan-C-0") == (
        "sngan-C-0: stopped after generator step 200, 4 s, 50.0 steps/s"
    )
    assert tabulate_scores(tmp_path, ["sngan-C-0"]) == []


def test_a_finished_training_is_listed_with_its_plan_and_where_it_diverged(tmp_path: Path) -> None:
    log = tmp_path / "results/train/sngan-C-0/metrics.jsonl"
    write_rows(log, 100, 400)
    write_times(
        tmp_path / "timings/sngan-C-0" / f"{hashlib.sha256(log.read_bytes()).hexdigest()[:16]}.jsonl", 400
    )
    manifest = tmp_path / "models/sngan-C-0/manifest.json"
    manifest.parent.mkdir(parents=True)
    for diverged_at, how in ((None, "done"), (401, "diverged at step 401")):
        record = {"evaluation_generator_steps": [200, 400], "diverged_at_generator_step": diverged_at}
        manifest.write_text(json.dumps(record))
        expected = f"sngan-C-0: {how}, 400 of 400 generator steps, 8 s, 50.0 steps/s"
        assert describe_training(tmp_path, "sngan-C-0") == expected


def test_a_trials_scores_are_one_row(tmp_path: Path) -> None:
    path = tmp_path / "results/evaluate/sngan-C-0/points.json"
    path.parent.mkdir(parents=True)
    points = [
        {"generator_step": step, "inception_score": step / 100, "fid": 300 - step} for step in (100, 200)
    ]
    path.write_text(json.dumps({"points": points}))
    row = "| sngan-C-0 | 100, 200 | 1.00, 2.00 | 200.00, 100.00 |"
    assert tabulate_scores(tmp_path, ["sngan-C-0", "began-C-0"])[2:] == [row]


def test_a_score_that_the_extractor_does_not_give_is_a_dash(tmp_path: Path) -> None:
    path = tmp_path / "results/evaluate/sngan-C-0/points.json"
    path.parent.mkdir(parents=True)
    points = [
        {"generator_step": step, "fid": fid, "inception_score": None} for step, fid in ((10, 9.0), (20, 8.5))
    ]
    path.write_text(json.dumps({"points": points}))
    assert tabulate_scores(tmp_path, ["sngan-C-0"])[-1] == "| sngan-C-0 | 10, 20 | –, – | 9.00, 8.50 |"
