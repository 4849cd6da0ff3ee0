import numpy as np
import pytest
from numpy.typing import NDArray

from stages.scores import cmmd
from stages.scores.cmmd import compute_cmmd


def draw(count: int, seed: int, shift: float = 0.0, dimension: int = 8) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return (random.standard_normal((count, dimension)) * 3.0 + shift).astype(np.float32)


def compute_by_definition(real: NDArray[np.floating], fake: NDArray[np.floating], biased: bool) -> float:
    """Compute the discrepancy pair by pair, by the paper's formula or as its code does."""
    first, second = (
        [row / np.sqrt((row**2).sum()) for row in points.astype(np.float64)] for points in (real, fake)
    )

    def average(ones: list[NDArray[np.float64]], others: list[NDArray[np.float64]], is_same: bool) -> float:
        leave_out = is_same and not biased
        values = [
            np.exp(-((a - b) ** 2).sum() / (2.0 * 10.0**2))
            for i, a in enumerate(ones)
            for j, b in enumerate(others)
            if not (leave_out and i == j)
        ]
        return float(np.mean(values))

    inner = average(first, first, True) + average(second, second, True)
    return 1000.0 * (inner - 2.0 * average(first, second, False))


@pytest.mark.parametrize("rows", [7, 512])
def test_both_estimates_are_those_of_the_definition(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cmmd, "ROWS_AT_A_TIME", rows)
    real, fake = draw(110, 0), draw(130, 1, shift=1.0)
    found = compute_cmmd(real, fake)
    assert found.value == pytest.approx(compute_by_definition(real, fake, biased=False), rel=1e-9)
    assert found.biased == pytest.approx(compute_by_definition(real, fake, biased=True), rel=1e-9)
    assert found.biased > found.value


def test_the_length_of_an_embedding_does_not_matter_and_its_direction_does() -> None:
    real, fake = draw(100, 0), draw(100, 1)
    scaled = fake * np.linspace(0.1, 9.0, 100, dtype=np.float32)[:, None]
    assert compute_cmmd(real, scaled).value == pytest.approx(compute_cmmd(real, fake).value, abs=1e-4)
    assert compute_cmmd(real, fake + 3.0).value > 10.0 * abs(compute_cmmd(real, fake).value)


def test_the_estimate_has_no_bias_and_its_error_is_the_spread_over_samples() -> None:
    found = [compute_cmmd(draw(100, 2 * seed), draw(100, 2 * seed + 1)) for seed in range(200)]
    values = np.array([item.value for item in found])
    assert abs(values.mean()) < 3.0 * values.std() / 200**0.5
    apart = [compute_cmmd(draw(100, 2 * seed), draw(100, 2 * seed + 1, 2.0)) for seed in range(200)]
    spread = np.std([item.value for item in apart])
    assert np.mean([item.standard_error for item in apart]) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (draw(99, 0), draw(100, 1), "CMMD: 99 real images, but its standard error needs 100"),
        (draw(100, 0), draw(12, 1), "CMMD: 12 generated images"),
        (draw(100, 0), draw(100, 1) * 0.0, "an embedding of the generated images is 0 or not finite"),
        (draw(100, 0), np.full((100, 8), np.nan), "an embedding of the generated images is 0 or not finite"),
        (draw(100, 0), draw(100, 1, dimension=7), "features of 8 and of 7 numbers cannot be compared"),
    ],
)
def test_sets_that_it_cannot_compare_are_refused(
    real: NDArray[np.floating], fake: NDArray[np.floating], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compute_cmmd(real, fake)
