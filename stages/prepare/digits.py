"""Load the 8x8 digits that come with scikit-learn: for tests, and for machines that cannot download."""

import numpy as np

from stages.prepare.dataset import Dataset, Source, in_memory_split
from stages.prepare.splits import BY_HASH, choose_test_images

LARGEST_VALUE = 16


def load_digits() -> Dataset:
    """Load the digits and scale their values from 0..16 to 0..255.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    # scikit-learn is imported here because the other data sets do not need it.
    import sklearn
    from sklearn import datasets

    bundle = datasets.load_digits()
    values = bundle.images.astype(np.int64)
    images = ((values * 255 + LARGEST_VALUE // 2) // LARGEST_VALUE).astype(np.uint8)
    labels = bundle.target.astype(np.int64)
    names = [f"{label}/{index:04d}" for index, label in enumerate(labels)]
    is_test = choose_test_images(names, labels)
    splits = {
        "train": in_memory_split(images[~is_test], labels[~is_test]),
        "test": in_memory_split(images[is_test], labels[is_test]),
    }
    source = Source(
        "scikit-learn", f"sklearn.datasets.load_digits, {sklearn.__version__}", "part of the package"
    )
    return Dataset(source, [str(name) for name in bundle.target_names], 1, BY_HASH, splits)
