import torch

from stages.common.pixels import tensor_to_pixels
from stages.train.batches import Batches


def number_images(count: int) -> torch.Tensor:
    """Images that are told apart by their level."""
    return torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()


def levels(batches: Batches, number: int) -> list[int]:
    return [int(level) for level in tensor_to_pixels(batches.draw(number))[:, 0, 0, 0]]


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
