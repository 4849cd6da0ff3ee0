import numpy as np
import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from stages.scores.inception_score import compute_inception_score

CERTAIN = 200.0


def test_images_with_uniform_logits_score_one() -> None:
    score = compute_inception_score(np.zeros((40, 5), dtype=np.float32), splits=4, shuffle_seed=0)
    assert score.mean == pytest.approx(1.0, abs=1e-12)
    assert score.deviation == pytest.approx(0.0, abs=1e-12)


def test_certain_and_balanced_classes_score_the_number_of_classes() -> None:
    logits = np.tile(np.eye(5, dtype=np.float32) * CERTAIN, (8, 1))
    assert compute_inception_score(logits, splits=1, shuffle_seed=0).mean == pytest.approx(5.0, rel=1e-9)


def test_certain_images_of_one_class_score_one() -> None:
    logits = np.zeros((40, 5), dtype=np.float32)
    logits[:, 2] = CERTAIN
    assert compute_inception_score(logits, splits=4, shuffle_seed=0).mean == pytest.approx(1.0, abs=1e-12)


def test_a_score_worked_out_by_hand() -> None:
    # p(y|x) is (3/4, 1/4) and (1/4, 3/4), so p(y) is (1/2, 1/2) and each KL is 3/4 ln 3/2 + 1/4 ln 1/2.
    logits = np.log(np.array([[3.0, 1.0], [1.0, 3.0]]))
    expected = np.exp(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert compute_inception_score(logits, splits=1, shuffle_seed=0).mean == pytest.approx(
        expected, rel=1e-12
    )


def test_images_in_the_order_of_their_classes_are_shuffled_before_they_are_split() -> None:
    logits = np.repeat(np.eye(4, dtype=np.float32) * CERTAIN, 500, axis=0)
    score = compute_inception_score(logits, splits=4, shuffle_seed=0)
    # Without shuffling every split would hold one class and score 1.
    assert score.mean == pytest.approx(4.0, abs=0.05)


@pytest.mark.parametrize("splits", [1, 3, 10])
def test_it_agrees_with_torch_fidelity_to_a_millionth(splits: int) -> None:
    logits = np.random.default_rng(0).normal(size=(457, 11)).astype(np.float32) * 3
    theirs = isc_features_to_metric(torch.tensor(logits), splits=splits, shuffle=True, rng_seed=2020)
    ours = compute_inception_score(logits, splits, shuffle_seed=2020)
    assert ours.mean == pytest.approx(theirs["inception_score_mean"], rel=1e-6)
    assert ours.deviation == pytest.approx(theirs["inception_score_std"], rel=1e-6, abs=1e-9)


def test_more_splits_than_images_are_refused() -> None:
    with pytest.raises(ValueError, match="scores.splits = 10, but there are only 9 images"):
        compute_inception_score(np.zeros((9, 2)), splits=10, shuffle_seed=0)
