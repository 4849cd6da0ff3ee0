"""Runs that differ in one part, compared GAN by GAN."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare_runs import compare_runs, require_same_protocol, tabulate
from benchmarks.run_files import read_runs
from stages.common.errors import InputError


def write_run(path: Path, fids: list[float | None], **changes: Any) -> Path:
    """Write a report of one GAN under two settings, with the final FID by seed, which is doubled under the second."""
    trials = [
        {"gan": "sngan", "setting": setting, "seed": seed, "fid_last": fid and factor * fid}
        for seed, fid in enumerate(fids)
        for setting, factor in (("A", 1.0), ("C", 2.0))
    ]
    run = {
        "protocol": {"extractor": "classifier"},
        "metrics": {"fid": {"short": "FID"}},
        "settings": {"A": {}, "C": {}},
        "seeds": list(range(len(fids))),
        "trials": trials,
        "provenance": [],
    }
    path.write_text(json.dumps(run | changes))
    return path


def test_a_part_that_changes_every_seed_alike_is_told(tmp_path: Path) -> None:
    one, five = (
        write_run(tmp_path / "1", [50.0, 60.0, 70.0]),
        write_run(tmp_path / "5", [100.0, 121.0, 139.0]),
    )
    (row,) = compare_runs(read_runs([one, five]), "sngan", "fid")
    assert row.ratio == pytest.approx(0.5, abs=0.01) and row.is_significant
    assert tabulate(read_runs([one, five]))[2].startswith(f"| sngan | FID | {five} | 0.50 [0.49, 0.51] |")


def test_a_part_that_changes_nothing_for_sure_says_what_would_have_been_told(tmp_path: Path) -> None:
    runs = read_runs([write_run(tmp_path / "1", [50.0, 60.0]), write_run(tmp_path / "5", [55.0, 57.0])])
    (row,) = compare_runs(runs, "sngan", "fid")
    assert not row.is_significant and row.detectable_ratio is not None and row.detectable_ratio > 2.0


def test_settings_that_one_run_alone_has_are_left_out(tmp_path: Path) -> None:
    runs = read_runs(
        [write_run(tmp_path / "1", [50.0, 60.0]), write_run(tmp_path / "5", [50.0, 60.0], settings={"A": {}})]
    )
    (row,) = compare_runs(runs, "sngan", "fid")
    assert row.ratio == pytest.approx(1.0)


def test_a_failed_training_leaves_no_test(tmp_path: Path) -> None:
    runs = read_runs([write_run(tmp_path / "1", [50.0, 60.0]), write_run(tmp_path / "5", [50.0, None])])
    assert "a training failed" in tabulate(runs)[2]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    one = write_run(tmp_path / "1", [50.0])
    with pytest.raises(InputError, match="1 run is named"):
        read_runs([one, one])
    other = write_run(tmp_path / "other", [50.0], protocol={"extractor": "inception"})
    with pytest.raises(InputError, match="different protocols"):
        require_same_protocol(read_runs([one, other]))
    for text in ("", "[]", "{}", '"text"'):
        (tmp_path / "text").write_text(text)
        with pytest.raises(InputError, match="text is not the report/results.json"):
            read_runs([one, tmp_path / "text"])
    with pytest.raises(InputError, match="nothing cannot be read"):
        read_runs([one, tmp_path / "nothing"])
    with pytest.raises(InputError, match="no seed in common"):
        compare_runs(read_runs([one, write_run(tmp_path / "5", [50.0], seeds=[7])]), "sngan", "fid")
