"""The stage's scoring of a trial's samples, which must be those of the manifest and of the real images' shape."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stages.common.artifacts import Trial, write_array
from stages.evaluate.snapshots import score_snapshots
from stages.scores.extractor import load_extractor
from stages.scores.reference_statistics import extract_reference
from stages.scores.scorer import Scorer
from tests.scores.factories import make_extractor, make_images
from tests.scores.test_extractor import SCORES

POINT = {"generator_step": 20, "discriminator_steps": 20, "epoch": 1.0, "images": "images_00000020.npy"}
MANIFEST = {"sample_count": 60, "points": [POINT]}


def score(images: NDArray[Any]) -> list[dict[str, Any]]:
    write_array(Path("samples/sngan-A-0/images_00000020.npy"), images)
    extractor = load_extractor(torch.device("cpu"))
    scorer = Scorer(extract_reference(make_images(80), extractor, SCORES, "train"), SCORES)
    return score_snapshots(Trial("sngan", "A", 0), MANIFEST, extractor, scorer, [1, 8, 8])


@pytest.fixture(autouse=True)
def extractor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_extractor()


def test_every_point_is_scored() -> None:
    (point,) = score(make_images(60, seed=1))
    assert (point["generator_step"], point["distinct_images"]) == (20, 60)


@pytest.mark.parametrize("shape", [(60, 1, 9, 9), (60, 3, 8, 8), (60, 1, 8, 4), (59, 1, 8, 8)])
def test_samples_of_another_size_name_their_file(shape: tuple[int, ...]) -> None:
    message = r"samples/sngan-A-0/images_00000020.npy holds images .* expected \[60, 1, 8, 8\] .*-f sample@sngan-A-0"
    with pytest.raises(ValueError, match=message):
        score(np.zeros(shape, dtype=np.uint8))
