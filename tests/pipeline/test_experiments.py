"""The table of DVC's experiments has rows of differing params and of scores, and is narrow enough to read."""

from typing import Any

from pipeline.experiments import format_table, make_table, read_experiments

TRIALS = [f"{gan}-{setting}-0" for gan in ("batch_norm", "wgan_gp", "sngan") for setting in "ABC"]
GANS = ["began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan"]


def make_revision(name: str | None, width: int, scores: dict[str, float], **more: Any) -> dict[str, Any]:
    params = {"gans": GANS, "train": {"generator_steps": 800}, "networks": {"width": width}} | more
    metrics = {f"metrics/{trial}.json": {"data": {**scores, "kid": 1.0}} for trial in TRIALS if scores}
    data = {"params": {"params.yaml": {"data": params}}, "metrics": metrics}
    return {"rev": "workspace", "name": name, "data": data, "experiments": None}


def make_group(state: str | None, revision: dict[str, Any]) -> dict[str, Any]:
    return {"revs": [revision], "executor": {"state": state} if state else None, "name": revision["name"]}


SHOWN = [
    make_revision(None, 8, {"fid": 212.9, "is": 3.27}),
    make_revision(None, 8, {"fid": 212.9, "is": 3.27})
    | {
        "rev": "52f35115848b311559dd0463cac28f39ab0cfce4",
        "experiments": [
            make_group(None, make_revision("wider", 16, {"fid": 111.1, "is": 4.0}, gans=GANS[:2])),
            make_group("queued", make_revision("widest", 64, {})),
            make_group("failed", make_revision("broken", 9, {}) | {"data": None}),
        ],
    },
]


def read_rows(shown: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {row[0].strip(): row[1:] for row in make_table(read_experiments(shown))}


def test_only_params_that_differ_are_rows_beside_the_scores_of_every_trial() -> None:
    rows = read_rows([SHOWN[0], SHOWN[1] | {"experiments": SHOWN[1]["experiments"][:1]}])
    assert list(rows) == ["", "gans", "networks.width", "FID", *sorted(TRIALS), "IS"]
    assert rows[""] == ["workspace", "52f3511", "wider"]
    assert rows["networks.width"] == ["8", "8", "16"]
    # A trial has one row for each score; the last one is for the Inception Score.
    assert rows["sngan-A-0"] == ["3.27", "3.27", "4.0"]


def test_experiments_that_are_not_done_say_so_and_have_no_scores() -> None:
    rows = read_rows(SHOWN)
    assert rows["state"] == ["-", "-", "-", "queued", "failed"]
    assert rows["networks.width"] == ["8", "8", "16", "64", "-"]
    assert rows["sngan-C-0"] == ["3.27", "3.27", "4.0", "-", "-"]


def test_scores_that_are_not_on_disk_are_no_rows() -> None:
    missing = make_revision("main", 8, {})
    missing["data"]["metrics"] = {"metrics": {"error": {"type": "IsADirectoryError", "msg": "..."}}}
    rows = read_rows([SHOWN[0], missing])
    assert list(rows) == ["", "FID", *sorted(TRIALS), "IS"]
    assert rows["sngan-A-0"] == ["3.27", "-"]


def test_an_extractor_without_an_inception_score_has_no_rows_of_it() -> None:
    rows = read_rows([make_revision(None, 8, {"fid": 9.0}), make_revision("main", 16, {"fid": 8.0})])
    assert "IS" not in rows and rows["sngan-B-0"] == ["9.0", "8.0"]


def test_one_run_alone_has_its_scores() -> None:
    assert list(read_rows(SHOWN[:1])) == ["", "FID", *sorted(TRIALS), "IS"]


def test_the_table_is_aligned_and_narrow_and_shows_what_it_cut() -> None:
    lines = format_table(make_table(read_experiments(SHOWN))).splitlines()
    assert max(map(len, lines)) < 100
    assert "began, ebgan,..." in lines[2]
    assert len({len(line) for line in lines if line.startswith("  sngan")}) == 1
