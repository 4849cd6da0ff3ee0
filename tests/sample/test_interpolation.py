import pytest
import torch

from stages.sample.interpolation import interpolate_z


def test_an_interpolation_starts_and_ends_at_its_vectors() -> None:
    starts, ends = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(0))
    vectors = interpolate_z(starts, ends, columns=5).reshape(3, 5, 16)
    assert torch.allclose(vectors[:, 0], starts, atol=1e-6)
    assert torch.allclose(vectors[:, -1], ends, atol=1e-6)


def test_an_interpolation_between_right_angles_stays_on_the_circle() -> None:
    vectors = interpolate_z(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), columns=4)
    # At 0, 30, 60 and 90 degrees.
    by_hand = [[2.0, 0.0], [3.0**0.5, 1.0], [1.0, 3.0**0.5], [0.0, 2.0]]
    assert torch.allclose(vectors, torch.tensor(by_hand), atol=1e-6)


@pytest.mark.parametrize("end", [3.0, -3.0])
def test_an_interpolation_along_one_line_is_straight(end: float) -> None:
    vectors = interpolate_z(torch.tensor([[1.0]]), torch.tensor([[end]]), columns=3)
    assert vectors.squeeze(1).tolist() == pytest.approx([1.0, (1.0 + end) / 2.0, end])
