"""An entry is scored as the comparison's own samples are, or refused with one line that names its file."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from PIL import Image

from stages.check.sections import find_entry_faults
from stages.common.artifacts import (
    REAL_SCORES,
    REFERENCE,
    entry_folder,
    entry_source_file,
    images_file,
    samples_name,
    write_array,
    write_json,
)
from stages.common.errors import InputError
from stages.entry.__main__ import main as score_entry
from stages.entry_neighbours.__main__ import main as find_neighbours
from stages.entry_source.__main__ import main as fingerprint_entry
from stages.scores.extractor import load_extractor
from stages.scores.feature_statistics import extract_statistics
from stages.scores.image_digest import digest_images
from stages.scores.params import ScoresParams
from stages.scores.protocol import ReferenceSet, describe_protocol
from stages.scores.reference_statistics import extract_reference, write_reference
from stages.scores.scorer import Scorer
from tests.driving import ROOT, thread_count_kept
from tests.scores.factories import make_extractor, make_images, write_folder

COUNT = 60
SAMPLES = {"layout": "auto", "floats": "refuse", "resize": False}
GENERATOR = {"z_dimension": 64, "z_distribution": "normal", "batch_size": 100, "output_range": "symmetric"}
SMALL: dict[str, Any] = {"splits": 2, "compared_count": 50, "kid_subset_size": 20, "kid_subsets": 5}


class Draws(torch.nn.Module):
    """A generator whose images are its noise."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(z).reshape(-1, 1, 8, 8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with an extractor and the statistics of real images."""
    monkeypatch.chdir(tmp_path)
    make_extractor()
    write_real_statistics()


def write_real_statistics(held_out: NDArray[np.uint8] | None = None) -> None:
    params, extractor = read_scores_params(), load_extractor(torch.device("cpu"))
    images = make_images(80)
    statistics = extract_reference(images, extractor, params, "train")
    reference = ReferenceSet(split="train", count=80, sha256=digest_images(images))
    if held_out is not None:
        features = next(iter(extractor.extract(held_out)))[0]
        statistics = statistics._replace(held_out=features)
        reference = reference.model_copy(update={"held_out_sha256": digest_images(held_out)})
    write_reference(REFERENCE, statistics)
    protocol = describe_protocol(extractor.card, params, reference, 50).model_dump()
    write_json(REAL_SCORES, {"real_split": "train", "image_shape": [1, 8, 8], "protocol": protocol})


def read_params(**entries: Any) -> dict[str, Any]:
    params: dict[str, Any] = yaml.safe_load((ROOT / "presets/default.yaml").read_text())
    params["scores"] |= SMALL
    params["sample"] |= {"sample_count": COUNT, "grid_rows": 2, "grid_columns": 3}
    params["neighbours"] = {"sample_count": 6, "real_count": 20, "shown": 3}
    return params | {"entries": entries}


def read_scores_params() -> ScoresParams:
    return ScoresParams.model_validate(read_params()["scores"])


def run(monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]) -> dict[str, Any]:
    """Run both stages of an entry, and return its scores."""
    Path("params.yaml").write_text(yaml.safe_dump(read_params(mine={"title": "Mine", **entry})))
    monkeypatch.setattr(sys, "argv", ["stage", "--entry", "mine"])
    with thread_count_kept():
        fingerprint_entry()
        score_entry()
    record: dict[str, Any] = json.loads((entry_folder("mine") / "points.json").read_text())
    return record


def test_samples_and_generators_are_scored_as_the_comparisons_own(monkeypatch: pytest.MonkeyPatch) -> None:
    images = make_images(COUNT, seed=1)
    write_folder(Path("files"), images)
    np.save("array.npy", images)
    record = run(monkeypatch, {"files": ["files", "array.npy"], "samples": SAMPLES})
    params, extractor = read_scores_params(), load_extractor(torch.device("cpu"))
    scorer = Scorer(extract_reference(make_images(80), extractor, params, "train"), params)
    order = np.random.RandomState(params.shuffle_seed).permutation(COUNT)
    expected = scorer.score(extract_statistics(images[order], extractor, params, "expected"))
    for point in record["points"]:
        assert {key: point[key] for key in expected} == expected
        assert point["distinct_images"] == COUNT
    assert [point["seed"] for point in record["points"]] == [0, 1]
    assert len({point["sha256"] for point in record["points"]}) == 2
    assert len(list((entry_folder("mine") / "grids").iterdir())) == 2


def test_a_generator_draws_from_the_noise_of_each_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.pt", "b.pt"):
        torch.jit.save(torch.jit.script(Draws()), name)
    record = run(monkeypatch, {"files": ["a.pt", "b.pt"], "generator": GENERATOR})
    first, second = record["points"]
    assert first["fid"] != second["fid"] and first["distinct_images"] == COUNT


def test_the_nearest_training_images_of_each_file_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    train = make_images(200, seed=4)
    write_array(images_file("train"), train)
    write_array(images_file("test"), make_images(30, seed=5))
    np.save("copied.npy", train[:COUNT])
    np.save("own.npy", make_images(COUNT, seed=1))
    run(monkeypatch, {"files": ["own.npy", "copied.npy"], "samples": SAMPLES})
    images = np.load(entry_folder("mine") / "samples" / samples_name(1))
    order = np.random.RandomState(read_scores_params().shuffle_seed).permutation(COUNT)
    assert np.array_equal(images, train[order[:6]])
    with thread_count_kept():
        find_neighbours()
    folder = entry_folder("mine") / "neighbours"
    record = json.loads((folder / "neighbours.json").read_text())
    assert record["sample_count"] == 6 and record["held_out_count"] == 20 and record["train_count"] == 200
    for space in ("pixels", "features"):
        assert record["seeds"]["seed_1"][space]["suspicious_share"] == 1.0
        assert record["seeds"]["seed_1"][space]["median_distance"] == 0.0
    assert record["seeds"]["seed_0"]["pixels"]["least_distance"] > 0.0
    picture = np.asarray(Image.open(folder / record["seeds"]["seed_1"]["picture"]))
    assert picture.shape == (3 * 8, 3 * 8) and np.array_equal(picture[:8], picture[8:16])


