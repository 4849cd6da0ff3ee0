"""Check by its labels, before anything is computed, that a classifier can learn from a data set."""

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError

NAMED_CLASSES = 5


def check_learnable(
    train_labels: NDArray[np.int64], test_labels: NDArray[np.int64], class_names: list[str]
) -> None:
    """Refuse labels that a classifier cannot learn from, or on which its accuracy cannot be measured.

    Args:
        train_labels: int64 [N], indices into the class names.
        test_labels: int64 [M].
        class_names: K names.

    Raises:
        InputError: there is only one class, a class has no training image, or all test images are of one class.
    """
    cure = "or set extractor.name to inception, which needs no classes"
    if len(class_names) < 2:
        raise InputError(
            f"all images are of one class, {class_names[0]!r}, so the extractor `classifier` has nothing to learn: put "
            f"the images of each kind into a class folder of its own, {cure}"
        )
    counts = np.bincount(train_labels, minlength=len(class_names))
    absent = [name for name, count in zip(class_names, counts, strict=True) if not count]
    if absent:
        more = f" and {len(absent) - NAMED_CLASSES} more" if len(absent) > NAMED_CLASSES else ""
        raise InputError(
            f"the train split has no image of the classes {', '.join(absent[:NAMED_CLASSES])}{more}, so the extractor "
            f"`classifier` cannot learn them: raise prepare.train_limit, add images, {cure}"
        )
    present = np.unique(test_labels)
    if len(present) < 2:
        raise InputError(
            f"all {len(test_labels)} test images are of one class, {class_names[int(present[0])]!r}, so the extractor "
            f"`classifier` cannot be tested: raise prepare.test_limit, add images of other classes, {cure}"
        )
