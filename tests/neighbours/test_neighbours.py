import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from PIL import Image

from stages.common.artifacts import Trial, images_file, read_json, samples_name, write_array, write_json
from stages.common.params import load_section
from stages.neighbours.__main__ import choose_evenly_spaced, main, read_last_samples
from stages.neighbours.nearest import NearestNeighbourSearch
from stages.neighbours.params import NeighboursParams
from stages.neighbours.search import Neighbours
from stages.neighbours.summary import summarise_spaces
from tests.scores.factories import make_extractor, make_images

ROOT = Path(__file__).parents[2]


def test_the_nearest_vector_is_found_over_all_parts() -> None:
    search = NearestNeighbourSearch(torch.tensor([[0.0, 0.0], [10.0, 0.0]]))
    search.add(torch.tensor([[3.0, 4.0], [9.0, 0.0]]))
    search.add(torch.tensor([[0.0, 2.0], [10.0, 7.0]]))
    assert search.indices.tolist() == [2, 1]
    assert search.distances.tolist() == [2.0, 1.0]


def test_a_copy_is_at_distance_zero_and_the_first_among_equals() -> None:
    vectors = torch.from_numpy(make_images(50, 0).reshape(50, -1).astype(np.float32))
    search = NearestNeighbourSearch(vectors[[7]])
    search.add(vectors)
    search.add(vectors)
    assert (search.indices.tolist(), search.distances.tolist()) == ([7], [0.0])


def test_samples_nearer_than_held_out_images_are_suspicious() -> None:
    indices = np.zeros(100, dtype=np.int64)
    held_out = Neighbours(indices, np.arange(1.0, 101.0))
    # The 1 % quantile of 1..100 is 1.99.
    samples = Neighbours(indices[:4], np.array([0.0, 1.5, 2.0, 60.0]))
    summary = summarise_spaces({"pixels": samples}, {"pixels": held_out})["pixels"]
    assert summary == {
        "median_distance": 1.75,
        "least_distance": 0.0,
        "held_out_median_distance": 50.5,
        "held_out_low_distance": pytest.approx(1.99),
        "suspicious_share": 0.5,
    }


def test_images_are_chosen_evenly_over_a_split() -> None:
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    assert choose_evenly_spaced(images, 4).ravel().tolist() == [0, 3, 6, 9]
    assert choose_evenly_spaced(images, 99).ravel().tolist() == list(range(10))


def test_more_images_cannot_be_shown_than_are_searched_for() -> None:
    with pytest.raises(ValueError, match="shown = 9 is more than sample_count = 8"):
        load_section(
            NeighboursParams,
            "neighbours",
            content={"neighbours": {"sample_count": 8, "real_count": 2, "shown": 9}},
        )


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
