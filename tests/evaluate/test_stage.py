"""The stage evaluate, from its input files to its output files."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from stages.common.artifacts import images_file, read_json, write_array, write_json
from stages.evaluate.__main__ import main
from stages.reference.__main__ import main as make_reference
from tests.scores.factories import make_extractor, make_images

ROOT = Path(__file__).parents[2]
SCORES = {"splits": 2, "compared_count": 50, "kid_subsets": 5, "kid_subset_size": 20}
POINTS = Path("results/evaluate/sngan-A-0/points.json")


@pytest.fixture(autouse=True)
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a reference and 60 samples of one snapshot."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(sys, "argv", ["evaluate", "--gan", "sngan", "--setting", "A", "--seed", "0"])
    params: dict[str, Any] = yaml.safe_load((ROOT / "presets/default.yaml").read_text())
    params["scores"] |= SCORES
    params["sample"]["sample_count"] = 60
    Path("params.yaml").write_text(yaml.safe_dump(params))
    for seed, split in enumerate(("train", "test")):
        write_array(images_file(split), make_images(90, seed))
    make_extractor()
    make_reference()
    samples = Path("samples/sngan-A-0")
    write_array(samples / "images_00000020.npy", make_images(60, seed=2))
    point = {"generator_step": 20, "discriminator_steps": 20, "epoch": 1.0, "images": "images_00000020.npy"}
    identity = {"gan": "sngan", "setting": "A", "seed": 0, "diverged_at_generator_step": None}
    write_json(samples / "manifest.json", identity | {"sample_count": 60, "points": [point]})


def test_scores_have_the_protocol_of_the_reference() -> None:
    main()
    real = read_json(Path("reference/scores.json"), made_by="reference")["protocol"]
    assert read_json(POINTS, made_by="evaluate")["protocol"] == real


@pytest.mark.parametrize("change", ["extractor", "params"])
def test_a_reference_of_another_extractor_or_other_params_is_refused(change: str) -> None:
    if change == "extractor":
        make_extractor(scale=2.0)
    else:
        Path("params.yaml").write_text(Path("params.yaml").read_text().replace("splits: 2", "splits: 3"))
    with pytest.raises(ValueError, match="are not comparable: .*make the reference anew"):
        main()
    assert not POINTS.exists()
