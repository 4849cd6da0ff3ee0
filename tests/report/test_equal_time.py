"""The comparison of GANs at equal computing time is a file beside the report, which itself has no times."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.common.artifacts import METRICS, METRICS_LOG, TRAINING, Trial, timings_file
from stages.report.equal_time import write_equal_time
from stages.report.results.all_results import read_results

Write = Callable[..., None]
FOLDER = Path("timings/report")
# Points are ten generator steps apart.
GRID = {
    f"{gan}-A-{seed}": [(1.0 + point, best - 10.0 * point - seed) for point in range(5)]
    for gan, best in (("wgan_gp", 100.0), ("sngan", 80.0))
    for seed in (0, 1)
}


def write_timings(name: str, seconds_per_step: float) -> Path:
    gan, setting, seed = name.split("-")
    trial = Trial(gan, setting, int(seed))
    (TRAINING / name / METRICS_LOG).write_text(f"{name}\n")
    rows = [
        {"generator_step": step, "processor_seconds": step * seconds_per_step}
        for step in (1, 10, 20, 30, 40, 50)
    ]
    path = timings_file(trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_rows() -> dict[str, list[str]]:
    lines = (FOLDER / "equal_time.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


def test_gans_compare_after_as_much_time_as_the_fastest_training_took(write_results: Write) -> None:
    write_results(GRID)
    for name in GRID:
        write_timings(name, 4.0 if "wgan_gp" in name else 1.0)
    assert write_equal_time(read_results(), FOLDER) == FOLDER / "equal_time.md"
    rows = read_rows()
    # sngan's 50 steps take 50 seconds, in which wgan_gp takes ten.
    assert rows["SNGAN"][:3] == ["50", "50", "50"]
    assert rows["WGAN-GP"][:3] == ["40", "10", "50"]
    assert rows["SNGAN"][-1] == "1" and rows["WGAN-GP"][-1] == "2"
    assert (FOLDER / "curves_processor_seconds.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("lacking", ["no file", "no point", "no log", "a CPU"])
def test_without_the_times_of_every_training_there_is_no_comparison(
    write_results: Write, lacking: str
) -> None:
    write_results(GRID)
    paths = {name: write_timings(name, 1.0) for name in GRID}
    if lacking == "no file":
        paths["sngan-A-1"].unlink()
    elif lacking == "no point":
        paths["sngan-A-1"].write_text('{"generator_step": 10, "processor_seconds": 1.0}\n')
    elif lacking == "a CPU":
        path = TRAINING / "sngan-A-1" / METRICS
        path.write_text(json.dumps(json.loads(path.read_text()) | {"device": "NVIDIA H200"}))
    else:
        (TRAINING / "sngan-A-1" / METRICS_LOG).unlink()
    assert write_equal_time(read_results(), FOLDER) is None
    assert not FOLDER.exists()


def test_damaged_times_are_named(write_results: Write) -> None:
    write_results(GRID)
    path = write_timings("sngan-A-0", 1.0)
    path.write_text('{"generator_step": 10}\n')
    with pytest.raises(ValueError, match=f"{path} is damaged"):
        read_results()