def test_neighbours_of_an_entry_without_images_name_the_stage_that_makes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(read_params()))
    monkeypatch.setattr(sys, "argv", ["stage", "--entry", "mine"])
    with pytest.raises(InputError, match="entry-mine/samples holds no images; .*`dvc repro entry@mine`"):
        find_neighbours()


def test_the_copying_test_compares_an_entry_with_the_references_held_out_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SMALL, "extra", ["authenticity", "ct"])
    monkeypatch.setitem(SMALL, "compared_count", COUNT)
    held_out = make_images(70, seed=3)
    write_real_statistics(held_out)
    np.save("array.npy", make_images(COUNT, seed=1))
    record = run(monkeypatch, {"files": ["array.npy"], "samples": SAMPLES})
    assert record["protocol"]["held_out_sha256"] == digest_images(held_out)
    assert record["points"][0]["ct"] is not None and 0 <= record["points"][0]["authenticity"] <= 1


def test_the_fingerprint_is_of_the_content_and_survives_files_that_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    np.save("array.npy", make_images(COUNT, seed=1))
    entry = {"files": ["array.npy"], "samples": SAMPLES}
    run(monkeypatch, entry)
    before = entry_source_file("mine").read_bytes()
    Path("array.npy").rename("moved.npy")
    run_source = fingerprint_entry
    run_source()
    assert entry_source_file("mine").read_bytes() == before
    np.save("array.npy", make_images(COUNT, seed=2))
    run_source()
    assert entry_source_file("mine").read_bytes() != before


def write_wrong_files() -> None:
    np.save("few.npy", make_images(COUNT - 1))
    np.save("large.npy", make_images(COUNT, shape=(1, 9, 9)))
    np.save("colour.npy", make_images(COUNT, shape=(3, 8, 8)))
    np.save("floats.npy", make_images(COUNT) / 255)
    torch.save(Draws(), "pickle.pt")
    torch.jit.save(torch.jit.script(Draws()), "script.pt")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"files": ["none.npy"], "samples": SAMPLES}, r"entries.mine.files\[0\] = 'none.npy' does not exist"),
        (
            {"files": ["few.npy"], "samples": SAMPLES},
            r"files\[0\] = 'few.npy' holds 59 images, but sample.sample_count",
        ),
        (
            {"files": ["large.npy"], "samples": SAMPLES},
            r"has images \[1, 9, 9\], but the data set's are \[1, 8, 8\]",
        ),
        ({"files": ["colour.npy"], "samples": SAMPLES}, "is in colour"),
        ({"files": ["floats.npy"], "samples": SAMPLES}, "name the range"),
        ({"files": ["pickle.pt"], "samples": SAMPLES}, "is a pickle"),
        ({"files": ["pickle.pt"], "generator": GENERATOR}, "pickle.pt is a pickle"),
        ({"files": ["few.npy"], "generator": GENERATOR}, "few.npy is no generator"),
        (
            {"files": ["script.pt"], "generator": GENERATOR | {"z_dimension": 32}},
            "expected images .100, 1 or 3",
        ),
        ({"files": ["script.pt"], "generator": GENERATOR | {"output_range": "unit"}}, r"outside \[0, 1\]"),
    ],
)
def test_files_that_cannot_be_scored_are_named(
    entry: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wrong_files()
    with pytest.raises(InputError, match=message):
        run(monkeypatch, entry)
    assert not (entry_folder("mine") / "points.json").exists()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "entries must map names"),
        (None, "entries must map names"),
        ({"my-gan": {}}, "entries"),
        ({"mine": {"files": ["a"], "samples": SAMPLES}}, "entries.mine.title is missing"),
        ({"mine": {"title": "M", "files": [], "samples": SAMPLES}}, "entries.mine.files"),
        ({"mine": {"title": "M", "files": [""], "samples": SAMPLES}}, "entries.mine.files.0 = ''"),
        ({"mine": {"title": "M", "files": ["a"]}}, "needs either `samples:`"),
        (
            {"mine": {"title": "M", "files": ["a"], "samples": SAMPLES, "generator": GENERATOR}},
            "and not both",
        ),
        ({"mine": {"title": "A\n| B", "files": ["a"], "samples": SAMPLES}}, "write one line of printable"),
        ({"mine": {"title": "\x1b[31mM", "files": ["a"], "samples": SAMPLES}}, "write one line of printable"),
        ({"mine": {"title": "M", "files": ["a", "a"], "samples": SAMPLES}}, "names a more than once"),
        (
            {"mine": {"title": "M", "files": ["a"], "generator": {**GENERATOR, "z_dimension": 0}}},
            "z_dimension = 0",
        ),
        (
            {"mine": {"title": "M", "files": ["a"], "generator": {**GENERATOR, "output_range": "byte"}}},
            "output_range",
        ),
        (
            {"mine": {"title": "M", "files": ["a"], "samples": {**SAMPLES, "float": "unit"}}},
            "float is unknown",
        ),
    ],
)
def test_faults_of_entries_are_named_before_anything_runs(entries: Any, message: str) -> None:
    faults = find_entry_faults({"entries": entries})
    assert faults and message in " ".join(faults)
    assert find_entry_faults({"entries": {}}) == []
