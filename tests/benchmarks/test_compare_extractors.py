"""Compare the ranks of GANs between runs that score the same trainings with different extractors."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from benchmarks.compare_extractors import compare_orders, main, require_same_trainings, tabulate
from benchmarks.run_files import read_runs
from stages.common.errors import InputError
from stages.report.statistics.seed_scores import SeedScores

# The standard deviation of each GAN's log score over seeds, as measured (docs/inference.md).
DEVIATIONS = np.array([0.29, 0.17, 0.13, 0.13, 0.06, 0.10])


def write_run(path: Path, fids: dict[str, list[float | None]], extractor: str, losses: str = "ab") -> Path:
    """Write a report of GANs under one setting, with the final Fréchet distance by GAN and seed."""
    trials: list[dict[str, Any]] = [
        {"gan": gan, "setting": "C", "seed": seed, "fid_last": fid}
        for gan, values in fids.items()
        for seed, fid in enumerate(values)
    ]
    files = {"results/evaluate/points.json": path.name, "results/train/losses.csv": losses}
    run = {
        "protocol": {"extractor": extractor, "weights_sha256": path.name},
        "metrics": {"fid": {"short": "FID"}},
        "settings": {"C": {}},
        "seeds": list(range(len(next(iter(fids.values()))))),
        "trials": trials,
        "provenance": [{"trial": f"{trial['gan']}-{trial['seed']}", "files": files} for trial in trials],
    }
    path.write_text(json.dumps(run))
    return path


def test_an_order_that_is_told_both_ways_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    near, far = [20.0, 20.5, 21.0, 20.2], [60.0, 62.0, 61.0, 60.5]
    one = write_run(
        tmp_path / "one", {"sngan": list(near), "began": list(far), "vanilla": [90.0, 91.0, 92.0, 93.0]}, "a"
    )
    other = write_run(
        tmp_path / "other",
        {"sngan": list(far), "began": list(near), "vanilla": [90.0, 91.0, 92.0, 93.0]},
        "b",
    )
    monkeypatch.setattr(sys, "argv", ["compare_extractors", str(one), str(other)])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"| GAN | Rank by {one} (a) | Rank by {other} (b) |"
    assert lines[2:5] == [
        "| SNGAN | 1 [1, 1] | 2 [2, 2] |",
        "| BEGAN | 2 [2, 2] | 1 [1, 1] |",
        "| GAN | 3 [3, 3] | 3 [3, 3] |",
    ]
    assert lines[-1] == f"| {other} | +0.33 | +0.33 to +0.33 | SNGAN/BEGAN | 2 | SNGAN/BEGAN | 0 |"


def test_an_order_within_the_noise_of_seeds_is_not_told_to_be_another() -> None:
    first: SeedScores = {"sngan": [1.0, 1.4, 1.2], "began": [1.3, 1.1, 1.3]}
    second: SeedScores = {"sngan": [1.3, 1.2, 1.3], "began": [1.1, 1.4, 1.2]}
    found = compare_orders(first, second)
    assert (found.other, found.reversed) == ((("sngan", "began"),), ())
    assert (found.tau, found.bounds) == (-1.0, (-1.0, 1.0))


def test_one_seed_has_an_order_and_tells_nothing(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", {"sngan": [20.0], "began": [60.0]}, "a")
    other = write_run(tmp_path / "other", {"sngan": [10.0], "began": [70.0]}, "b")
    lines = tabulate(read_runs([one, other]))
    assert (
        lines[2] == "| SNGAN | 1 | 1 |"
        and lines[-1] == f"| {other} | +1.00 | -1.00 to +1.00 | none | 0 | none | 1 |"
    )


def test_a_gan_of_which_a_training_failed_is_named_and_left_out_of_tau(tmp_path: Path) -> None:
    fids: dict[str, list[float | None]] = {
        "began": [None, 60.0],
        "sngan": [20.0, 21.0],
        "vanilla": [30.0, 25.0],
    }
    one, other = (write_run(tmp_path / name, fids, name) for name in ("one", "other"))
    lines = tabulate(read_runs([one, other]))
    assert lines[4] == "| BEGAN | a training failed | a training failed |"
    assert lines[-1] == f"| {other} | +1.00 | -1.00 to +1.00 | none | 0 | none | 1 |"


def test_of_one_gan_there_is_no_order(tmp_path: Path) -> None:
    one, other = (write_run(tmp_path / name, {"sngan": [20.0, 21.0]}, name) for name in ("one", "other"))
    lines = tabulate(read_runs([one, other]))
    assert (
        lines[2] == "| SNGAN | 1 [1, 1] | 1 [1, 1] |" and lines[-1] == f"| {other} | – | – | – | – | – | – |"
    )


@pytest.mark.parametrize("seeds", [2, 3, 8])
@pytest.mark.parametrize("correlation", [0.0, 0.7])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [1, 0, 2, 3, 5, 4], [5, 4, 3, 2, 1, 0]])
def test_the_range_of_tau_holds_the_true_one(order: list[int], correlation: float, seeds: int) -> None:
    """Simulate six GANs that are a factor of 1.1 apart and that two extractors put in different orders."""
    random, true, held, count = np.random.default_rng(seeds), 3.0 + 0.1 * np.arange(6), 0, 100
    tau = kendalltau(true, true[order]).statistic
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])
    for _ in range(count):
        errors = random.multivariate_normal(np.zeros(2), covariance, (6, seeds)) * DEVIATIONS[:, None, None]
        first, second = (
            {str(gan): list(means[gan] + errors[gan, :, side]) for gan in range(6)}
            for side, means in enumerate((true, true[order]))
        )
        low, high = compare_orders(first, second).bounds
        held += low - 1e-9 <= tau <= high + 1e-9
    assert held >= 0.95 * count


def test_what_does_not_differ_by_the_extractor_alone_is_refused(tmp_path: Path) -> None:
    fids: dict[str, list[float | None]] = {"sngan": [20.0], "began": [60.0]}
    one = write_run(tmp_path / "one", fids, "a")
    other = write_run(tmp_path / "other", fids, "b", losses="cd")
    with pytest.raises(InputError, match="not of the same trainings"):
        require_same_trainings(read_runs([one, other]))
    with pytest.raises(InputError, match="not of the same trainings"):
        require_same_trainings(read_runs([one, write_run(tmp_path / "few", {"sngan": [20.0]}, "b")]))
    (tmp_path / "same").mkdir()
    same = write_run(tmp_path / "same" / "one", fids, "a")
    with pytest.raises(InputError, match="the same extractor"):
        require_same_trainings(read_runs([one, same]))
