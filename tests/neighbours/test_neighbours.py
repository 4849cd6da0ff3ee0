import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from stages.common.artifacts import Trial, images_file, read_json, samples_name, write_array, write_json
from stages.neighbours.__main__ import main, read_last_samples
from tests.scores.factories import make_extractor, make_images

ROOT = Path(__file__).parents[2]


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, NDArray[np.uint8]]:
    """Make four trials: one copies the training images, one does not, one diverged, and one failed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["neighbours"])
    params: dict[str, Any] = yaml.safe_load((ROOT / "presets/default.yaml").read_text())
    params |= {"gans": ["sngan", "began", "ebgan", "wgan_gp"], "settings_used": ["A"]}
    params["neighbours"] = {"sample_count": 6, "real_count": 20, "shown": 3}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    images = {"train": make_images(300, 0), "test": make_images(30, 1), "sngan": make_images(10, 2)}
    images["began"] = images["train"][40:50]
    for split in ("train", "test"):
        write_array(images_file(split), images[split])
    for gan in ("sngan", "began"):
        write_array(Path("samples", f"{gan}-A-0", samples_name(20)), images[gan])
        points = [{"images": "gone.npy"}, {"images": samples_name(20)}]
        write_json(Path("samples", f"{gan}-A-0", "manifest.json"), {"points": points})
    write_json(Path("samples/ebgan-A-0/manifest.json"), {"points": []})
    make_extractor(width=4, feature_dimension=16)
    return images


def test_a_trial_that_copies_has_distance_zero(grid: dict[str, NDArray[np.uint8]]) -> None:
    main()
    record = read_json(Path("results/neighbours/neighbours.json"), "neighbours")
    assert {key: record[key] for key in record if key not in ("shown", "trials")} == {
        "sample_count": 6,
        "held_out_count": 20,
        "train_count": 300,
        "suspicious_quantile": 0.01,
    }
    copying, other = record["trials"]["began-A-0"], record["trials"]["sngan-A-0"]
    assert [copying[space]["median_distance"] for space in ("pixels", "features")] == [0.0, 0.0]
    assert [copying[space]["suspicious_share"] for space in ("pixels", "features")] == [1.0, 1.0]
    assert other["pixels"]["least_distance"] > 0.0


def test_a_picture_shows_samples_above_their_neighbours(grid: dict[str, NDArray[np.uint8]]) -> None:
    main()
    picture = np.asarray(Image.open("results/neighbours/began-A-0.png"))
    assert picture.shape == (3 * 8, 3 * 8)
    for row in range(3):
        assert np.array_equal(picture[8 * row : 8 * row + 8, 8:16], grid["train"][41, 0])


def test_trials_that_diverged_or_failed_are_left_out(grid: dict[str, NDArray[np.uint8]]) -> None:
    main()
    record = read_json(Path("results/neighbours/neighbours.json"), "neighbours")
    assert set(record["trials"]) == {"sngan-A-0", "began-A-0"}
    assert read_last_samples(Trial("wgan_gp", "A", 0), 3, (1, 8, 8)) is None


def test_samples_of_another_shape_name_their_file(grid: dict[str, NDArray[np.uint8]]) -> None:
    write_array(Path("samples/began-A-0", samples_name(20)), make_images(10, shape=(3, 8, 8)))
    with pytest.raises(
        ValueError, match=r"samples/began-A-0/images_00000020.npy holds images \[3, 8, 8\], but"
    ):
        main()


def test_features_that_are_not_finite_are_refused(grid: dict[str, NDArray[np.uint8]]) -> None:
    make_extractor(scale=float("inf"), width=4, feature_dimension=16)
    with pytest.raises(ValueError, match="the extractor's features of some images are not finite"):
        main()


def test_distances_of_pixels_are_root_mean_square_differences(grid: dict[str, NDArray[np.uint8]]) -> None:
    main()
    record = read_json(Path("results/neighbours/neighbours.json"), "neighbours")
    samples, train = (grid[name].reshape(len(grid[name]), -1).astype(float) for name in ("sngan", "train"))
    by_hand = [np.sqrt(((train - sample) ** 2).mean(axis=1)).min() for sample in samples[:6]]
    assert record["trials"]["sngan-A-0"]["pixels"]["median_distance"] == pytest.approx(np.median(by_hand))
