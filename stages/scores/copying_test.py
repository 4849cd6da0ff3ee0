"""The C_T test of data copying, of whether generated images are nearer to training images than held-out images are."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.scores.extra_scores import CELLS, LEAST_IN_CELL
from stages.scores.features import Matrix, check_dimensions
from stages.scores.neighbours import compute_distances

# dgm-eval's numbers, as those of cells: principal components before distances, restarts of k-means. With the least
# images of a cell, generated and held out, the normal approximation of Mann and Whitney's statistic holds.
COMPONENTS = 64
RESTARTS = 10


class CopyingTest(NamedTuple):
    """The C_T statistic.

    Attributes:
        value: far below 0 where generated images are copies, far above 0 where they are further from training images
            than real ones are; None where no cell has 20 generated and 20 held-out images.
        null_deviation: the value's standard deviation if generated and held-out images were of one distribution; then
            the value divided by it is standard normal. None where there is no value.
    """

    value: float | None
    null_deviation: float | None


def compute_copying_test(
    train: NDArray[np.floating], held_out: NDArray[np.floating], fake: NDArray[np.floating], seed: int
) -> CopyingTest:
    """Compute C_T, the average over cells of Mann and Whitney's z for the distances to the nearest training image.

    The cells are those of k-means on the training images. A cell's weight is its share of the held-out images.

    Args:
        train: the features of training images, any float type, [N, D].
        held_out: the features of real images that are not training images, any float type, [H, D].
        fake: the features of generated images, any float type, [M, D].
        seed: the seed of k-means.

    Raises:
        InputError: the features differ in dimension, or there are fewer than 60 images in any set.

    Source: Meehan, Chaudhuri and Dasgupta 2020, "A Non-Parametric Test to Detect Data-Copying in Generative Models",
        sections 3 and 4, without the continuity correction of half a pair that their code adds; cells and components
        as in dgm-eval (Stein et al. 2023).
    """
    for name, features in (("training", train), ("held-out", held_out), ("generated", fake)):
        check_dimensions(train, features)
        if len(features) < CELLS * LEAST_IN_CELL:
            raise InputError(
                f"the C_T test: {len(features)} {name} images, but {CELLS} cells of {LEAST_IN_CELL} need "
                f"{CELLS * LEAST_IN_CELL} or more; compare more images"
            )
    # Only this score needs scikit-learn, whose import takes longer than the other scores.
    from sklearn.cluster import KMeans

    train, held_out, fake = _project(train, held_out, fake)
    clusters = KMeans(n_clusters=CELLS, n_init=RESTARTS, random_state=seed % 2**32).fit(train)
    train_cells, held_out_cells, fake_cells = (clusters.predict(part) for part in (train, held_out, fake))
    weights, statistics = [], []
    for cell in range(CELLS):
        parts = (held_out[held_out_cells == cell], fake[fake_cells == cell])
        if min(map(len, parts)) < LEAST_IN_CELL:
            continue
        distances = [find_nearest_distances(part, train[train_cells == cell]) for part in parts]
        weights.append(len(parts[0]))
        statistics.append(compare_distances(*distances))
    if not weights:
        return CopyingTest(None, None)
    shares = np.array(weights) / sum(weights)
    return CopyingTest(float(shares @ statistics), float(np.sqrt((shares**2).sum())))


def compare_distances(held_out: Matrix, fake: Matrix) -> float:
    """Compute Mann and Whitney's z, which is high if generated images' distances exceed those of held-out ones.

    Args:
        held_out: float64 [H], the distances of held-out images.
        fake: float64 [M], the distances of generated images; ties count half.

    Source: Mann and Whitney 1947, "On a test of whether one of two random variables is stochastically larger than the
        other".
    """
    # Only this score needs scipy.stats, whose import takes long.
    from scipy.stats import rankdata

    n, m = len(held_out), len(fake)
    ranks = rankdata(np.concatenate([fake, held_out]))
    larger = ranks[:m].sum() - m * (m + 1) / 2
    return float((larger - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))


def find_nearest_distances(points: Matrix, others: Matrix) -> Matrix:
    """Find the squared distance of each point [N, D] to the nearest of `others` [M, D]: float64 [N]."""
    nearest = np.empty(len(points))
    for rows, distances in compute_distances(points, others):
        nearest[rows] = distances.min(axis=1)
    return nearest


def _project(train: NDArray[np.floating], *others: NDArray[np.floating]) -> list[Matrix]:
    """Centre all sets and project them on the training features' first COMPONENTS principal components if D is more."""
    mean = train.mean(axis=0, dtype=np.float64)
    centred: list[Matrix] = [features.astype(np.float64) - mean for features in (train, *others)]
    if train.shape[1] <= COMPONENTS:
        return centred
    _, vectors = np.linalg.eigh(centred[0].T @ centred[0])
    return [features @ vectors[:, -COMPONENTS:] for features in centred]
