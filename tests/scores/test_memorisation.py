"""Authenticity and the C_T test against their definitions, and on copies."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu, norm
from sklearn.cluster import KMeans

from stages.scores.authenticity import compute_authenticity
from stages.scores.copying_test import compare_distances, compute_copying_test
from stages.scores.extra_scores import CELLS
from stages.scores.neighbours import centre, compute_radii


def draw(count: int, seed: int, dimension: int = 6) -> NDArray[np.float32]:
    """Draw points of three clusters of different spread."""
    random = np.random.default_rng(seed)
    cluster = random.integers(0, 3, count)
    points = random.standard_normal((count, dimension)) * (1.0 + cluster)[:, None]
    points[:, 0] += 12.0 * cluster
    return points.astype(np.float32)


def measure(point: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.sqrt(((others.astype(np.float64) - point) ** 2).sum(axis=1))
    return distances


def authenticity_by_definition(train: NDArray[np.floating], fake: NDArray[np.floating]) -> float:
    authentic = 0
    for image in fake:
        distances = measure(image, train)
        nearest = int(distances.argmin())
        own = measure(train[nearest], np.delete(train, nearest, axis=0)).min()
        authentic += own < distances.min()
    return authentic / len(fake)


def test_authenticity_is_that_of_the_definition_with_wilsons_interval() -> None:
    train, fake = draw(120, 0), draw(90, 1)
    found = compute_authenticity(train, fake)
    assert found.value == authenticity_by_definition(train, fake)
    interval = binomtest(round(found.value * 90), 90).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-12)
    centred, _ = centre(train, train)
    assert compute_authenticity(train, fake, compute_radii(centred, 1)) == found


def test_copies_are_not_authentic_fresh_images_are_about_half_and_far_ones_are() -> None:
    train = draw(400, 0)
    noise = 1e-3 * np.random.default_rng(5).standard_normal((200, 6)).astype(np.float32)
    copies = compute_authenticity(train, train[:200] + noise)
    assert copies.value == 0.0 and copies.low == 0.0 and copies.high > 0.0
    fresh = compute_authenticity(train, draw(400, 1))
    assert fresh.low < 0.55 and fresh.high > 0.45
    assert compute_authenticity(train, train[:200] + 50.0).value == 1.0


def test_fewer_than_ten_images_are_refused() -> None:
    with pytest.raises(
        ValueError, match="authenticity: 9 generated images, but a neighbourhood of 1 needs 10"
    ):
        compute_authenticity(draw(50, 0), draw(9, 1))


def copying_by_definition(
    train: NDArray[np.floating], held_out: NDArray[np.floating], fake: NDArray[np.floating], seed: int
) -> float:
    """Compute C_T pair by pair, in the cells of the same k-means."""
    mean = train.mean(axis=0, dtype=np.float64)
    parts = [part.astype(np.float64) - mean for part in (train, held_out, fake)]
    clusters = KMeans(n_clusters=CELLS, n_init=10, random_state=seed).fit(parts[0])
    cells = [clusters.predict(part) for part in parts]
    total, weight = 0.0, 0.0
    for cell in range(CELLS):
        own, real, generated = (part[found == cell] for part, found in zip(parts, cells, strict=True))
        if len(generated) < 20 or len(real) < 20:
            continue
        near_real = [measure(point, own).min() for point in real]
        near_fake = [measure(point, own).min() for point in generated]
        larger = sum((b > a) + 0.5 * (b == a) for a in near_real for b in near_fake)
        n, m = len(real), len(generated)
        z = (larger - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12)
        share = n / len(held_out)
        total, weight = total + share * z, weight + share
    return total / weight


def test_the_copying_test_is_that_of_the_definition() -> None:
    train, held_out, fake = draw(300, 0), draw(150, 1), 0.9 * draw(200, 2)
    found = compute_copying_test(train, held_out, fake, seed=0)
    assert found.value == pytest.approx(copying_by_definition(train, held_out, fake, 0), rel=1e-9)


def test_a_cells_statistic_is_mann_and_whitneys() -> None:
    random = np.random.default_rng(0)
    real, fake = random.random(40), random.random(50) - 0.1
    p = mannwhitneyu(fake, real, alternative="two-sided", use_continuity=False, method="asymptotic").pvalue
    assert 2 * norm.sf(abs(compare_distances(real, fake))) == pytest.approx(p, rel=1e-9)


def test_copies_are_far_below_zero_and_another_distribution_far_above() -> None:
    train, held_out = draw(400, 0), draw(300, 1)
    noise = 1e-2 * np.random.default_rng(5).standard_normal((300, 6)).astype(np.float32)
    copies = compute_copying_test(train, held_out, train[:300] + noise, seed=0)
    far = compute_copying_test(train, held_out, draw(300, 2) * 1.5, seed=0)
    assert copies.value is not None and copies.value < -8.0
    assert far.value is not None and far.value > 2.0


def test_without_copying_the_value_divided_by_its_deviation_is_standard_normal() -> None:
    ratios = []
    for seed in range(60):
        found = compute_copying_test(
            draw(120, 3 * seed), draw(120, 3 * seed + 1), draw(120, 3 * seed + 2), seed
        )
        assert found.value is not None and found.null_deviation is not None
        ratios.append(found.value / found.null_deviation)
    assert abs(np.mean(ratios)) < 3.0 / 60**0.5
    assert 0.7 < np.std(ratios) < 1.35


def test_many_features_are_projected_on_the_training_images_components() -> None:
    """Noise in many directions hides copies from a distance over all features, but not from one over the components."""
    random = np.random.default_rng(0)
    turn, _ = np.linalg.qr(random.standard_normal((100, 100)))
    train, held_out, fake = (draw(200, seed) for seed in range(3))
    first, second, third = (np.pad(part, ((0, 0), (0, 94))) @ turn for part in (train, held_out, fake))
    plain = compute_copying_test(train, held_out, fake, seed=0)
    assert compute_copying_test(first, second, third, seed=0).value == pytest.approx(plain.value, abs=1e-6)


def test_a_generator_that_leaves_out_the_cells_of_held_out_images_has_no_value() -> None:
    train = draw(300, 0)
    train_cell = train[train[:, 0] > 18.0]
    held_out = draw(300, 1)
    held_out = held_out[held_out[:, 0] < 6.0][:60]
    found = compute_copying_test(train, held_out, train_cell[np.arange(80) % len(train_cell)], seed=0)
    assert found == (None, None)


@pytest.mark.parametrize(
    ("counts", "name"), [((59, 60, 60), "training"), ((60, 59, 60), "held-out"), ((60, 60, 9), "generated")]
)
def test_fewer_than_twenty_images_a_cell_are_refused(counts: tuple[int, int, int], name: str) -> None:
    with pytest.raises(ValueError, match=f"C_T test: {min(counts)} {name} images, but 3 cells of 20 need 60"):
        compute_copying_test(draw(counts[0], 0), draw(counts[1], 1), draw(counts[2], 2), seed=0)
