import torch

from stages.common.pixels import pixels_to_tensor, tensor_to_pixels

ALL_VALUES = torch.arange(256, dtype=torch.uint8)


def test_all_256_values_are_the_same_after_both_conversions() -> None:
    assert torch.equal(tensor_to_pixels(pixels_to_tensor(ALL_VALUES)), ALL_VALUES)


def test_black_is_minus_one_and_white_is_one() -> None:
    assert pixels_to_tensor(ALL_VALUES)[[0, 255]].tolist() == [-1.0, 1.0]


def test_values_out_of_range_are_clamped() -> None:
    assert tensor_to_pixels(torch.tensor([-7.0, 1.01, 300.0])).tolist() == [0, 255, 255]


def test_an_image_is_not_stretched_to_its_own_contrast() -> None:
    # The report's code stretched every image to its own minimum and maximum.
    grey = torch.full((4,), 0.1)
    assert tensor_to_pixels(grey).tolist() == [140] * 4
