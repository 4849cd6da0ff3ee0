"""Params are chosen that fit a folder of one's own images, or all faults of the images are named at once."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pipeline.own.__main__ import main
from pipeline.own.plan import Plan, choose_features, choose_side, find_least_correct, make_plan
from pipeline.own.survey import FolderSurvey, survey_folder
from pipeline.preset import compose_preset
from stages.check.__main__ import find_all_faults
from tests.driving import ROOT
from tests.own.pictures import draw, write_pictures

GANS = ("batch_norm", "sngan")


def look(folder: Path) -> Plan:
    return make_plan(survey_folder(folder), str(folder), GANS, 2000)


def count_only(**counts: tuple[int, int]) -> FolderSurvey:
    return FolderSurvey(counts, [(40, 30)], 0, [], [])


def compose(plan: Plan, folder: Path) -> dict[str, Any]:
    """Compose params.yaml as `make own` does, in another folder of presets."""
    (folder / "default.yaml").write_text((ROOT / "presets/default.yaml").read_text())
    (folder / "own.yaml").write_text(yaml.safe_dump(plan.params))
    content: dict[str, Any] = yaml.safe_load(compose_preset("own", folder))
    return content


@pytest.mark.parametrize(
    "counts",
    [
        {"a": (33, 7), "b": (33, 7), "c": (33, 7)},
        {"a": (25, 5), "b": (25, 5)},
        {"a": (7, 9), "b": (4, 9)},
        {"a": (10, 40), "b": (12, 45)},
        {f"class {number}": (333, 67) for number in range(5)},
        {f"class {number}": (50_000, 10_000) for number in range(10)},
        {f"class {number}": (1, 1) for number in range(200)},
    ],
)
def test_the_check_finds_nothing_wrong_with_what_is_chosen(
    counts: dict[str, tuple[int, int]], tmp_path: Path
) -> None:
    survey = count_only(**counts)
    content = compose(make_plan(survey, "/pictures", GANS, 2000), tmp_path)
    # The numbers of images of each split, with which the check compares the params.
    content["prepare"] |= {"train_limit": survey.train_count, "test_limit": survey.test_count}
    assert find_all_faults(content) == []
    assert content["extractor"]["classifier"]["minimum_test_accuracy"] <= 1.0


def test_three_classes_of_forty_files_of_any_kind_are_enough(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "my pictures é", {"rose": 40, "tulpe ü": 40, "daisy": 40})
    plan = look(folder)
    assert plan.faults == []
    assert plan.params["prepare"] == {"dataset": "image_folder", "path": str(folder), "image_size": 32}
    assert survey_folder(folder).counts == {"daisy": (33, 7), "rose": (33, 7), "tulpe ü": (33, 7)}
    notes = " ".join(f"{note.value} {note.reason}" for note in plan.notes)
    assert "1000 generated images with 99 real ones" in notes and "from 21 images" in notes


@pytest.mark.parametrize(
    ("counts", "sizes", "reasons"),
    [
        ({"rose": 40}, (20, 30), ["of one class, 'rose'", "33 images to train and 7 to test"]),
        (
            {"a": 3, "b": 3, "c": 3},
            (20, 30),
            ["3 to test, and scores compare 10 .*: with 3 classes about 24 images a class"],
        ),
        ({"a": 40, "b": 40, "c": 1}, (20, 30), ["only one image of c"]),
        ({"a": 40, "b": 40}, (1, 1), ["1 pixels or less across"]),
        ({"a": 400, "b": 2}, (8, 9), ["naming the commonest class is right about 99%"]),
    ],
)
def test_what_images_do_not_allow_is_told_with_what_would_do(
    counts: dict[str, int], sizes: tuple[int, int], reasons: list[str], tmp_path: Path
) -> None:
    plan = look(write_pictures(tmp_path, counts, sizes))
    assert len(plan.faults) == len(reasons) and plan.params == {}
    for reason, fault in zip(reasons, plan.faults, strict=True):
        assert re.search(reason, fault)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_pictures(tmp_path, {"a": 12, "b": 1, "c": 5}, (3, 6))
    (folder / "loose.png").write_bytes((folder / "a/0.png").read_bytes())
    (folder / "a/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "a/cut.jpg").write_bytes((folder / "a/1.jpg").read_bytes()[:150])
    (folder / "empty").mkdir()
    monkeypatch.chdir(ROOT)
    before = Path("params.yaml").read_bytes()
    with pytest.raises(ValueError) as caught:
        main([str(folder)])
    message = str(caught.value)
    assert message.startswith("6 things keep these images from being compared:\n- ")
    for part in (
        "1 image outside any class folder",
        "empty: it is empty",
        "only one image of b",
        "broken.png: ",
    ):
        assert part in message
    assert "cut.jpg: " in message and "pixels or less across" in message and "scores compare 10" in message
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.parametrize("suffix", ["heic", "avif", "dng"])
def test_formats_that_are_not_read_hide_nothing_else(suffix: str, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path, {"a": 40, "b": 40, "c": 1})
    (folder / f"a/photo.{suffix}").write_bytes(b"of a camera")
    (folder / "a/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "loose.png").write_bytes((folder / "a/0.png").read_bytes())
    unread, *others = look(folder).faults
    assert (
        "1 file cannot be read" in unread and f"photo.{suffix}: .{suffix} is not read; convert it" in unread
    )
    assert len(others) == 3
    for part, fault in zip(("outside any class", "only one image of c", "broken.png"), others, strict=True):
        assert part in fault


def test_a_class_of_photos_that_are_not_read_is_not_called_empty(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path, {"a": 40, "b": 40})
    (folder / "c").mkdir()
    for place in range(40):
        (folder / f"c/{place}.heic").write_bytes(b"of a camera")
    (fault,) = look(folder).faults
    assert "40 files cannot be read" in fault


def test_a_test_folder_that_is_a_copy_of_the_train_folder_is_told(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", {"a": 40, "b": 40})
    shutil.copytree(tmp_path / "train", tmp_path / "test")
    (fault,) = look(tmp_path).faults
    assert "train and test hold the same images: 80 distinct ones are in both" in fault


@pytest.mark.parametrize("make", ["nothing", "empty", "text", "flat", "damaged.zip"])
def test_what_is_no_folder_of_classes_is_one_message(make: str, tmp_path: Path) -> None:
    folder = tmp_path / make
    if make in ("empty", "text", "flat"):
        folder.mkdir()
    if make == "text":
        (folder / "a").mkdir()
        (folder / "a/notes.txt").write_text("none")
    if make == "flat":
        for place in range(30):
            write_pictures(tmp_path / "other", {"a": 1}, seed=place)
            (folder / f"{place}.png").write_bytes((tmp_path / "other/a/0.png").read_bytes())
    if make == "damaged.zip":
        folder.write_bytes(b"PK\x03\x04 and no more")
    (fault,) = look(folder).faults
    assert make in fault


def test_two_thousand_files_are_looked_at_in_seconds(tmp_path: Path) -> None:
    plan = look(write_pictures(tmp_path, {f"kind {number}": 400 for number in range(5)}, (10, 20)))
    assert plan.params["scores"]["precision_recall_neighbours"] == 3
    assert plan.params["extractor"]["classifier"]["feature_dimension"] == 64


@pytest.mark.parametrize(("median", "side"), [(8, 8), (9, 8), (27, 24), (28, 28), (31, 28), (4000, 32)])
def test_the_side_is_one_that_networks_and_images_have(median: int, side: int) -> None:
    assert choose_side(median) == side


@pytest.mark.parametrize(
    ("count", "features"), [(10, 8), (19, 8), (21, 16), (40, 32), (79, 32), (80, 64), (9999, 64)]
)
def test_features_are_fewer_than_images(count: int, features: int) -> None:
    assert choose_features(count) == features < count


@pytest.mark.parametrize(
    ("counts", "correct"),
    # The binomial tail of share 1/2: 2^-10 < 0.001 < 11 / 2^10.
    [({"a": (9, 5), "b": (9, 5)}, 10), ({"a": (9, 9), "b": (9, 1)}, 11)],
)
def test_the_least_accuracy_is_the_first_that_chance_hardly_gives(
    counts: dict[str, tuple[int, int]], correct: int
) -> None:
    assert find_least_correct(count_only(**counts)) == correct


def test_a_picture_of_each_kind_is_drawn() -> None:
    assert draw("rings", (9, 12), np.random.default_rng(0)).size == (9, 12)
