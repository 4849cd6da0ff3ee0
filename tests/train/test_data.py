from pathlib import Path
from typing import Literal

import numpy as np
import psutil
import pytest
import torch

from stages.common.artifacts import read_images
from stages.common.pixels import tensor_to_pixels
from stages.train.data import Batches, MappedBatches, open_batches


def number_images(count: int) -> torch.Tensor:
    """Make images that can be identified by their level."""
    return torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()


def levels(batches: Batches, number: int) -> list[int]:
    return [int(level) for level in tensor_to_pixels(batches.load(number).images)[:, 0, 0, 0]]


def test_an_epoch_shows_every_image_once_but_for_those_left_over() -> None:
    batches = Batches(number_images(22), batch_size=5, seed=0)
    assert batches.batches_per_epoch == 4
    seen = [level for number in range(4) for level in levels(batches, number)]
    assert len(seen) == len(set(seen)) == 20


def test_the_next_epoch_has_another_order() -> None:
    batches = Batches(number_images(20), batch_size=20, seed=0)
    assert levels(batches, 0) != levels(batches, 1)
    assert sorted(levels(batches, 0)) == sorted(levels(batches, 1))


def test_a_batch_is_found_by_its_number_alone() -> None:
    in_order = Batches(number_images(20), batch_size=4, seed=3)
    expected = [levels(in_order, number) for number in range(12)]
    assert levels(Batches(number_images(20), batch_size=4, seed=3), 11) == expected[11]


def test_the_order_depends_on_the_seed() -> None:
    assert levels(Batches(number_images(20), 20, seed=0), 0) != levels(
        Batches(number_images(20), 20, seed=1), 0
    )


@pytest.mark.parametrize("location", ["auto", "device", "mapped"])
def test_batches_are_the_same_wherever_the_images_lie(
    tmp_path: Path, location: Literal["auto", "device", "mapped"]
) -> None:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (22, 3, 4, 4), dtype=np.uint8))
    images = read_images(path, made_by="prepare")
    expected = Batches(torch.tensor(images), 5, seed=1)
    opened = open_batches(images, 5, 1, "channels_last", location, torch.device("cpu"))
    assert isinstance(opened, MappedBatches) == (location == "mapped")
    # The batches are read across the end of an epoch, out of order as after a resumption, and then in order from there.
    for number in (0, 1, 2, 3, 4, 5, 11, 12, 13):
        assert torch.equal(opened.load(number).images, expected.load(number).images)


def test_images_that_would_take_more_than_half_of_the_free_memory_stay_in_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "images.npy"
    np.save(path, np.zeros((20, 1, 4, 4), np.uint8))
    free = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free._replace(available=2 * 320 - 1))
    images = read_images(path, made_by="prepare")
    assert isinstance(open_batches(images, 5, 1, "contiguous", "auto", torch.device("cpu")), MappedBatches)
