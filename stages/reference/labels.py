"""Read the classes of the real images if FID by class is switched on."""

from stages.scores.further_moments import Labels
from stages.scores.params import ScoresParams
from stages.scores.reference_statistics import read_real_labels


def read_labels(split: str, count: int | None, params: ScoresParams) -> Labels | None:
    """Read the labels of a split's images, or of a sample of `count` images; None if FID by class is off."""
    if "intra_fid" not in params.extra:
        return None
    return read_real_labels(split, count, params.shuffle_seed)


def leave_out_rare(labels: Labels | None, fid_count: int, dimension: int) -> Labels | None:
    """Return the labels, or None if a class has no more images than there are features.

    The row of real images uses as many images as the split has; if these are too few, it has no FID by class.
    """
    if labels is None or labels.least_frequent(fid_count) <= dimension:
        return None
    return labels
